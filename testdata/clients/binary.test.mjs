// Bytes as payloads: npm's phoenix sends an ArrayBuffer as a binary frame, and makes one of each binary frame that comes.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { Socket } from "phoenix";
import { PATIENT, UNANSWERED, join, ok, onTopic, refused, roundTrip, timedOut } from "./channels.mjs";
import { collect, connect } from "./connect.mjs";
import { PhoenixV1 } from "./phoenix-v1.mjs";
import { route, serve } from "./server.mjs";
import { outcome, until } from "./wait.mjs";

const chhost = createRequire(import.meta.url)("../../host/client/chhost.js");

/** So many bytes, of every value. */
const bytes = (length) => Uint8Array.from({ length }, (_, i) => i ^ (i >> 8)).buffer;

describe("bytes", () => {
  let server;
  before(async () => {
    server = await serve([route("foods:*", "food"), route("rooms:*", "rooms"), route("slow:*", "slow")]);
  });
  after(() => server?.stop());

  test("are answered with the same bytes, whatever their number", async (t) => {
    const client = await connect(t, Socket, server);
    const channel = await join(client, "rooms:echo");
    // The lengths of WebSocket frames change their form at 126 and at 64 KiB; at most 256 KiB are taken.
    for (const length of [0, 1, 100, 125, 126, 127, 0xffff, 0x10000, 0x10001, 250 << 10]) {
      assert.deepEqual(await outcome(channel.push("echo", bytes(length))), ok(bytes(length)), `${length} bytes`);
    }
    const kinds = onTopic(client.frames, "rooms:echo").map((frame) => Buffer.isBuffer(frame[4].response));
    assert.deepEqual(kinds, [false, ...Array(10).fill(true)], "the join's reply is text, the others are binary");
    assert.deepEqual(client.closes, []);
  });

  test("keep their order among text", async (t) => {
    const client = await connect(t, Socket, server);
    const channel = await join(client, "rooms:order");
    const answered = [];
    const payloads = [...Array(40).keys()].map((n) => (n % 2 ? { n } : bytes(n)));
    for (const payload of payloads) channel.push("echo", payload).receive("ok", (response) => answered.push(response));
    await until("40 answers", () => answered.length === 40);
    assert.deepEqual(answered, payloads);
  });

  test("may be what a client joins with", async (t) => {
    const client = await connect(t, Socket, server);
    const channel = await join(client, "rooms:params", bytes(10));
    assert.deepEqual(await outcome(channel.push("echo", { in: true })), ok({ in: true }));
    const refusing = client.socket.channel("foods:all", bytes(10));
    assert.deepEqual(await outcome(refusing.join()), refused("binary_not_accepted"));
    await outcome(refusing.leave());
  });

  test("are broadcast to both clients, to the sender before its reply", async (t) => {
    const [a, b] = [await connect(t, Socket, server), await connect(t, Socket, server)];
    const [atA, atB] = [await join(a, "rooms:both"), await join(b, "rooms:both")];
    const [heardByA, heardByB] = [collect(atA, "new:msg"), collect(atB, "new:msg")];
    const sizes = [0, 3, 0x10001];
    for (const length of sizes) assert.deepEqual(await outcome(atA.push("new:msg", bytes(length))), ok());
    await until("the broadcasts at the other client", () => heardByB.length === sizes.length);
    assert.deepEqual([heardByA, heardByB], [sizes.map(bytes), sizes.map(bytes)]);
    const broadcasts = sizes.map((length) => [null, null, "rooms:both", "new:msg", Buffer.from(bytes(length))]);
    assert.deepEqual(onTopic(b.frames, "rooms:both", "new:msg"), broadcasts);
    const order = onTopic(a.frames, "rooms:both").slice(1).map((frame) => frame[3]);
    assert.deepEqual(order, sizes.flatMap(() => ["new:msg", "phx_reply"]));
  });

  test("reach all but the sender by broadcast_from", async (t) => {
    const [a, b] = [await connect(t, Socket, server), await connect(t, Socket, server)];
    const channel = await join(a, "rooms:others");
    const heard = collect(await join(b, "rooms:others"), "others");
    const pushes = [bytes(5), bytes(0)].map((payload) => channel.push("others", payload, UNANSWERED));
    await until("the broadcasts at the other client", () => heard.length === 2);
    await roundTrip(a, "rooms:others-after");
    assert.deepEqual(heard, [bytes(5), bytes(0)]);
    assert.deepEqual(onTopic(a.frames, "rooms:others", "others"), []);
    assert.deepEqual(await Promise.all(pushes.map(outcome)), [timedOut, timedOut]);
  });

  test("are pushed by a handler that intercepts them", async (t) => {
    const [a, b] = [await connect(t, Socket, server), await connect(t, Socket, server)];
    const [atA, atB] = [await join(a, "rooms:shout"), await join(b, "rooms:shout")];
    const [heardByA, heardByB] = [collect(atA, "shout"), collect(atB, "shout")];
    assert.deepEqual(await outcome(atA.push("shout", bytes(300))), ok());
    await until("the pushes", () => heardByA.length && heardByB.length);
    assert.deepEqual([heardByA, heardByB], [[bytes(300)], [bytes(300)]]);
    const [[joinRef]] = onTopic(b.sent, "rooms:shout", "phx_join");
    assert.deepEqual(onTopic(b.frames, "rooms:shout", "shout"), [[joinRef, null, "rooms:shout", "shout", Buffer.from(bytes(300))]]);
  });

  test("travel under names of 255 bytes; a longer event or topic is refused", async (t) => {
    const client = await connect(t, Socket, server);
    const topic = `slow:${"ł".repeat(125)}`;
    const event = `${"🐢".repeat(63)}abc`;
    assert.deepEqual([topic, event].map((text) => Buffer.byteLength(text)), [255, 255]);
    const channel = await join(client, topic);
    const heard = collect(channel, event);
    for (const payload of [bytes(7), { n: 7 }]) assert.deepEqual(await outcome(channel.push(event, payload)), ok());
    assert.deepEqual(heard, [bytes(7), { n: 7 }]);
    assert.deepEqual(onTopic(client.frames, topic, event)[0], [null, null, topic, event, Buffer.from(bytes(7))]);

    assert.deepEqual(await outcome(channel.push(`${event}d`, { n: 8 })), refused("name too long"));
    const long = client.socket.channel(`${topic}x`, {});
    assert.deepEqual(await outcome(long.join()), refused("name too long"));
    await outcome(long.leave());
    assert.deepEqual(await outcome(channel.push("echo", bytes(9))), ok(bytes(9)));
  });

  test("are refused for a plugin that does not take them", async (t) => {
    const [a, b] = [await connect(t, Socket, server), await connect(t, Socket, server)];
    const channel = await join(a, "foods:all");
    const [burritos, heard] = [collect(channel, "new:burrito"), collect(await join(b, "foods:all"), "new:msg")];
    for (const length of [0, 8]) {
      assert.deepEqual(await outcome(channel.push("new:msg", bytes(length))), refused("binary_not_accepted"));
    }
    channel.push("new:burrito", { size: "large" }, UNANSWERED);
    channel.push("new:msg", { say: "in words" }, UNANSWERED);
    await until("what is no bytes", () => burritos.length && heard.length);
    assert.deepEqual([burritos, heard], [[{ size: "large" }], [{ say: "in words" }]]);
  });

  test("close the connection when they are too many, and the client comes back", async (t) => {
    const client = await connect(t, Socket, server);
    const channel = await join(client, "rooms:many");
    const lost = channel.push("echo", bytes(256 << 10), UNANSWERED); // with its header, more than a frame may have
    await until("the close", () => client.closes.length);
    assert.deepEqual(client.closes, [1009]);
    assert.deepEqual(await outcome(channel.push("echo", bytes(5), PATIENT)), ok(bytes(5)));
    assert.deepEqual(await outcome(lost), timedOut);
    assert.equal(client.opens(), 2);
  });

  // A client of version 1 is sent none, one of chhost.js hears what npm's does.
  for (const [name, Other, takesBytes] of [["not for npm phoenix over version 1, which lives on", PhoenixV1, false], ["for chhost.js too", chhost.Socket, true]]) {
    test(`are ${name}`, async (t) => {
      const [a, b] = [await connect(t, Socket, server), await connect(t, Other, server)];
      const [channel, other] = [await join(a, "rooms:some"), await join(b, "rooms:some")];
      const heard = ["new:msg", "shout", "others"].map((event) => [collect(channel, event), collect(other, event)]);
      for (const event of ["new:msg", "shout"]) assert.deepEqual(await outcome(channel.push(event, bytes(9))), ok());
      channel.push("others", bytes(9), UNANSWERED);
      assert.deepEqual(await outcome(channel.push("new:msg", { words: true })), ok());
      await until("the words at the other client", () => heard[0][1].some((payload) => payload.words));
      const taken = takesBytes ? [bytes(9)] : [];
      assert.deepEqual(heard, [[[bytes(9), { words: true }], [...taken, { words: true }]], [[bytes(9)], taken], [[], taken]]);
      assert.deepEqual(await outcome(other.push("echo", { alive: true })), ok({ alive: true }));
      assert.equal(b.frames.filter((frame) => Buffer.isBuffer(frame[4])).length, takesBytes ? 3 : 0);
      assert.deepEqual(b.closes, []);
    });
  }
});
