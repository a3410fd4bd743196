// The host's own chhost.js against a real chhost. What depends on time is tested beside the script, with a played clock.

import { createRequire } from "node:module";
import { behaviours } from "./behaviours.mjs";

const { Socket } = createRequire(import.meta.url)("../../host/client/chhost.js");

behaviours("chhost.js", Socket);
