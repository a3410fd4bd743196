// The chat page in a real browser: two tabs that talk to each other through `chhost dev`.
// With CHHOST_SCREENSHOTS it leaves pictures of the page in that directory.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as chromium from "./chromium.mjs";
import { NARROW, launch, skip } from "./chromium.mjs";
import { copyOf } from "./plugin.mjs";
import { dev } from "./server.mjs";
import { until } from "./wait.mjs";

describe("the chat page", { skip }, () => {
  let server;
  let browser;
  before(async () => {
    server = await dev("plugins/chat");
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  const profile = (t, options) => chromium.profile(t, browser, server, options);
  const picture = (page, name) => chromium.picture(page, `chat-${name}`);

  async function enter(page, name) {
    await page.getByLabel("Your name").fill(name);
    await page.getByRole("button", { name: "Enter" }).click();
    await page.getByText("Connected").waitFor();
  }

  async function say(page, text) {
    await page.getByLabel("Message").fill(text);
    await page.getByLabel("Message").press("Enter");
  }

  const conversation = (page) => page.getByRole("log", { name: "Conversation" });
  const entry = (page, text) => conversation(page).getByText(text, { exact: true });

  test("carries what is typed in one tab to the other, and announces who comes and goes", async (t) => {
    const { tab, faults } = await profile(t);
    const ada = await tab();
    await picture(ada, "door-wide");
    // What the policy forbids would be among the faults.
    const policy = await ada.locator("meta[http-equiv='Content-Security-Policy']").getAttribute("content");
    assert.equal(policy, "default-src 'self'");
    await enter(ada, "Ada");
    await entry(ada, "You entered").waitFor();
    const grace = await tab();
    await enter(grace, "Grace");
    await entry(ada, "Grace entered").waitFor();

    await say(ada, "Hello Grace! This went through a channel.");
    await say(grace, "And this is the answer, by the same way.");
    await entry(ada, "And this is the answer, by the same way.").waitFor();
    for (const [page, own, author] of [[ada, true, "You"], [grace, false, "Ada"]]) {
      const message = conversation(page).getByRole("listitem").filter({ hasText: "Hello Grace!" });
      await message.waitFor();
      assert.equal(await message.count(), 1);
      assert.equal((await message.getAttribute("class")).split(" ").includes("own"), own);
      await message.getByText(author, { exact: true }).waitFor();
    }
    assert.equal(await ada.getByLabel("Message").inputValue(), "", "what was sent leaves the field");

    const markup = `<img src="/none.png" onerror="document.title='hit'"><b>bold</b> & <script>1</script>`;
    await say(ada, markup);
    await entry(grace, markup).waitFor();
    assert.equal(await conversation(grace).locator("img, b, script").count(), 0);
    assert.notEqual(await grace.title(), "hit");

    await grace.getByLabel("Message").fill("one line");
    await grace.getByLabel("Message").press("Shift+Enter");
    await grace.keyboard.type("and another");
    await grace.getByRole("button", { name: "Send" }).click();
    const body = conversation(ada).getByText("one line");
    await body.waitFor();
    assert.equal(await body.textContent(), "one line\nand another");

    await picture(ada, "wide");
    await grace.setViewportSize(NARROW);
    await picture(grace, "narrow");
    await grace.close();
    await entry(ada, "Grace left").waitFor();
    assert.deepEqual(faults, []);
  });

  test("fits a narrow window, in the dark too", async (t) => {
    const { tab, faults } = await profile(t, { viewport: NARROW, colorScheme: "dark" });
    const page = await tab();
    await picture(page, "door-narrow-dark");
    await enter(page, "A name as long as the field takes");
    const long = "averylongwordwithoutanyspaces".repeat(10);
    for (let n = 1; n <= 12; n++) await say(page, `Message ${n} of a conversation that needs some room.`);
    await say(page, long);
    await entry(page, long).waitFor();
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
    const box = await entry(page, long).boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= NARROW.width, "a long word is wrapped");
    const newestInSight = () => conversation(page).evaluate((log) => (
      log.querySelector("li:last-child").getBoundingClientRect().bottom <= log.getBoundingClientRect().bottom));
    await until("the newest message to be in sight", newestInSight);
    await picture(page, "narrow-dark");
    await page.setViewportSize({ ...NARROW, height: 440 });
    await until("it to stay in sight above a keyboard", newestInSight);
    assert.deepEqual(faults, []);
  });

  test("says why a room is closed to one", async (t) => {
    const { tab, faults } = await profile(t);
    const page = await tab("?room=secret");
    await page.getByLabel("Your name").fill("Mallory");
    await page.getByLabel("Your name").press("Enter");
    await page.getByRole("alert").getByText("You were not let in: unauthorized").waitFor();
    await picture(page, "refused");
    assert.equal(await conversation(page).isVisible(), false);
    assert.deepEqual(faults, []);
  });

  test("says what was not sent, and why, and keeps it to be sent again", async (t) => {
    const { tab, context, faults } = await profile(t);
    let overloaded = true;
    await context.routeWebSocket(/\/socket\/websocket/, (client) => { // the host's own answer when a mailbox is full
      const host = client.connectToServer();
      client.onMessage((frame) => {
        const [joinRef, ref, topic, event] = JSON.parse(frame);
        if (event !== "new:msg" || !overloaded) return host.send(frame);
        client.send(JSON.stringify([joinRef, ref, topic, "phx_reply", { status: "error", response: { reason: "overloaded" } }]));
      });
    });
    const page = await tab();
    await enter(page, "Ada");
    await say(page, "too much");
    const alert = page.getByRole("alert").getByText("Not sent: overloaded");
    await alert.waitFor();
    assert.equal(await page.getByLabel("Message").inputValue(), "too much");
    await picture(page, "not-sent");
    overloaded = false;
    await page.getByLabel("Message").press("Enter");
    await entry(page, "too much").waitFor();
    await alert.waitFor({ state: "hidden" });
    assert.deepEqual(faults, []);
  });

  test("reconnects when the server is restarted, with the conversation still there", async (t) => {
    let restarted = await dev("plugins/chat");
    t.after(() => restarted?.stop());
    const { tab } = await profile(t);
    const page = await tab("", restarted);
    await enter(page, "Ada");
    await say(page, "before");
    await entry(page, "before").waitFor();
    const { port } = restarted;
    await restarted.stop();
    restarted = null;
    await page.getByText("Reconnecting…").waitFor();
    restarted = await dev("plugins/chat", port);
    await page.getByText("Connected").waitFor();
    await say(page, "after");
    await entry(page, "after").waitFor();
    assert.equal(await entry(page, "before").count(), 1);
  });

  test("leaves by its button, asks for the name again, and keeps it over a reload", async (t) => {
    const { tab, faults } = await profile(t);
    const [ada, grace] = [await tab(), await tab()];
    await enter(ada, "Ada");
    await enter(grace, "Grace");
    await grace.reload();
    await grace.getByText("Connected").waitFor();
    await grace.getByRole("button", { name: "Leave" }).click();
    await until("Grace to have left twice", async () => await entry(ada, "Grace left").count() === 2);
    await enter(grace, "Hopper");
    await entry(ada, "Hopper entered").waitFor();
    assert.deepEqual(faults, []);
  });

  test("hears the system, and goes on talking while a new version of the plugin is swapped in", async (t) => {
    const { plugin, edit } = copyOf(t, "plugins/chat");
    const edited = await dev(plugin);
    t.after(() => edited.stop());
    const { tab, faults } = await chromium.profile(t, browser, edited);
    const [ada, grace] = [await tab(), await tab()];
    const sockets = [];
    for (const page of [ada, grace]) {
      await page.reload(); // from here on its sockets are counted
      page.on("websocket", (socket) => {
        sockets.push(socket);
        socket.on("close", () => sockets.push("closed"));
      });
    }
    await enter(ada, "Ada");
    await enter(grace, "Grace");
    await entry(ada, "Grace entered").waitFor();
    const system = conversation(ada).getByText(/^SYSTEM ping/).last();
    await system.waitFor();
    await picture(ada, "system");

    edit("main.go", '"body": body})', '"body": "v2: " + body})');
    // Talk on: which version answers shows in the message, and none of them is lost.
    const said = [];
    await until("the new version", async () => {
      const [page, text] = said.length % 2 ? [grace, `by Grace, ${said.length}`] : [ada, `by Ada, ${said.length}`];
      said.push(text);
      await say(page, text);
      const heard = conversation(page === ada ? grace : ada).getByText(new RegExp(`^(v2: )?${text}$`));
      await heard.waitFor();
      return (await heard.textContent()).startsWith("v2: ");
    }, 60_000);
    for (const page of [ada, grace]) {
      const bodies = await conversation(page).locator(".message .body").allTextContents();
      assert.deepEqual(bodies.map((text) => text.replace("v2: ", "")), said, "each message once, in order");
      await page.getByText("Connected").waitFor();
    }
    // The timer outlived the version that set it, and the assigns: names are known.
    const before = await system.textContent();
    await until("another ping", async () => await system.textContent() !== before);
    await say(ada, "still me");
    await conversation(grace).getByRole("listitem").filter({ hasText: "v2: still me" }).waitFor();
    assert.equal(sockets.filter((socket) => socket !== "closed").length, 2);
    assert.ok(!sockets.includes("closed"), "no socket was closed");
    assert.deepEqual(faults, []);
  });
});
