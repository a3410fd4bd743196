// Clients from npm that speak version 1 of the protocol and nothing else, pinned and unmodified, over WebSocket: the
// client of Phoenix 1.2 as two people have packed it.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { behaviours } from "./behaviours.mjs";
import { onTopic } from "./channels.mjs";
import { connect } from "./connect.mjs";
import { route, serve } from "./server.mjs";
import { until } from "./wait.mjs";

const require = createRequire(import.meta.url); // they are from before modules

for (const name of ["phoenix-socket", "phoenix-channels"]) {
  const { Socket } = require(name);
  behaviours(`npm ${name}`, Socket, { takesJoinsBack: false });

  describe(`npm ${name}, while nothing happens`, () => {
    let server;
    before(async () => { server = await serve([route("rooms:*", "rooms")]); });
    after(() => server?.stop());

    test("has its heartbeats answered", async (t) => {
      const client = await connect(t, Socket, server, { heartbeatIntervalMs: 50 });
      await until("three answers", () => onTopic(client.frames, "phoenix", "phx_reply").length >= 3);
      assert.deepEqual(client.closes, []);
    });
  });
}
