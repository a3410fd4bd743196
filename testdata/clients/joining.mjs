// Joins that take their time, joins that come twice, and as many as a socket may have: alike for npm's phoenix and chhost.js.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PATIENT, answers, join, ok, onTopic, refused } from "./channels.mjs";
import { collect, connect } from "./connect.mjs";
import { route, serve } from "./server.mjs";
import { outcome, until } from "./wait.mjs";

const SOME_ROUNDS = 1_000_000; // tens of milliseconds

// How long a round takes is the machine's affair, and how long everything else takes beside it: so the attempt is repeated
// with ever more rounds until it returns true. It fails when the host ends the join, which it does after 2 s.
async function everSlower(attempt) {
  for (let rounds = SOME_ROUNDS; !await attempt(rounds); rounds *= 2);
}

export function joining(name, Socket) {
  describe(`${name}, joining`, () => {
    let server;
    // A join may take far longer here than the fuel of a plugin would let it.
    before(async () => { server = await serve([route("slow:*", "slow"), route("rooms:*", "rooms"), ["--limit", "join-fuel=100G"]]); });
    after(() => server?.stop());

    test("a slow join keeps its own topic waiting and no other", async (t) => {
      const client = await connect(t, Socket, server);
      const fast = await join(client, "rooms:fast");
      await everSlower(async (rounds) => {
        const order = [];
        const note = (push, text) => push.receive("ok", () => order.push(text));
        const topic = `slow:other-${rounds}`;
        const slow = client.socket.channel(topic, { rounds });
        const joined = note(slow.join(), "slow join");
        note(slow.push("echo", { n: 1 }, PATIENT), "slow echo"); // which the client keeps until it has joined
        const [[joinRef]] = onTopic(client.sent, topic);
        client.socket.conn.send(JSON.stringify([joinRef, `early-${rounds}`, topic, "count", {}])); // and this it does not
        note(client.socket.channel(`${topic}-beside`, {}).join(), "fast join");
        for (let n = 0; n < 20; n++) note(fast.push("echo", { n }), "fast echo");

        assert.deepEqual(await outcome(joined), ok());
        await until("all answers", () => order.length === 23);
        assert.deepEqual(answers(client, topic), [["phx_join", "ok"], ["count", "ok"], ["echo", "ok"]]);
        // In a host where other topics wait too, the slow join is never the last but one, however long it takes.
        return order.indexOf("slow join") === 21 && order.indexOf("slow echo") === 22;
      });
    });

    test("a join that takes longer than the client waits is taken back; a later one counts", async (t) => {
      const client = await connect(t, Socket, server, { rejoinAfterMs: () => 50 });
      const observer = await connect(t, Socket, server);
      await everSlower(async (rounds) => {
        const topic = `slow:late-${rounds}`;
        const observed = await join(observer, topic);
        const left = collect(observed, "left");
        const params = { rounds };
        const channel = client.socket.channel(topic, params);
        const heard = collect(channel, "once");
        channel.join(200);
        params.rounds = 0; // this join is on its way; those after it take no time

        assert.deepEqual(await outcome(channel.push("echo", { late: true }, PATIENT)), ok({ late: true }));
        const joins = onTopic(client.sent, topic, "phx_join").map(([joinRef]) => joinRef);
        assert.equal(new Set(joins).size, joins.length, `a join_ref of its own for each of ${joins}`);
        const takenBack = onTopic(client.sent, topic, "phx_leave").map(([joinRef]) => joinRef);
        assert.deepEqual(takenBack, joins.slice(0, -1), "each join but the last was taken back");
        assert.ok(answers(client, topic).every(([, status]) => status === "ok"));

        // One membership is left of them all.
        assert.deepEqual(await outcome(observed.push("once", { n: 1 })), ok());
        assert.deepEqual(await outcome(channel.push("count")), ok({ count: 1 }));
        assert.deepEqual(heard, [{ n: 1 }]);
        assert.equal(left.length, joins.length - 1);
        return joins.length > 1;
      });
    });

    test("a channel that is left while it joins is left, and the topic can be joined at once", async (t) => {
      const observer = await connect(t, Socket, server);
      const observed = await join(observer, "slow:left");
      const left = collect(observed, "left");
      const client = await connect(t, Socket, server);
      const first = client.socket.channel("slow:left", { rounds: SOME_ROUNDS });
      const heardByFirst = collect(first, "once");
      first.join();
      const leave = first.leave();
      const second = client.socket.channel("slow:left", {});
      const heard = collect(second, "once");
      const again = second.join();
      assert.deepEqual(await outcome(leave), ok());
      assert.deepEqual(await outcome(again), ok());

      assert.deepEqual(answers(client, "slow:left"), [["phx_join", "ok"], ["phx_leave", "ok"], ["phx_join", "ok"]]);
      assert.deepEqual(await outcome(second.push("once", { n: 1 })), ok());
      assert.deepEqual([heardByFirst, heard], [[], [{ n: 1 }]]);
      assert.deepEqual(await outcome(observed.push("count")), ok({ count: 1 }));
      assert.equal(left.length, 1);
    });

    test("a second channel of a topic takes it over from the first", async (t) => {
      const observer = await connect(t, Socket, server);
      const left = collect(await join(observer, "rooms:twice"), "left");
      const client = await connect(t, Socket, server);
      const first = await join(client, "rooms:twice");
      const heardByFirst = collect(first, "new:msg");
      let closes = 0;
      first.onClose(() => closes++);
      const second = await join(client, "rooms:twice");
      const heard = collect(second, "new:msg");
      await until("the close of the first", () => closes);

      assert.deepEqual(await outcome(second.push("new:msg", { n: 1 })), ok());
      await until("the word that the first left", () => left.length);
      assert.deepEqual(await outcome(second.push("echo", { n: 2 })), ok({ n: 2 }));
      assert.deepEqual([heardByFirst, heard, closes, left.length], [[], [{ n: 1 }], 1, 1]);
      assert.deepEqual(onTopic(client.frames, "rooms:twice", "phx_error"), []);
      const [[joinRef], ...more] = onTopic(client.sent, "rooms:twice", "phx_join");
      assert.equal(more.length, 1);
      assert.deepEqual(onTopic(client.frames, "rooms:twice", "phx_close").map((frame) => frame[0]), [joinRef]);
    });

    test("a socket has 100 topics; one more is refused, and let in when another is left", async (t) => {
      const client = await connect(t, Socket, server, { rejoinAfterMs: () => 50 });
      const channels = await Promise.all([...Array(100).keys()].map((n) => join(client, `rooms:${n}`)));
      const late = client.socket.channel("rooms:101", {});
      assert.deepEqual(await outcome(late.join()), refused("too many channels joined"));
      const echoes = await Promise.all(channels.map((channel, n) => outcome(channel.push("echo", { n }))));
      assert.deepEqual(echoes, channels.map((_, n) => ok({ n })));
      await until("another attempt", () => onTopic(client.frames, "rooms:101").length > 1);

      assert.deepEqual(await outcome(channels[7].leave()), ok());
      assert.deepEqual(await outcome(late.push("echo", { last: true }, PATIENT)), ok({ last: true }));
      assert.deepEqual(await outcome(channels[8].push("echo", { still: "here" })), ok({ still: "here" }));
      assert.deepEqual(client.closes, []);
    });
  });
}
