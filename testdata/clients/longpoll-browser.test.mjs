// The chat page in a real browser that gets no WebSocket through: npm's phoenix, in place of the page's own client, falls
// back to long-polling, and the chat goes on.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import * as chromium from "./chromium.mjs";
import { launch, skip } from "./chromium.mjs";
import { dev } from "./server.mjs";
import { until } from "./wait.mjs";

const phoenix = readFileSync(new URL("node_modules/phoenix/priv/static/phoenix.js", import.meta.url), "utf8");
const inItsPlace = `${phoenix}
globalThis.chhost = { Socket: class extends Phoenix.Socket {
  constructor(mount, options) { super(mount, { longPollFallbackMs: 300, ...options }); }
} };`;

// A WebSocket as a proxy leaves it that lets none through.
function blockWebSockets() {
  globalThis.blocked = 0;
  globalThis.WebSocket = class {
    constructor() {
      this.readyState = 0;
      globalThis.blocked++;
      setTimeout(() => {
        this.readyState = 3;
        this.onerror?.(new Event("error"));
        this.onclose?.(new CloseEvent("close", { code: 1006, wasClean: false }));
      }, 10);
    }
    close() {}
    send() { throw new Error("it is not open"); }
  };
}

describe("the chat page without WebSocket", { skip }, () => {
  let browser;
  before(async () => { browser = await launch(); });
  after(() => browser?.close());

  test("falls back to long-polling, and goes on when the server was restarted", async (t) => {
    let server = await dev("plugins/chat");
    t.after(() => server?.stop());
    const { context } = await chromium.profile(t, browser, server);
    const ada = await context.newPage();
    await ada.route("**/chhost.js", (route) => route.fulfill({ contentType: "text/javascript", body: inItsPlace }));
    await ada.addInitScript(blockWebSockets);
    const polls = [];
    ada.on("request", (request) => { if (new URL(request.url()).pathname === "/socket/longpoll") polls.push(request.method()); });
    const grace = await context.newPage(); // with a WebSocket, and the page's own client
    const enter = async (page, name) => {
      await page.goto(server.page);
      await page.getByLabel("Your name").fill(name);
      await page.getByRole("button", { name: "Enter" }).click();
      await page.getByText("Connected").waitFor();
    };
    const heard = (page, text) => page.getByRole("log", { name: "Conversation" }).getByText(text, { exact: true });
    const say = async (page, text) => {
      await page.getByLabel("Message").fill(text);
      await page.getByLabel("Message").press("Enter");
    };
    await enter(ada, "Ada");
    await enter(grace, "Grace");
    await heard(ada, "Grace entered").waitFor();
    await say(ada, "by long-polling");
    await heard(grace, "by long-polling").waitFor();
    await say(grace, "by WebSocket");
    await heard(ada, "by WebSocket").waitFor();
    assert.ok(await ada.evaluate("blocked") > 0, "a WebSocket was tried");
    assert.ok(polls.includes("GET") && polls.includes("POST"));

    const { port } = server;
    await server.stop();
    server = null;
    await ada.getByText("Reconnecting…").waitFor();
    server = await dev("plugins/chat", port);
    for (const page of [ada, grace]) await page.getByText("Connected").waitFor();
    await say(grace, "after the restart");
    await heard(ada, "after the restart").waitFor();
    await say(ada, "still by long-polling");
    await heard(grace, "still by long-polling").waitFor();
    assert.equal(await heard(ada, "by WebSocket").count(), 1);

    await ada.close(); // which nobody tells the server: the session ends when it was not polled for a while
    await until("Ada to have left", () => heard(grace, "Ada left").count(), 40_000);
  });
});
