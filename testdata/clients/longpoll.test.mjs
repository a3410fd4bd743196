// npm's phoenix over long-polling, which its clients fall back to where there is no WebSocket.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { LongPoll, Socket } from "phoenix";
import { WebSocket } from "ws";
import { behaviours } from "./behaviours.mjs";
import { PATIENT, join, ok, refused } from "./channels.mjs";
import { collect, connect } from "./connect.mjs";
import { PhoenixV1 } from "./phoenix-v1.mjs";
import { recovery } from "./recovery.mjs";
import { route, serve } from "./server.mjs";
import { outcome, until } from "./wait.mjs";

class Polling extends Socket { static longPoll = true; }
class PollingV1 extends PhoenixV1 { static longPoll = true; }

behaviours("npm phoenix over long-polling", Polling);
behaviours("npm phoenix over long-polling and version 1", PollingV1);
recovery("npm phoenix over long-polling", Polling);

describe("npm phoenix that finds no WebSocket", () => {
  let server;
  let hole; // takes connections and says nothing
  before(async () => {
    server = await serve([route("rooms:*", "rooms")]);
    hole = createServer(() => {}).listen(0, "127.0.0.1");
    await until("the hole", () => hole.listening);
  });
  after(async () => {
    hole?.close();
    await server?.stop();
  });

  // What the client does with the server, whichever way it has come.
  async function converse(t, socket) {
    t.after(() => socket.disconnect());
    const other = await connect(t, Socket, server);
    const topic = `rooms:${t.name}`;
    const atOther = await join(other, topic);
    const heard = collect(atOther, "new:msg");
    socket.connect();
    const channel = await join({ socket }, topic);
    const heardHere = collect(channel, "new:msg");
    assert.deepEqual(await outcome(socket.channel("rooms:refuse", {}).join()), refused("unauthorized"));
    assert.deepEqual(await outcome(channel.push("new:msg", { from: "here" })), ok());
    assert.deepEqual(await outcome(atOther.push("new:msg", { from: "there" })), ok());
    await until("both messages", () => heard.length === 2 && heardHere.length === 2);
    assert.deepEqual([heard, heardHere], Array(2).fill([{ from: "here" }, { from: "there" }]));
    // More than a body may have, and no more at a time than a channel takes.
    const channels = await Promise.all([1, 2, 3, 4, 5].map((n) => join({ socket }, `${topic}-${n}`)));
    const pushes = Array.from({ length: 250 }, (_, n) => channels[n % 5].push("echo", { n }, PATIENT));
    assert.deepEqual(await Promise.all(pushes.map(outcome)), pushes.map((_, n) => ok({ n })));
    assert.deepEqual(await outcome(channel.leave()), ok());
  }

  test("in Node 20 falls back by itself", async (t) => {
    assert.equal(typeof globalThis.WebSocket, "undefined");
    const socket = new Socket(server.mount, {});
    assert.equal(socket.transport, LongPoll);
    await converse(t, socket);
  });

  test("is told to poll", async (t) => { await converse(t, new Socket(server.mount, { transport: LongPoll })); });

  test("keeps a parameter of its own that is called token", async (t) => {
    await converse(t, new Socket(server.mount, { transport: LongPoll, params: { token: "mine" } }));
  });

  test("falls back after longPollFallbackMs", async (t) => {
    let attempts = 0;
    class Blocked extends WebSocket {
      constructor(url, ...rest) {
        super(url.replace(server.host, `127.0.0.1:${hole.address().port}`), ...rest);
        attempts++;
        this.on("error", () => {}); // it is closed before it is open
      }
    }
    const socket = new Socket(server.mount, { transport: Blocked, longPollFallbackMs: 100 });
    await converse(t, socket);
    assert.equal(attempts, 1);
    assert.equal(socket.transport, LongPoll);
  });
});
