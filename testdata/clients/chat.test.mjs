// The guide's chat: what the page relies on, seen by npm's phoenix.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Socket } from "phoenix";
import { collect, connect } from "./connect.mjs";
import { route, serve } from "./server.mjs";
import { outcome, until } from "./wait.mjs";

// What people wrote, without the system's pings, which come when they come.
const written = (messages) => messages.filter(({ user }) => user !== "SYSTEM");

describe("the chat plugin", () => {
  let server;
  before(async () => { server = await serve([route("rooms:*", "chat")]); });
  after(() => server?.stop());

  async function enter(t, user) {
    const client = await connect(t, Socket, server);
    const channel = client.socket.channel("rooms:lobby", { user });
    assert.equal((await outcome(channel.join())).status, "ok");
    return { ...client, channel };
  }

  test("announces who enters, carries messages with their author's name, and announces who leaves", async (t) => {
    const ada = await enter(t, "Ada");
    const [entered, left, messages] = ["user:entered", "user:left", "new:msg"].map((event) => collect(ada.channel, event));
    const grace = await enter(t, "Grace");
    await until("Grace's entry", () => entered.some(({ user }) => user === "Grace"));

    const body = "<b>hello</b> żółw";
    assert.equal((await outcome(grace.channel.push("new:msg", { body }))).status, "ok");
    await until("Grace's message", () => written(messages).length);
    assert.deepEqual(written(messages), [{ user: "Grace", body }]);

    grace.socket.disconnect();
    await until("Grace's leaving", () => left.length);
    assert.deepEqual(left, [{ user: "Grace" }]);
  });

  test("refuses every other room, with the reason", async (t) => {
    const { socket } = await connect(t, Socket, server);
    const channel = socket.channel("rooms:secret", { user: "Mallory" });
    assert.deepEqual(await outcome(channel.join()), { status: "error", response: { reason: "unauthorized" } });
    await outcome(channel.leave());
  });

  test("answers a message without a body with an error, and broadcasts nothing", async (t) => {
    const { channel } = await enter(t, "Ada");
    const messages = collect(channel, "new:msg");
    const { status, response } = await outcome(channel.push("new:msg", {}));
    assert.equal(status, "error");
    assert.ok(response.reason, "an error says why");
    assert.equal((await outcome(channel.push("new:msg", { body: "here" }))).status, "ok");
    assert.deepEqual(written(messages), [{ user: "Ada", body: "here" }]);
  });

  test("is pinged by the system again and again, until the channel is left", async (t) => {
    const { channel, frames } = await enter(t, "Ada");
    const pings = collect(channel, "new:msg");
    await until("two pings", () => pings.length === 2);
    assert.deepEqual(pings, Array(2).fill({ user: "SYSTEM", body: "ping" }));
    assert.equal((await outcome(channel.leave())).status, "ok");
    const events = () => frames.map(([, , , event]) => event);
    await until("the end", () => events().includes("phx_close"));
    assert.equal(events().at(-1), "phx_close", "nothing follows the end");
  });

  test("lets nobody in by the system's name", async (t) => {
    const { socket } = await connect(t, Socket, server);
    const channel = socket.channel("rooms:lobby", { user: " System" });
    assert.deepEqual(await outcome(channel.join()), { status: "error", response: { reason: "name taken" } });
    await outcome(channel.leave());
  });
});
