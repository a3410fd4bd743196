// Rules of chhost.js that depend on time or on a server's misbehaviour: a played server and a played clock.
// What it does against a real host is in testdata/clients.
"use strict";

const { afterEach, beforeEach, mock, test } = require("node:test");
const assert = require("node:assert/strict");
const chhost = require("./chhost.js");

let connections;

class PlayedWebSocket {
  constructor(url) {
    Object.assign(this, { url, readyState: 0, sent: [], closed: false });
    connections.push(this);
  }
  send(data) { this.sent.push(typeof data === "string" ? JSON.parse(data) : Buffer.from(data)); }
  close() { this.closed = true; this.readyState = 2; }

  // The server's side.
  open() { this.readyState = 1; this.onopen({}); }
  push(...frame) { this.onmessage({ data: JSON.stringify(frame) }); }
  reply([joinRef, ref, topic], status, response = {}) { this.push(joinRef, ref, topic, "phx_reply", { status, response }); }
  hangUp(code) { this.readyState = 3; this.onclose({ code }); }
  take() { return this.sent.splice(0); }
}

const latest = () => connections.at(-1);
const tick = (ms) => mock.timers.tick(ms);

function openSocket(options = {}) {
  const socket = new chhost.Socket("ws://test/socket", {
    transport: PlayedWebSocket, reconnectAfterMs: () => 100, rejoinAfterMs: () => 1000, ...options,
  });
  socket.connect();
  latest().open();
  return socket;
}

function joinedChannel(socket, topic = "rooms:1") {
  const channel = socket.channel(topic);
  channel.join();
  const [join] = latest().take();
  latest().reply(join, "ok");
  assert.equal(channel.state, "joined");
  return { channel, joinRef: join[0] };
}

function record(push) {
  const seen = [];
  for (const status of ["ok", "error", "timeout"]) push.receive(status, (response) => seen.push([status, response]));
  return seen;
}

beforeEach(() => {
  connections = [];
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
});
afterEach(() => mock.reset());

test("the address carries the version and the params, and follows the page's scheme", () => {
  let token = 0;
  const socket = new chhost.Socket("ws://test/socket/", { transport: PlayedWebSocket, params: () => ({ token: ++token, q: "a&b" }) });
  socket.connect();
  assert.equal(latest().url, "ws://test/socket/websocket?token=1&q=a%26b&vsn=2.0.0");
  latest().hangUp(1006);
  tick(10_000);
  assert.equal(latest().url, "ws://test/socket/websocket?token=2&q=a%26b&vsn=2.0.0");
  socket.disconnect();

  globalThis.location = { href: "https://example.test/chat/index.html?x=1" };
  try {
    new chhost.Socket("/socket", { transport: PlayedWebSocket }).connect();
    assert.equal(latest().url, "wss://example.test/socket/websocket?vsn=2.0.0");
  } finally {
    delete globalThis.location;
  }
});

test("a join waits for the connection, pushes wait for the join, and a reply finds its push", () => {
  const socket = new chhost.Socket("ws://test/socket", { transport: PlayedWebSocket });
  const channel = socket.channel("rooms:1", { user: "Ada" });
  const join = record(channel.join());
  const push = record(channel.push("echo", { x: 1 }));
  socket.connect();
  latest().open();
  assert.deepEqual(latest().sent, [["1", "1", "rooms:1", "phx_join", { user: "Ada" }]]);
  latest().reply(latest().take()[0], "ok", { welcome: true });
  assert.deepEqual(join, [["ok", { welcome: true }]]);
  assert.deepEqual(latest().sent, [["1", "2", "rooms:1", "echo", { x: 1 }]]);
  latest().reply(latest().take()[0], "error", { reason: "no" });
  assert.deepEqual(push, [["error", { reason: "no" }]]);
});

test("receive() after the reply calls at once, and each hook runs once", () => {
  const { channel } = joinedChannel(openSocket());
  const push = channel.push("echo");
  let calls = 0;
  push.receive("ok", () => push.receive("ok", () => calls++));
  latest().reply(latest().take()[0], "ok");
  push.receive("ok", () => calls++);
  assert.equal(calls, 2);
});

