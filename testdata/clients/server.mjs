// The chhost under test: started as a process of its own, as people start it, and stopped with SIGTERM, or killed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { environment, until } from "./wait.mjs";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** A route of `serve`: the pattern goes to the guest NAME.wasm in the directory CHHOST_GUESTS. */
export function route(pattern, name) {
  const guests = environment("CHHOST_GUESTS", "the directory with the guests, such as rooms.wasm");
  return ["--route", `${pattern}=${path.join(guests, `${name}.wasm`)}`];
}

/** `chhost serve` with these routes; a port of its own choosing unless one is given. */
export function serve(routes, port = 0) {
  return start(["serve", "--addr", `127.0.0.1:${port}`, ...routes.flat()], 120_000);
}

/** `chhost dev PLUGIN`, which builds the plugin first. */
export function dev(plugin, port = 0) {
  return start(["dev", plugin, "--addr", `127.0.0.1:${port}`], 300_000);
}

// Resolves once the process has printed the address that it listens on.
async function start(args, deadline) {
  const command = environment("CHHOST_BIN", "the chhost binary to test");
  const child = spawn(command, args, { cwd: repository, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close"); // rejects when the command cannot be started at all
  ended.catch(() => {});
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => { stdout += text; });
  child.stderr.setEncoding("utf8").on("data", (text) => { stderr += text; });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill); // a failed test leaves no server behind
  const story = () => `${command} ${args.join(" ")}\n--- stdout\n${stdout}--- stderr\n${stderr}`;

  const listening = until("the line with the address", () => /http:\/\/([\w.[\]-]+:\d+)[\s/]/.exec(stdout), deadline);
  try {
    await Promise.race([listening, ended.then(() => { throw new Error("it ended before it listened"); })]);
  } catch (error) {
    kill();
    throw new Error(`${error.message}: ${story()}`, { cause: error });
  }
  const host = (await listening)[1];

  return {
    host,
    port: Number(host.slice(host.lastIndexOf(":") + 1)),
    page: `http://${host}/`,
    mount: `ws://${host}/socket`,
    /** Asks it to end, as an operator would, and checks that it does so cleanly. */
    async stop() {
      child.kill("SIGTERM");
      await until("the end of the server after SIGTERM", () => child.exitCode !== null || child.signalCode !== null, 30_000)
        .catch((error) => { kill(); throw new Error(`${error.message}: ${story()}`); });
      await ended;
      process.removeListener("exit", kill);
      assert.deepEqual([child.exitCode, child.signalCode], [0, null], `not a clean exit: ${story()}`);
    },
    /** Ends it at once, without a word to anybody, as a crash would. */
    async kill() {
      kill();
      await ended;
      process.removeListener("exit", kill);
      assert.equal(child.signalCode, "SIGKILL", `it had ended before: ${story()}`);
    },
  };
}
