// The host's own chhost.js against a real chhost. What depends on time is tested beside the script, with a played clock.

import { createRequire } from "node:module";
import { behaviours } from "./behaviours.mjs";
import { joining } from "./joining.mjs";
import { recovery } from "./recovery.mjs";

const { Socket } = createRequire(import.meta.url)("../../host/client/chhost.js");

behaviours("chhost.js", Socket);
joining("chhost.js", Socket);
recovery("chhost.js", Socket);
