// What every client of channels relies on, run alike with npm's phoenix and with the host's own chhost.js:
// the two have the same interface. The rooms plugin is the one that the recorded dialogues with Phoenix describe.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { UNANSWERED, join, ok, onTopic, refused, roundTrip, timedOut } from "./channels.mjs";
import { collect, connect } from "./connect.mjs";
import { route, serve } from "./server.mjs";
import { outcome, until } from "./wait.mjs";

// The oldest clients do not take a join back that has timed out.
export function behaviours(name, Socket, { takesJoinsBack = true } = {}) {
  const routes = [route("foods:*", "food"), route("rooms:*", "rooms")];

  describe(name, () => {
    let server;
    before(async () => { server = await serve(routes); });
    after(() => server?.stop());

    test("joins, and a push is answered with ok", async (t) => {
      const client = await connect(t, Socket, server);
      const channel = await join(client, "rooms:ok");
      const payload = { text: "żółw 🐢 \u2028 \"quoted\"", list: [1, 2.5, null, true], nested: { a: {} } };
      assert.deepEqual(await outcome(channel.push("echo", payload)), ok(payload));
    });

    test("answers keep the order of the pushes to one topic", async (t) => {
      const client = await connect(t, Socket, server);
      const channel = await join(client, "rooms:order");
      const answered = [];
      for (let n = 0; n < 50; n++) channel.push("echo", { n }).receive("ok", (response) => answered.push(response.n));
      await until("50 answers", () => answered.length === 50);
      assert.deepEqual(answered, [...Array(50).keys()]);
    });

    test("is told why a join is refused", async (t) => {
      const client = await connect(t, Socket, server);
      for (const [topic, reason] of [
        ["rooms:refuse", "unauthorized"], ["rooms:crash", "join crashed"], ["nowhere:1", "unmatched topic"],
      ]) {
        const channel = client.socket.channel(topic, {});
        assert.deepEqual(await outcome(channel.join()), refused(reason), topic);
        await outcome(channel.leave());
      }
      await roundTrip(client, "rooms:after-refusals");
    });

    test("a push is answered with an error", async (t) => {
      const client = await connect(t, Socket, server);
      const channel = await join(client, "rooms:error");
      assert.deepEqual(await outcome(channel.push("echo", ["not", "an", "object"])), refused("payload must be an object"));
      assert.deepEqual(await outcome(channel.push("echo", { still: "here" })), ok({ still: "here" }));
    });

    test("a push that nobody answers times out; broadcast_from reaches all but the sender", async (t) => {
      const [a, b] = [await connect(t, Socket, server), await connect(t, Socket, server)];
      const channel = await join(a, "rooms:others");
      const heard = collect(await join(b, "rooms:others"), "others");
      assert.deepEqual(await outcome(channel.push("others", { n: 1 }, UNANSWERED)), timedOut);
      await until("the broadcast at the other client", () => heard.length);
      await roundTrip(a, "rooms:others-after");
      assert.deepEqual(heard, [{ n: 1 }]);
      assert.deepEqual(onTopic(a.frames, "rooms:others", "others"), []);
    });

    test("a broadcast reaches both clients, the sender before its reply", async (t) => {
      const [a, b] = [await connect(t, Socket, server), await connect(t, Socket, server)];
      const channel = await join(a, "rooms:both");
      const heardByA = collect(channel, "new:msg");
      const heardByB = collect(await join(b, "rooms:both"), "new:msg");
      let atReply;
      const push = channel.push("new:msg", { body: "hello" });
      push.receive("ok", () => { atReply = [...heardByA]; });
      assert.deepEqual(await outcome(push), ok());
      await until("the broadcast at the other client", () => heardByB.length);
      assert.deepEqual(atReply, [{ body: "hello" }]);
      assert.deepEqual(heardByB, [{ body: "hello" }]);
      const frame = [null, null, "rooms:both", "new:msg", { body: "hello" }];
      assert.deepEqual(onTopic(b.frames, "rooms:both", "new:msg"), [frame]);
    });

    test("leaves, is heard to leave, and hears no more", async (t) => {
      const [a, b] = [await connect(t, Socket, server), await connect(t, Socket, server)];
      const leaving = await join(a, "rooms:leave");
      const staying = await join(b, "rooms:leave");
      const heard = collect(staying, "new:msg");
      const left = collect(staying, "left");
      assert.deepEqual(await outcome(leaving.leave()), ok());
      await until("the word that it left", () => left.length);
      assert.deepEqual(await outcome(staying.push("new:msg", { body: "gone?" })), ok());
      assert.deepEqual(heard, [{ body: "gone?" }]);
      await roundTrip(a, "rooms:leave-after");
      assert.deepEqual(onTopic(a.frames, "rooms:leave", "new:msg"), []);
      await join(a, "rooms:leave"); // and may come back
    });

    test("rejoins by itself after a crash of the handler; another topic of the socket lives on", async (t) => {
      const client = await connect(t, Socket, server);
      const crashing = await join(client, "rooms:crashing");
      const living = await join(client, "rooms:living");
      const errors = [];
      crashing.onError((payload) => errors.push(payload.reason));
      crashing.push("crash", {}, UNANSWERED);
      await until("phx_error", () => errors.length);
      assert.deepEqual(await outcome(living.push("echo", { alive: 1 })), ok({ alive: 1 }));
      assert.deepEqual(await outcome(crashing.push("echo", { again: 1 })), ok({ again: 1 }));
      assert.deepEqual(errors, ["channel_crash"]);
      assert.equal(onTopic(client.sent, "rooms:crashing", "phx_join").length, 2);
      assert.equal(onTopic(client.sent, "rooms:living", "phx_join").length, 1);
      const broken = onTopic(client.frames, "rooms:crashing").filter(([, ref]) => ref === client.sent.find((f) => f[3] === "crash")[1]);
      assert.deepEqual(broken, [], "the push that crashed has no reply");
      assert.deepEqual(client.closes, []);
    });

    test("an ignored join has no reply at all", async (t) => {
      const client = await connect(t, Socket, server);
      const channel = client.socket.channel("foods:forbidden", {});
      assert.deepEqual(await outcome(channel.join(UNANSWERED)), timedOut);
      if (!takesJoinsBack) {
        await roundTrip(client, "rooms:after-ignored");
        assert.deepEqual(onTopic(client.frames, "foods:forbidden"), []);
        return;
      }
      // The client takes the join back; the server handles a topic's frames in order, so this reply comes after it.
      const [, leave] = await until("the join to be taken back", () => {
        const frames = onTopic(client.sent, "foods:forbidden");
        return frames.length > 1 && frames;
      });
      channel.leave();
      assert.equal(leave[3], "phx_leave");
      await until("the answer to phx_leave", () => client.frames.some((frame) => frame[1] === leave[1]));
      const [ignored] = onTopic(client.sent, "foods:forbidden", "phx_join");
      assert.deepEqual(client.frames.filter((frame) => frame[1] === ignored[1]), []);
      await roundTrip(client, "rooms:after-ignored");
    });

    test("a food is pushed back to the one who brought it, a message goes to all", async (t) => {
      const [a, b] = [await connect(t, Socket, server), await connect(t, Socket, server)];
      const [atA, atB] = [await join(a, "foods:all"), await join(b, "foods:all")];
      const [burritos, messages, others] = [collect(atA, "new:burrito"), collect(atB, "new:msg"), collect(atB, "new:burrito")];
      atA.push("new:burrito", { size: "large" }, UNANSWERED);
      await until("the burrito", () => burritos.length);
      atA.push("new:msg", { say: "Success!" }, UNANSWERED);
      await until("the message", () => messages.length);
      assert.deepEqual([burritos, messages, others], [[{ size: "large" }], [{ say: "Success!" }], []]);
    });
  });

  describe(`${name}, while nothing happens`, () => {
    test("has its heartbeats answered", async (t) => {
      const server = await serve(routes);
      t.after(() => server.stop());
      // A client gives the connection up when an answer takes longer than this, so it is not short.
      const client = await connect(t, Socket, server, { heartbeatIntervalMs: 2000 });
      if (Socket.longPoll) client.socket.ping(() => {}); // a client that polls does not beat by itself
      await until("an answer", () => onTopic(client.frames, "phoenix", "phx_reply").length);
      const [[joinRef, ref, ...answer]] = onTopic(client.frames, "phoenix");
      assert.deepEqual([joinRef, ...answer], [null, "phoenix", "phx_reply", ok()]);
      assert.deepEqual(onTopic(client.sent, "phoenix", "heartbeat")[0][1], ref);
      assert.deepEqual(client.closes, []);
    });
  });

  describe(`${name}, when the server is restarted on the same port`, () => {
    test("reconnects, rejoins and sends what waited meanwhile", async (t) => {
      let server = await serve(routes);
      t.after(() => server?.stop());
      const client = await connect(t, Socket, server);
      const channel = await join(client, "rooms:restart");
      const { port } = server;
      await server.stop();
      server = null;
      await until("the close of the connection", () => client.closes.length);
      const code = Socket.longPoll ? 3410 : 1012; // what is told to a client that polls, the npm client calls so
      assert.equal(client.closes[0], code, "a drain closes with 1012: clients come back from it");
      const waiting = channel.push("echo", { patient: true }, 120_000);
      server = await serve(routes, port);
      assert.deepEqual(await outcome(waiting), ok({ patient: true }));
      assert.equal(client.opens(), 2);
    });
  });
}