test("a push that timed out while waiting is never sent; one that was sent ignores the late reply", () => {
  const socket = openSocket();
  const channel = socket.channel("rooms:1");
  channel.join();
  const [join] = latest().take();
  const waiting = record(channel.push("early", {}, 50));
  tick(50);
  assert.deepEqual(waiting, [["timeout", {}]]);
  latest().reply(join, "ok");
  assert.deepEqual(latest().take(), []);

  const sent = record(channel.push("slow", {}, 50));
  const [frame] = latest().take();
  tick(49);
  assert.deepEqual(sent, []);
  tick(1);
  latest().reply(frame, "ok");
  assert.deepEqual(sent, [["timeout", {}]]);
  assert.equal(socket.waiting.size, 0);
});

test("frames with another join_ref are dropped, broadcasts have none", () => {
  const { channel, joinRef } = joinedChannel(openSocket());
  const seen = [];
  channel.on("msg", ({ n }) => seen.push(n));
  const second = channel.on("msg", ({ n }) => seen.push(-n));
  latest().push("999", null, "rooms:1", "msg", { n: 1 });
  latest().push(joinRef, null, "rooms:1", "msg", { n: 2 });
  channel.off("msg", second);
  latest().push(null, null, "rooms:1", "msg", { n: 3 });
  latest().push(null, null, "rooms:2", "msg", { n: 4 });
  latest().onmessage({ data: new ArrayBuffer(3) });
  channel.on("late", () => channel.on("late", () => seen.push("late")));
  latest().push(null, null, "rooms:1", "late", {}); // a listener that is added meanwhile hears the next one
  channel.off("msg");
  latest().push(null, null, "rooms:1", "msg", { n: 5 });
  latest().push("999", "999", "rooms:1", "phx_close", {});
  assert.deepEqual(seen, [2, -2, 3]);
  assert.equal(channel.state, "joined");
});

test("bytes go out and come in as the protocol's binary frames", () => {
  const { channel, joinRef } = joinedChannel(openSocket(), "zoo:ł");
  assert.equal(latest().binaryType, "arraybuffer");
  const seen = [];
  channel.on("bin", (payload) => seen.push([...new Uint8Array(payload)]));
  const frame = (lengths, text, ...data) => {
    const whole = Buffer.concat([Buffer.from(lengths), Buffer.from(text), Buffer.from(data)]);
    return whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.length);
  };

  const replies = record(channel.push("bin", Uint8Array.of(9, 1, 2, 3).subarray(1)));
  channel.push("bin", new ArrayBuffer(0));
  const [push, empty] = latest().take();
  assert.deepEqual(push, Buffer.from(frame([0, 1, 1, 6, 3], `${joinRef}2zoo:łbin`, 1, 2, 3)));
  assert.deepEqual(empty, Buffer.from(frame([0, 1, 1, 6, 3], `${joinRef}3zoo:łbin`)));

  latest().onmessage({ data: frame([1, 1, 1, 6, 2], `${joinRef}2zoo:łok`, 0, 255) });
  assert.deepEqual(replies.map(([status, response]) => [status, ...new Uint8Array(response)]), [["ok", 0, 255]]);
  latest().onmessage({ data: frame([0, 1, 6, 3], `${joinRef}zoo:łbin`, 4) });
  latest().onmessage({ data: frame([0, 1, 6, 3], `9zoo:łbin`, 5) });
  latest().onmessage({ data: frame([2, 6, 3], "zoo:łbin", 6) });
  latest().onmessage({ data: frame([7, 6, 3], "zoo:łbin", 7) });
  assert.deepEqual(seen, [[4], [6]], "a push of this membership and a broadcast, but nothing of another one or of an unknown kind");
  assert.throws(() => channel.push("e".repeat(256), new ArrayBuffer(1)), /more than 255 bytes/);
});

test("nothing is heard before the join's reply, nor after a failure", () => {
  const channel = openSocket().channel("rooms:1");
  channel.on("msg", () => assert.fail("heard outside the membership"));
  channel.join();
  const [join] = latest().take();
  latest().push(null, null, "rooms:1", "msg", {});
  latest().reply(join, "ok");
  latest().push(join[0], join[0], "rooms:1", "phx_error", {});
  latest().push(null, null, "rooms:1", "msg", {});
});

