// A real browser, and tabs in it that remember what went wrong.

import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";

const executablePath = process.env.CHHOST_CHROMIUM || "/usr/bin/chromium";
const screenshots = process.env.CHHOST_SCREENSHOTS;

/** Why tests of pages are skipped, or false. On a build server nothing is: there the launch names what is missing. */
export const skip = existsSync(executablePath) || process.env.CI === "true"
  ? false : `chromium is missing: ${executablePath} (install it, or name another with CHHOST_CHROMIUM)`;

export const WIDE = { width: 1280, height: 800 };
export const NARROW = { width: 390, height: 844 };

/** A browser with a fresh profile that goes when the browser does. */
export function launch() {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
}

/** Tabs of one browser profile on the server's pages, and all that went wrong in them, until the test ends. */
export async function profile(t, browser, server, options = {}) {
  const context = await browser.newContext({ viewport: WIDE, locale: "en-GB", colorScheme: "light", ...options });
  context.setDefaultTimeout(20_000);
  t.after(() => context.close());
  const faults = [];
  return {
    faults,
    context,
    async tab(place = "", { host, page: address } = server) {
      const page = await context.newPage();
      page.on("pageerror", (error) => faults.push(error.message));
      page.on("console", (message) => { if (message.type() === "error") faults.push(message.text()); });
      page.on("request", (request) => { if (new URL(request.url()).host !== host) faults.push(request.url()); });
      await page.goto(address + place);
      return page;
    },
  };
}

/** With CHHOST_SCREENSHOTS, leaves a picture of the page in that directory. */
export async function picture(page, name) {
  if (!screenshots) return;
  mkdirSync(screenshots, { recursive: true });
  // What arrives may fade in: wait until all stands still.
  await page.waitForFunction(() => document.getAnimations().every((a) => a.effect.getTiming().iterations === Infinity));
  await page.screenshot({ path: path.join(screenshots, `${name}.png`) });
}
