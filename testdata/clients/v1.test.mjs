// Version 1 of the protocol, which old clients speak: objects, no binary frames, and no join_ref from the server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Socket } from "phoenix";
import { behaviours } from "./behaviours.mjs";
import { join, ok, onTopic, refused } from "./channels.mjs";
import { collect, connect } from "./connect.mjs";
import { PhoenixV1 } from "./phoenix-v1.mjs";
import { route, serve } from "./server.mjs";
import { outcome, until } from "./wait.mjs";

behaviours("npm phoenix over version 1", PhoenixV1);

describe("version 1 on the wire", () => {
  let server;
  before(async () => { server = await serve([route("rooms:*", "rooms")]); });
  after(() => server?.stop());

  test("joins, pushes, replies, broadcasts and leaves in objects", async (t) => {
    const client = await connect(t, PhoenixV1, server);
    const channel = await join(client, "rooms:v1");
    assert.deepEqual(await outcome(channel.push("echo", { x: 1 })), ok({ x: 1 }));
    assert.deepEqual(await outcome(channel.push("nothing", {})), refused("unhandled event"));
    assert.deepEqual(await outcome(channel.push("new:msg", { b: 1 })), ok());
    assert.deepEqual(await outcome(channel.leave()), ok());
    await until("the close", () => onTopic(client.frames, "rooms:v1", "phx_close").length);

    const [joined, echo, unknown, message, left] = client.sent.map(([, ref]) => ref);
    const reply = (ref, status, response) => ({ topic: "rooms:v1", event: "phx_reply", payload: { status, response }, ref });
    const received = client.texts.map((text) => JSON.parse(text)).filter((frame) => !("join_ref" in frame));
    assert.deepEqual(received, [
      reply(joined, "ok", {}),
      reply(echo, "ok", { x: 1 }),
      reply(unknown, "error", { reason: "unhandled event" }),
      { topic: "rooms:v1", event: "new:msg", payload: { b: 1 }, ref: null },
      reply(message, "ok", {}),
      reply(left, "ok", {}),
      { topic: "rooms:v1", event: "phx_close", payload: {}, ref: joined },
    ]);
    assert.equal(received.length + client.sent.length, client.texts.length);
  });

  test("shares a topic with version 2", async (t) => {
    const [old, young] = [await connect(t, PhoenixV1, server), await connect(t, Socket, server)];
    const [atOld, atYoung] = [await join(old, "rooms:both"), await join(young, "rooms:both")];
    const [heardByOld, heardByYoung] = [collect(atOld, "new:msg"), collect(atYoung, "new:msg")];
    const body = "żółw 🐢 \u2028";
    assert.deepEqual(await outcome(atOld.push("new:msg", { from: "old", body })), ok());
    assert.deepEqual(await outcome(atYoung.push("new:msg", { from: "young", body })), ok());
    await until("both messages", () => heardByOld.length === 2 && heardByYoung.length === 2);
    const both = [{ from: "old", body }, { from: "young", body }];
    assert.deepEqual([heardByOld, heardByYoung], [both, both]);
  });
});