test("a channel that fails again and again waits longer each time, and joins once each time", () => {
  const tries = [];
  const { channel } = joinedChannel(openSocket({ rejoinAfterMs: (n) => { tries.push(n); return 1000; } }));
  const fail = () => latest().push(channel.joinRef, channel.joinRef, "rooms:1", "phx_error", {});
  fail();
  fail();
  tick(2000);
  latest().reply(latest().take()[0], "error", { reason: "busy" });
  tick(1000);
  const joins = latest().take();
  assert.equal(joins.length, 1);
  latest().reply(joins[0], "ok");
  fail();
  assert.deepEqual(tries, [0, 1, 2, 0]);
  latest().hangUp(1006);
  channel.socket.disconnect();
  tick(60_000);
  assert.equal(connections.length, 1, "disconnect() ends the waiting for a reconnect");
  assert.equal(channel.state, "errored", "without a connection there is nothing to rejoin");
});

test("phx_error rejoins after a while with a new join_ref; pushes wait meanwhile", () => {
  const { channel, joinRef } = joinedChannel(openSocket());
  const errors = [];
  channel.onError((payload) => errors.push(payload.reason));
  latest().push(joinRef, joinRef, "rooms:1", "phx_error", { reason: "channel_crash" });
  channel.push("echo");
  tick(999);
  assert.deepEqual(latest().sent, []);
  tick(1);
  const [join] = latest().take();
  assert.equal(join[3], "phx_join");
  assert.notEqual(join[0], joinRef);
  latest().reply(join, "ok");
  assert.equal(latest().take()[0][3], "echo");
  assert.deepEqual(errors, ["channel_crash"]);
});

test("phx_close ends the channel for good: it does not rejoin, not even after a reconnect", () => {
  const socket = openSocket();
  const { channel, joinRef } = joinedChannel(socket);
  let closes = 0;
  channel.onClose(() => closes++);
  latest().push(joinRef, joinRef, "rooms:1", "phx_close", {});
  assert.deepEqual(record(channel.push("echo")), [["error", { reason: "unmatched topic" }]]);
  latest().hangUp(1012);
  tick(100);
  latest().open();
  tick(60_000);
  assert.equal(closes, 1);
  assert.ok(connections.every((connection) => connection.sent.every((frame) => frame[3] === "heartbeat")));
});

test("a refused join is tried again, not before retry_after_ms, until leave()", () => {
  const socket = openSocket();
  const channel = socket.channel("rooms:1");
  const join = record(channel.join());
  latest().reply(latest().take()[0], "error", { reason: "busy", retry_after_ms: 5000 });
  tick(5999);
  assert.deepEqual(latest().sent, []);
  tick(1);
  latest().reply(latest().take()[0], "error", { reason: "unauthorized" });
  assert.deepEqual(join.map(([, { reason }]) => reason), ["busy", "unauthorized"]);
  const waiting = record(channel.push("echo"));
  channel.leave();
  assert.deepEqual(waiting, [["error", { reason: "unmatched topic" }]]);
  assert.equal(latest().take()[0][3], "phx_leave");
  tick(20_000);
  assert.deepEqual(latest().sent, []);
});

test("a join without an answer is taken back and sent anew; what comes of the first is not heard", () => {
  const channel = openSocket().channel("rooms:1");
  const join = record(channel.join(2000));
  const [first] = latest().take();
  tick(2000);
  const [leave] = latest().take();
  assert.deepEqual(leave.slice(0, 1).concat(leave.slice(2, 4)), [first[0], "rooms:1", "phx_leave"]);
  latest().reply(first, "ok");
  latest().reply(leave, "ok");
  latest().push(first[0], first[0], "rooms:1", "phx_close", {});
  assert.equal(channel.state, "errored");
  tick(1000);
  latest().reply(latest().take()[0], "ok");
  assert.equal(channel.state, "joined");
  assert.deepEqual(join, [["timeout", {}], ["ok", {}]]);
});

