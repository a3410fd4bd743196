// Clients from npm that speak version 1 of the protocol and nothing else, pinned and unmodified, over WebSocket: the
// client of Phoenix 1.2 as two people have packed it.

import { createRequire } from "node:module";
import { behaviours } from "./behaviours.mjs";

const require = createRequire(import.meta.url); // they are from before modules

for (const name of ["phoenix-socket", "phoenix-channels"]) {
  const { Socket } = require(name);
  behaviours(`npm ${name}`, Socket, { takesJoinsBack: false });
}
