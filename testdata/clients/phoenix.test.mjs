// npm's phoenix, pinned and unmodified, against a real chhost over WebSocket.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Socket } from "phoenix";
import { WebSocket } from "ws";
import { behaviours } from "./behaviours.mjs";
import { collect, connect } from "./connect.mjs";
import { joining } from "./joining.mjs";
import { recovery } from "./recovery.mjs";
import { route, serve } from "./server.mjs";
import { outcome, until } from "./wait.mjs";

behaviours("npm phoenix", Socket);
joining("npm phoenix", Socket);
recovery("npm phoenix", Socket);

describe("a client that sends text which is not UTF-8", () => {
  let server;
  before(async () => { server = await serve([route("rooms:*", "rooms")]); });
  after(() => server?.stop());

  test("is closed with 1007, and a client on the same topic sees nothing of it", async (t) => {
    const bystander = await connect(t, Socket, server);
    const channel = bystander.socket.channel("rooms:utf8", {});
    assert.equal((await outcome(channel.join())).status, "ok");
    const errors = [];
    channel.onError(() => errors.push("error"));
    const left = collect(channel, "left");

    const raw = new WebSocket(`${server.mount}/websocket?vsn=2.0.0`);
    t.after(() => raw.terminate());
    const messages = [];
    let closed;
    raw.on("message", (data) => messages.push(JSON.parse(data.toString())));
    raw.on("close", (code) => { closed = code; });
    await until("the connection", () => raw.readyState === WebSocket.OPEN);
    raw.send(JSON.stringify(["1", "1", "rooms:utf8", "phx_join", {}]));
    await until("the join", () => messages.some((frame) => frame[3] === "phx_reply"));
    const [start, end] = [Buffer.from('["1","2","rooms:utf8","new:msg",{"body":"'), Buffer.from('"}]')];
    raw.send(Buffer.concat([start, Buffer.from([0xc3, 0x28, 0xff]), end]), { binary: false });

    await until("the close", () => closed);
    assert.equal(closed, 1007);
    await until("the word that its channel ended", () => left.length);
    assert.deepEqual(await outcome(channel.push("echo", { fine: true })), { status: "ok", response: { fine: true } });
    assert.deepEqual(bystander.frames.filter((frame) => frame[3] === "new:msg"), []);
    assert.deepEqual([errors, bystander.closes], [[], []]);
    assert.deepEqual(messages.map((frame) => frame[3]), ["phx_reply"], "the sender got nothing but its join's reply");
  });
});
