// A copy of a plugin that a test may edit, as its author does while `chhost dev` serves it.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Copies the plugin in DIR, a path below the repository's root, until the test ends. */
export function copyOf(t, dir) {
  const temporary = mkdtempSync(path.join(os.tmpdir(), "chhost-"));
  t.after(() => rmSync(temporary, { recursive: true }));
  const plugin = path.join(temporary, path.basename(dir));
  cpSync(path.join(repository, dir), plugin, { recursive: true });
  const edit = (name, from, to) => {
    const file = path.join(plugin, name);
    const text = readFileSync(file, "utf8");
    assert.ok(text.includes(from), `${name} has ${from}`);
    writeFileSync(file, text.replace(from, to));
  };
  const sdk = path.join(repository, "guest-sdk/go");
  edit("go.mod", path.relative(path.join(repository, dir), sdk), sdk);
  return { plugin, edit };
}
