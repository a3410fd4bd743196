// The built-in page of `chhost dev`, in a real browser: for a plugin without a page of its own, and for a module.
// With CHHOST_SCREENSHOTS it leaves pictures of the page in that directory.

import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as chromium from "./chromium.mjs";
import { NARROW, launch, picture, skip } from "./chromium.mjs";
import { copyOf } from "./plugin.mjs";
import { dev } from "./server.mjs";
import { environment, until } from "./wait.mjs";

const repository = fileURLToPath(new URL("../..", import.meta.url));

describe("the built-in page", { skip }, () => {
  let server;
  let browser;
  before(async () => {
    server = await dev("testdata/plugins/rooms");
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  // A tab on which the page is connected.
  async function open(t, { on = server, options, place = "" } = {}) {
    const { tab, context, faults } = await chromium.profile(t, browser, on, options);
    const page = await tab(place);
    await page.getByRole("status", { name: "Socket" }).getByText("Connected").waitFor();
    return { page, context, faults };
  }

  const card = (page, topic) => page.getByRole("region", { name: topic, exact: true });
  const state = (page, topic, words) => card(page, topic).getByText(words, { exact: true });

  async function join(page, topic, payload) {
    await page.getByLabel("Topic", { exact: true }).fill(topic);
    if (payload !== undefined) await page.locator("#join-payload").fill(payload);
    await page.getByRole("button", { name: "Join", exact: true }).click();
  }

  async function push(page, topic, event, payload) {
    await card(page, topic).getByLabel("Event").fill(event);
    if (payload !== undefined) await card(page, topic).getByLabel("Payload", { exact: true }).fill(payload);
    await card(page, topic).getByRole("button", { name: "Push" }).click();
  }

  // What the log shows: direction, topic, event, payload and how it is answered, without times.
  const shown = (page) => page.locator("#entries > .frame:not([hidden])").evaluateAll((rows) => rows.map((row) => {
    const text = (part) => row.querySelector(part)?.textContent ?? "";
    const direction = row.querySelector(".arrow").getAttribute("aria-label");
    return [direction, text(".topic-name"), text(".event-name"), text("pre"), text(".status")].join(" ").trim();
  }));

  test("joins topics, pushes, leaves, and shows every frame in its order", async (t) => {
    const { page, faults } = await open(t);
    assert.equal(new URL(page.url()).pathname, "/dev/", "a plugin without a page of its own has this one");
    assert.equal(await page.getByRole("heading", { name: "rooms", exact: true }).count(), 1);
    await picture(page, "dev-empty");
    await join(page, "rooms:hello", '{"user": "Ada"}');
    await state(page, "rooms:hello", "Joined").waitFor();
    await card(page, "rooms:hello").getByText('{"welcome":true}').waitFor();
    await push(page, "rooms:hello", "order", '{"n": [1, "a\\nb"]}');
    await card(page, "rooms:hello").getByText(/^ok after \d+ ms: {}$/).waitFor();
    await join(page, "rooms:second", "");
    await state(page, "rooms:second", "Joined").waitFor();
    await push(page, "rooms:second", "nonsense", "");
    await card(page, "rooms:second").getByText(/^error after \d+ ms: {"reason":"unhandled event"}$/).waitFor();
    await card(page, "rooms:hello").getByRole("button", { name: "Leave" }).click();
    await state(page, "rooms:hello", "Left").waitFor();
    await until("all frames", async () => (await shown(page)).length >= 14);
    await picture(page, "dev-wide");
    assert.deepEqual(await shown(page), [
      'sent rooms:hello phx_join { "user": "Ada" }',
      'received rooms:hello phx_reply { "status": "ok", "response": { "welcome": true } } ok',
      'received rooms:hello hello { "n": 1 }',
      'sent rooms:hello order { "n": [ 1, "a\\nb" ] }',
      "received rooms:hello a {}",
      "received rooms:hello b {}",
      "received rooms:hello c {}",
      'received rooms:hello phx_reply { "status": "ok", "response": {} } ok',
      "sent rooms:second phx_join {}",
      'received rooms:second phx_reply { "status": "ok", "response": {} } ok',
      "sent rooms:second nonsense {}",
      'received rooms:second phx_reply { "status": "error", "response": { "reason": "unhandled event" } } error',
      "sent rooms:hello phx_leave {}",
      'received rooms:hello phx_reply { "status": "ok", "response": {} } ok',
      "received rooms:hello phx_close {}",
    ]);

    await card(page, "rooms:hello").getByRole("button", { name: "Join again" }).click();
    await state(page, "rooms:hello", "Joined").waitFor();
    await join(page, "rooms:hello");
    await page.getByRole("alert").getByText("rooms:hello is joined already: leave it first").waitFor();
    await push(page, "rooms:hello", "stop", "{}");
    await state(page, "rooms:hello", "Closed by the server").waitFor();
    await card(page, "rooms:hello").getByRole("button", { name: "Remove" }).click();
    assert.equal(await card(page, "rooms:hello").count(), 0);
    await push(page, "rooms:second", "crash", "{}");
    await card(page, "rooms:second").getByText('The server ended the channel: {"reason":"channel_crash"}').waitFor();
    await state(page, "rooms:second", "Joined").waitFor(); // again, by itself
    assert.deepEqual(faults, []);
  });

  test("says why a join was refused, and does not try again by itself", async (t) => {
    const { page, faults } = await open(t);
    await join(page, "rooms:refuse");
    await card(page, "rooms:refuse").getByText('Refused: {"reason":"unauthorized"}').waitFor();
    await state(page, "rooms:refuse", "Refused").waitFor();
    await until("the answer to its leaving", async () => (await shown(page)).length === 4);
    assert.equal(await card(page, "rooms:refuse").getByRole("button", { name: "Push" }).isDisabled(), true);
    assert.deepEqual(faults, []);
  });

  test("says that a join was not answered", async (t) => {
    const food = await dev("plugins/food");
    t.after(() => food.stop());
    const { page, faults } = await open(t, { on: food });
    await page.clock.install();
    await join(page, "foods:private");
    await state(page, "foods:private", "Joining…").waitFor();
    await page.clock.fastForward("00:10");
    await card(page, "foods:private").getByText("The plugin may have ignored it").waitFor();
    await state(page, "foods:private", "No answer").waitFor();
    assert.deepEqual(faults, []);
  });

  test("checks what is typed before it is sent, and says beside the field what is wrong", async (t) => {
    const { page, faults } = await open(t);
    const fault = async (field, text) => {
      const id = await field.getAttribute("aria-describedby");
      await page.locator(`#${id}`).getByText(text).waitFor();
      assert.equal(await field.getAttribute("aria-invalid"), "true");
      assert.equal(await field.evaluate((f) => f === document.activeElement), true, "it has the focus");
    };
    await join(page, " ");
    await fault(page.locator("#topic"), "Which topic?");
    await join(page, "rooms:a", "[1]");
    await fault(page.locator("#join-payload"), "A payload is a JSON object");
    await page.locator("#join-payload").fill("{}");
    await page.locator("#join-payload-fault").waitFor({ state: "hidden" });
    await join(page, "rooms:a");
    await state(page, "rooms:a", "Joined").waitFor();
    const [event, payload] = [card(page, "rooms:a").getByLabel("Event"), card(page, "rooms:a").getByLabel("Payload", { exact: true })];
    await push(page, "rooms:a", "", "{}");
    await fault(event, "Which event?");
    await push(page, "rooms:a", "e".repeat(256));
    await fault(event, "The event has more than 255 bytes");
    await push(page, "rooms:a", "echo", '{"body: 1}');
    await fault(payload, "This is not JSON: ");
    await picture(page, "dev-faults");
    await card(page, "rooms:a").getByLabel("Kind of payload").selectOption({ label: "bytes, in base64" });
    await push(page, "rooms:a", "echo", "%%%");
    await fault(payload, "This is not base64");
    for (const [params, text] of [["{", "This is not JSON"], ['{"a": {}}', '"a" has to be text'], ['{"vsn": 1}', '"vsn" is the protocol']]) {
      await page.locator("#params").fill(params);
      await page.locator("#params").press("Control+Enter");
      await fault(page.locator("#params"), text);
    }
    assert.deepEqual(await shown(page), ["sent rooms:a phx_join {}", 'received rooms:a phx_reply { "status": "ok", "response": {} } ok']);
    assert.deepEqual(faults, []);
  });

  test("pushes bytes and shows those that arrive", async (t) => {
    const { page, faults } = await open(t);
    await join(page, "rooms:bytes");
    await state(page, "rooms:bytes", "Joined").waitFor();
    await card(page, "rooms:bytes").getByLabel("Kind of payload").selectOption("bytes");
    await push(page, "rooms:bytes", "echo", "AQL/");
    await card(page, "rooms:bytes").getByText(/^ok after \d+ ms: 3 bytes AQL\/$/).waitFor();
    await push(page, "rooms:bytes", "new:msg", "/w==");
    await until("the broadcast", async () => (await shown(page)).length >= 7);
    assert.deepEqual((await shown(page)).slice(2), [
      "sent rooms:bytes echo 3 bytes: AQL/",
      "received rooms:bytes phx_reply 3 bytes: AQL/ ok",
      "sent rooms:bytes new:msg 1 byte: /w==",
      "received rooms:bytes new:msg 1 byte: /w==",
      'received rooms:bytes phx_reply { "status": "ok", "response": {} } ok',
    ]);
    assert.deepEqual(faults, []);
  });

  test("filters, pauses, clears, and keeps the newest 500 of a flood", async (t) => {
    const { tab, context, faults } = await chromium.profile(t, browser, server);
    let flood;
    await context.routeWebSocket(/\/socket\/websocket/, (client) => {
      const host = client.connectToServer();
      client.onMessage((frame) => {
        host.send(frame);
        const [, , topic, event] = JSON.parse(frame);
        if (event === "flood") flood(client, topic);
      });
    });
    const page = await tab();
    for (const topic of ["rooms:a", "rooms:b"]) {
      await join(page, topic);
      await state(page, topic, "Joined").waitFor();
    }
    await page.getByLabel("Show").selectOption("rooms:b");
    assert.deepEqual((await shown(page)).map((row) => row.split(" ")[1]), ["rooms:b", "rooms:b"]);
    await page.getByText("2 hidden").waitFor();
    await page.getByLabel("Show").selectOption("all topics");
    assert.equal((await shown(page)).length, 4);

    await page.getByRole("button", { name: "Pause" }).click();
    await push(page, "rooms:a", "new:msg", '{"while": "paused"}');
    await page.getByText("3 waiting").waitFor(); // the push, the broadcast, the reply
    assert.equal((await shown(page)).length, 4);
    await page.getByRole("button", { name: "Resume" }).click();
    assert.equal((await shown(page)).length, 7);

    flood = (client, topic) => {
      for (let n = 1; n <= 1200; n++) client.send(JSON.stringify([null, null, topic, "n", { n }]));
      client.send(JSON.stringify([null, null, topic, "long", { text: "x".repeat(100_000) }]));
    };
    await push(page, "rooms:a", "flood", "{}");
    await page.getByText(/^the newest 500 of 1,2\d\d$/).waitFor();
    const rows = await shown(page);
    assert.equal(rows.filter((row) => row.includes(" n ")).length >= 495, true, "what is kept is the end of it");
    const long = rows.find((row) => row.includes(" long "));
    assert.match(long, /… and 96,\d\d\d more characters/);
    assert.ok(long.length < 5000);
    const newest = await page.locator("#entries > li:last-child").evaluate((li) => (
      li.getBoundingClientRect().bottom <= document.getElementById("log").getBoundingClientRect().bottom + 1));
    assert.equal(newest, true, "the newest is in sight");
    await picture(page, "dev-flood");

    await page.getByRole("button", { name: "Clear" }).click();
    assert.deepEqual(await shown(page), []);
    await push(page, "rooms:b", "echo", "{}");
    await until("the next frames", async () => (await shown(page)).length === 2);
    assert.deepEqual(faults, []);
  });

  test("keeps over a reload what was typed, and joins again what was joined", async (t) => {
    const { page, faults } = await open(t);
    await page.locator("#params").fill('{"token": "t&1"}');
    await page.getByRole("button", { name: "Reconnect" }).click();
    await join(page, "rooms:old", '{"a": 1}');
    await state(page, "rooms:old", "Joined").waitFor();
    await card(page, "rooms:old").getByRole("button", { name: "Leave" }).click();
    await join(page, "rooms:kept", '{"b": 2}');
    await state(page, "rooms:kept", "Joined").waitFor();
    await card(page, "rooms:kept").getByLabel("Event").fill("half an ev");
    await card(page, "rooms:kept").getByLabel("Payload", { exact: true }).fill('{"half":');
    const sockets = [];
    page.on("websocket", (socket) => sockets.push(new URL(socket.url()).searchParams.get("token")));
    await page.reload();
    await state(page, "rooms:kept", "Joined").waitFor();
    assert.deepEqual(sockets, ["t&1"]);
    await state(page, "rooms:old", "Left").waitFor();
    assert.equal(await page.locator("#join-payload").inputValue(), '{"b": 2}');
    assert.equal(await card(page, "rooms:kept").getByLabel("Event").inputValue(), "half an ev");
    assert.equal(await card(page, "rooms:kept").getByLabel("Payload", { exact: true }).inputValue(), '{"half":');
    assert.equal((await shown(page))[0], 'sent rooms:kept phx_join { "b": 2 }');

    await page.getByRole("button", { name: "Disconnect" }).click();
    await page.getByText("Disconnected", { exact: true }).waitFor();
    await state(page, "rooms:kept", "Waiting for the socket…").waitFor();
    await page.reload();
    await page.getByText("Disconnected", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await state(page, "rooms:kept", "Joined").waitFor();
    assert.deepEqual(faults, []);
  });

  test("fits a narrow window, in the dark too, and works by keys alone", async (t) => {
    const { page, faults } = await open(t, { options: { viewport: NARROW, colorScheme: "dark" } });
    await page.locator("#topic").focus();
    await page.keyboard.type(`rooms:${"long".repeat(30)}`);
    await page.keyboard.press("Enter");
    const topic = `rooms:${"long".repeat(30)}`;
    await state(page, topic, "Joined").waitFor();
    await card(page, topic).getByLabel("Event").focus();
    await page.keyboard.type("echo");
    await page.keyboard.press("Tab"); // the kind
    await page.keyboard.press("Tab");
    await page.keyboard.press("Control+A");
    await page.keyboard.type(`{"word": "${"averylongwordwithoutanyspaces".repeat(20)}"}`);
    await page.keyboard.press("Control+Enter");
    await card(page, topic).getByText(/^ok after/).waitFor();
    await until("the frames", async () => (await shown(page)).length === 4);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
    await picture(page, "dev-narrow-dark");
    await page.locator("#frames-title").scrollIntoViewIfNeeded();
    await page.locator("#log").evaluate((log) => log.scrollIntoView());
    await picture(page, "dev-narrow-dark-frames");
    assert.deepEqual(faults, []);
  });

  test("shows a build error and the swap that mends it, and no socket is closed", async (t) => {
    const { plugin, edit } = copyOf(t, "testdata/plugins/rooms");
    const edited = await dev(plugin);
    t.after(() => edited.stop());
    const { page, faults } = await open(t, { on: edited });
    await join(page, "rooms:swap");
    await state(page, "rooms:swap", "Joined").waitFor();

    edit("main.go", 'case "order":\n\t\ts.Push("a", nil)', 'case "order":\n\t\ts.Pusch("a", nil)');
    const alert = page.getByRole("alert").filter({ hasText: "The last change is not being served" });
    await alert.getByText("s.Pusch undefined").waitFor();
    await picture(page, "dev-build-error");
    assert.equal(await page.getByRole("status", { name: "Version" }).textContent(), "rooms@1");
    await push(page, "rooms:swap", "echo", '{"still": 1}');
    await card(page, "rooms:swap").getByText(/^ok after \d+ ms: {"still":1}$/).waitFor();

    edit("main.go", 's.Pusch("a", nil)', 's.Push("first", nil)');
    await page.locator("#entries").getByText("rooms@2 is serving: 1 channel moved, 0 stayed on rooms@1").waitFor();
    await alert.waitFor({ state: "hidden" });
    assert.equal(await page.getByRole("status", { name: "Version" }).textContent(), "rooms@2");
    await push(page, "rooms:swap", "order", "{}");
    await until("the new version's frames", async () => (await shown(page)).includes("received rooms:swap first {}"));
    await picture(page, "dev-swap");
    assert.equal((await shown(page)).filter((row) => row.includes("phx_join")).length, 1, "it was joined once, and never again");
    assert.equal(await page.locator("#entries").getByText("the connection ended").count(), 0);
    assert.deepEqual(faults, []);
  });

  test("serves a module, and the next one that is put in its place", async (t) => {
    const dir = mkdtempSync(path.join(os.tmpdir(), "chhost-"));
    t.after(() => rmSync(dir, { recursive: true }));
    const guest = (name) => path.join(environment("CHHOST_GUESTS", "the directory with rooms.wasm"), name);
    const file = path.join(dir, "module.wasm");
    const replace = (by) => {
      copyFileSync(by, `${file}.new`);
      renameSync(`${file}.new`, file);
    };
    replace(guest("food.wasm"));
    const served = await dev(file);
    t.after(() => served.stop());
    const { page, faults } = await open(t, { on: served });
    await join(page, "foods:all");
    await state(page, "foods:all", "Joined").waitFor();
    replace(guest("rooms.wasm"));
    await page.locator("#entries").getByText("module@2 is serving: 1 channel moved").waitFor();
    await push(page, "foods:all", "echo", '{"by": "rooms"}');
    await card(page, "foods:all").getByText(/^ok after \d+ ms: {"by":"rooms"}$/).waitFor();
    assert.deepEqual(faults, []);

    // One whose connect and upgrade break the contract: what is connected stays, what comes is refused. The browser's own word for it is a fault.
    replace(path.join(repository, "testdata/guests/broken/status_of_others.wasm"));
    await page.locator("#entries").getByText("module@3 is serving: 0 channels moved, 1 stayed on module@2").waitFor();
    await page.getByRole("status", { name: "Socket" }).getByText("Connected").waitFor();
    await page.getByRole("button", { name: "Reconnect" }).click();
    await page.getByText("The server is there and refused the socket").waitFor();
    await state(page, "foods:all", "Waiting for the socket…").waitFor();
    await until("a few attempts", () => faults.length >= 3);
    // The old connection's end may be told behind the first attempt that fails.
    const failed = await page.locator("#entries > *").evaluateAll((all) => all.map((entry) => entry.textContent.includes("no connection")));
    assert.ok(failed.includes(true), "an attempt that failed is told");
    assert.ok(!failed.some((is, i) => is && failed[i + 1]), "an attempt like the one before is no news");
    await picture(page, "dev-refused");
    replace(guest("rooms.wasm"));
    await page.getByRole("status", { name: "Socket" }).getByText("Connected").waitFor();
    await state(page, "foods:all", "Joined").waitFor();
    await page.getByText("refused the socket").waitFor({ state: "hidden" });
  });
});
