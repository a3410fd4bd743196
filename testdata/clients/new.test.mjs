// What `chhost new` makes, in a real browser: two tabs on its page, served by `chhost dev`.
// With CHHOST_SCREENSHOTS it leaves a picture of the page in that directory.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { dev } from "./server.mjs";
import { environment } from "./wait.mjs";

const executablePath = process.env.CHHOST_CHROMIUM || "/usr/bin/chromium";
// On a build server nothing is skipped: there the launch fails, and names what is missing.
const skip = existsSync(executablePath) || process.env.CI === "true"
  ? false : `chromium is missing: ${executablePath} (install it, or name another with CHHOST_CHROMIUM)`;
const repository = fileURLToPath(new URL("../..", import.meta.url));

describe("the page of a new plugin", { skip }, () => {
  let dir;
  let server;
  let browser;
  before(async () => {
    dir = await mkdtemp(path.join(tmpdir(), "chhost-new-"));
    const command = environment("CHHOST_BIN", "the chhost binary to test");
    await promisify(execFile)(command, ["new", "foods", "--sdk", repository], { cwd: dir });
    server = await dev(path.join(dir, "foods"));
    browser = await chromium.launch({ executablePath, headless: true, args: ["--no-sandbox", "--disable-gpu", "--no-first-run"] });
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    if (dir) await rm(dir, { recursive: true });
  });

  // A tab, and all that goes wrong in it: what its policy forbids is told on the console.
  async function tab(t, faults) {
    const context = await browser.newContext({ viewport: { width: 800, height: 600 } });
    context.setDefaultTimeout(20_000);
    t.after(() => context.close());
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => { if (message.type() === "error") faults.push(message.text()); });
    page.on("request", (request) => { if (new URL(request.url()).host !== server.host) faults.push(request.url()); });
    await page.goto(server.page);
    return page;
  }

  async function join(page, name) {
    await page.getByLabel("Your name").fill(name);
    await page.getByRole("button", { name: "Join" }).click();
    await line(page, `${name} entered`).waitFor();
  }

  const line = (page, text) => page.getByRole("log").getByText(text, { exact: true });

  test("carries what is said in one tab to the other", async (t) => {
    const faults = [];
    const ada = await tab(t, faults);
    assert.equal(await ada.locator("meta[http-equiv='Content-Security-Policy']").getAttribute("content"), "default-src 'self'");
    await join(ada, "Ada");
    const bob = await tab(t, faults);
    await join(bob, "Bob");
    await line(ada, "Bob entered").waitFor();

    await ada.getByLabel("Message").fill("hello <b>Bob</b>");
    await ada.getByRole("button", { name: "Send" }).click();
    await line(ada, "Ada: hello <b>Bob</b>").waitFor();
    await line(bob, "Ada: hello <b>Bob</b>").waitFor();
    assert.equal(await ada.getByLabel("Message").inputValue(), "", "what was sent leaves the field");
    if (process.env.CHHOST_SCREENSHOTS) await ada.screenshot({ path: path.join(process.env.CHHOST_SCREENSHOTS, "new.png") });

    await bob.close();
    await line(ada, "Bob left").waitFor();
    assert.deepEqual(faults, []);
  });

  test("says why somebody is not let in", async (t) => {
    const page = await tab(t, []);
    await page.getByLabel("Your name").fill("é".repeat(20)); // more bytes than characters
    await page.getByRole("button", { name: "Join" }).click();
    await page.getByText("You were not let in: name needed, at most 32 bytes").waitFor();
    await join(page, "Ada");
  });
});