test("leave() is answered, nothing more is heard, and the topic can be joined again", () => {
  const socket = openSocket();
  const { channel, joinRef } = joinedChannel(socket);
  let closes = 0;
  channel.onClose(() => closes++);
  channel.on("msg", () => assert.fail("heard after leave()"));
  assert.throws(() => channel.join(), /rooms:1 is joined already/);
  const left = record(channel.leave());
  const [leave] = latest().take();
  assert.deepEqual(leave, [joinRef, leave[1], "rooms:1", "phx_leave", {}]);
  latest().push(null, null, "rooms:1", "msg", {});
  latest().reply(leave, "ok");
  assert.deepEqual(left, [["ok", {}]]);
  assert.deepEqual(record(channel.leave()), [["ok", {}]], "leaving twice needs no answer");
  assert.equal(closes, 1);
  const again = joinedChannel(socket);
  latest().push(joinRef, joinRef, "rooms:1", "phx_close", {});
  assert.equal(again.channel.state, "joined");
  assert.equal(channel.state, "closed");

  again.channel.leave();
  latest().take();
  channel.join();
  latest().reply(latest().take()[0], "ok");
  assert.equal(channel.state, "joined", "a channel that was left can join again");
  socket.disconnect();
  assert.deepEqual(record(channel.leave()), [["ok", {}]], "leaving without a connection needs no answer");
});

test("a join that was left does not come back, whether it is answered or not", () => {
  const channel = openSocket().channel("rooms:1");
  const join = record(channel.join());
  const [frame] = latest().take();
  channel.leave();
  latest().reply(frame, "ok");
  tick(60_000);
  assert.deepEqual([channel.state, join], ["closed", []]);
});

test("the heartbeat goes out every 30 s; unanswered for another 30 s the connection is given up", () => {
  const socket = openSocket();
  const closes = [];
  socket.onClose((event) => closes.push(event.reason));
  tick(30_000);
  const [beat] = latest().take();
  assert.deepEqual(beat, [null, beat[1], "phoenix", "heartbeat", {}]);
  latest().reply(beat, "ok");
  tick(30_000);
  assert.equal(latest().take().length, 1);
  assert.equal(latest().closed, false);
  const dead = latest();
  tick(30_000);
  assert.equal(dead.closed, true);
  assert.deepEqual(closes, ["no answer to the heartbeat"]);
  tick(100);
  assert.equal(connections.length, 2);
  dead.hangUp(1006);
  assert.deepEqual(closes.length, 1, "the dead connection's own close is not counted again");
});

test("a connection that never opens is given up too", () => {
  const socket = new chhost.Socket("ws://test/socket", { transport: PlayedWebSocket, reconnectAfterMs: () => 100 });
  socket.connect();
  tick(30_000);
  assert.equal(latest().closed, true);
  tick(100);
  assert.equal(connections.length, 2);
});

test("a lost connection is made anew and its channels rejoin; the back-off ends with the first frame", () => {
  const tries = [];
  const socket = openSocket({ reconnectAfterMs: (n) => { tries.push(n); return 100; } });
  const { channel, joinRef } = joinedChannel(socket);
  const errors = [];
  channel.onError(({ reason }) => errors.push(reason));
  latest().hangUp(1012);
  tick(100);
  latest().hangUp(1006); // nobody there: not a second failure of the channel
  tick(100);
  latest().open();
  latest().hangUp(1006); // accepts, then hangs up
  tick(100);
  latest().open();
  const [join] = latest().take();
  assert.notEqual(join[0], joinRef);
  latest().reply(join, "ok");
  assert.equal(channel.state, "joined");
  latest().hangUp(1006);
  assert.deepEqual(tries, [0, 1, 2, 0]);
  assert.deepEqual(errors, ["disconnected", "disconnected", "disconnected"]);
  assert.equal(socket.isConnected(), false);
});

test("disconnect() stays disconnected; connect() is needed but once", () => {
  const socket = openSocket();
  const { channel } = joinedChannel(socket);
  let opens = 0;
  socket.onOpen(() => opens++);
  socket.connect();
  assert.equal(connections.length, 1);
  socket.disconnect();
  assert.equal(latest().closed, true);
  tick(120_000);
  assert.equal(connections.length, 1);
  socket.connect();
  latest().open();
  assert.equal(opens, 1);
  assert.equal(latest().take()[0][3], "phx_join");
  assert.equal(channel.state, "joining");
});

test("the waits are random between nothing and a growing, bounded ceiling", () => {
  const { options } = new chhost.Socket("ws://test/socket");
  const random = mock.method(Math, "random", () => 0.999999);
  const ceilings = [0, 1, 5, 10, 2000].map((n) => Math.round(options.reconnectAfterMs(n)));
  assert.deepEqual(ceilings, [250, 500, 8000, 10_000, 10_000]);
  assert.equal(Math.round(options.rejoinAfterMs(0)), 1000);
  random.mock.mockImplementation(() => 0);
  assert.equal(options.reconnectAfterMs(3), 0);
});
