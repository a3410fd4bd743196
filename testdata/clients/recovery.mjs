// What is lost and what comes back when a channel crashes, a join is refused or the server crashes: alike for npm's phoenix and
// chhost.js.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PATIENT, UNANSWERED, join, ok, onTopic, refused, timedOut } from "./channels.mjs";
import { connect } from "./connect.mjs";
import { route, serve } from "./server.mjs";
import { outcome, until } from "./wait.mjs";

const routes = [route("slow:*", "slow"), route("rooms:*", "rooms")];

const joinRefs = (client, topic) => onTopic(client.sent, topic, "phx_join").map(([joinRef]) => joinRef);

function assertDistinct(refs, count) {
  assert.deepEqual([refs.length, new Set(refs).size], [count, count], `${count} different refs: ${refs}`);
}

export function recovery(name, Socket) {
  describe(`${name}, when a channel crashes`, () => {
    let server;
    before(async () => { server = await serve(routes); });
    after(() => server?.stop());

    test("joins anew each time, with nothing of the old membership; other topics live on", async (t) => {
      const waits = [];
      const client = await connect(t, Socket, server, { rejoinAfterMs: (tries) => { waits.push(tries); return 10; } });
      const crashing = await join(client, "slow:crashing");
      const living = await join(client, "rooms:living");
      const errors = [];
      crashing.onError(({ reason }) => errors.push(reason));
      const crashes = [];
      for (let n = 1; n <= 4; n++) {
        assert.deepEqual(await outcome(crashing.push("count", {}, PATIENT)), ok({ count: 1 }));
        assert.deepEqual(await outcome(crashing.push("count")), ok({ count: 2 }));
        crashes.push(crashing.push("crash", {}, UNANSWERED));
        const behind = crashing.push("echo", { n }); // on its way when the channel crashes
        const beside = living.push("echo", { n });
        assert.deepEqual(await outcome(behind), refused("unmatched topic"));
        assert.deepEqual(await outcome(beside), ok({ n }));
        await until("phx_error", () => errors.length === n);
      }
      assert.deepEqual(await outcome(crashing.push("count", {}, PATIENT)), ok({ count: 1 }));
      assert.deepEqual(await Promise.all(crashes.map(outcome)), Array(4).fill(timedOut));
      assert.deepEqual(errors, Array(4).fill("channel_crash"));
      assertDistinct(joinRefs(client, "slow:crashing"), 5);
      assertDistinct(joinRefs(client, "rooms:living"), 1);
      assert.deepEqual([waits.length, new Set(waits).size], [4, 1], "a join that succeeds lets the waits begin anew");
      assert.deepEqual(client.closes, []);
    });

    test("waits longer after each join that crashes, and sends what waited when one succeeds", async (t) => {
      const params = { crash: false };
      const waits = [];
      const client = await connect(t, Socket, server, {
        rejoinAfterMs: (tries) => {
          waits.push(tries);
          if (waits.length === 5) params.crash = false; // the next join is the first to succeed
          return 10;
        },
      });
      const living = await join(client, "rooms:living");
      const crashing = await join(client, "slow:crashing", params);
      const errors = [];
      crashing.onError(({ reason }) => errors.push(reason));
      params.crash = true;
      crashing.push("crash", {}, UNANSWERED);
      await until("phx_error", () => errors.length);
      const waiting = [1, 2, 3].map((n) => crashing.push("echo", { n }, PATIENT));
      assert.deepEqual(await outcome(living.push("echo", { alive: true })), ok({ alive: true }));
      assert.deepEqual(await Promise.all(waiting.map(outcome)), [ok({ n: 1 }), ok({ n: 2 }), ok({ n: 3 })]);
      assert.deepEqual(waits.map((tries) => tries - waits[0]), [0, 1, 2, 3, 4]);
      assert.deepEqual(errors, ["channel_crash"], "a join that crashes is an answer, and no phx_error");
      const reasons = onTopic(client.frames, "slow:crashing", "phx_reply").map((frame) => frame[4].response.reason);
      assert.deepEqual(reasons.filter(Boolean), Array(4).fill("join crashed"));
      assertDistinct(joinRefs(client, "slow:crashing"), 6);
      assert.deepEqual(client.closes, []);
    });
  });

  describe(`${name}, when a join is refused`, () => {
    let server;
    before(async () => { server = await serve(routes); });
    after(() => server?.stop());

    test("tries again, but not when it is refused for good", async (t) => {
      const client = await connect(t, Socket, server, { rejoinAfterMs: () => 10 });
      const banned = client.socket.channel("rooms:banned", {});
      let [closes, errors] = [0, 0];
      banned.onClose(() => closes++);
      banned.onError(() => errors++);
      assert.deepEqual(await outcome(banned.join()), refused("banned"));
      await until("the close of the channel", () => closes);
      assert.deepEqual([banned.state, closes], ["closed", 1]);
      // Meanwhile the same client comes back again and again to a topic that refuses it for now.
      const trying = client.socket.channel("rooms:refuse", {});
      assert.deepEqual(await outcome(trying.join()), refused("unauthorized"));
      await until("three more attempts", () => joinRefs(client, "rooms:refuse").length > 3);
      trying.leave();

      const [[joinRef], ...more] = onTopic(client.sent, "rooms:banned");
      assert.deepEqual(more, [], "the join was tried once");
      assert.deepEqual(onTopic(client.frames, "rooms:banned"), [
        [joinRef, joinRef, "rooms:banned", "phx_reply", refused("banned")],
        [joinRef, joinRef, "rooms:banned", "phx_close", {}],
      ]);
      assert.deepEqual([closes, errors, client.closes], [1, 0, []]);
    });
  });

  describe(`${name}, when the server crashes`, () => {
    test("comes back, joins anew with nothing of the old membership, and sends what waited", async (t) => {
      let server = await serve(routes);
      t.after(() => server?.stop());
      const client = await connect(t, Socket, server);
      const [counting, echoing] = [await join(client, "slow:killed"), await join(client, "rooms:killed")];
      for (const count of [1, 2, 3]) assert.deepEqual(await outcome(counting.push("count")), ok({ count }));
      // The server dies while it works on this one.
      const lost = counting.push("echo", { rounds: 20_000_000 }, UNANSWERED);
      const { port } = server;
      await server.kill();
      server = null;
      await until("the close of the connection", () => client.closes.length);
      assert.equal(client.closes[0], Socket.longPoll ? 1011 : 1006); // what the npm client makes of a poll that fails
      const waiting = [counting.push("count", {}, PATIENT), echoing.push("echo", { patient: true }, PATIENT)];
      server = await serve(routes, port);
      assert.deepEqual(await Promise.all(waiting.map(outcome)), [ok({ count: 1 }), ok({ patient: true })]);
      assert.deepEqual(await outcome(lost), timedOut);
      assert.equal(onTopic(client.sent, "slow:killed", "echo").length, 1, "what was on its way is not sent again");
      assertDistinct([...joinRefs(client, "slow:killed"), ...joinRefs(client, "rooms:killed")], 4);
      assert.equal(client.opens(), 2);
    });
  });
}
