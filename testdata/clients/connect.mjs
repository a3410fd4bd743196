// A client's connection with a witness: every frame that crossed the wire, whatever the client made of it.

import { WebSocket } from "ws";
import { until } from "./wait.mjs";

/** A connected socket of either client, with `frames` (received) and `sent`, both in V2 notation and in order. */
export async function connect(t, Socket, server) {
  const frames = [];
  const sent = [];
  class WitnessedWebSocket extends WebSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => frames.push(typeof data === "string" ? JSON.parse(data) : data));
    }
    send(data, ...rest) {
      sent.push(JSON.parse(data));
      super.send(data, ...rest);
    }
  }
  const socket = new Socket(server.mount, { transport: WitnessedWebSocket });
  const closes = [];
  let opens = 0;
  socket.onOpen(() => opens++);
  socket.onClose(({ code }) => closes.push(code));
  socket.onError(() => {}); // the tests see it by the closes
  socket.connect();
  t.after(() => socket.disconnect());
  await until("the connection", () => socket.isConnected());
  return { socket, frames, sent, closes, opens: () => opens };
}

/** Collects the payloads of an event. */
export function collect(channel, event) {
  const seen = [];
  channel.on(event, (payload) => seen.push(payload));
  return seen;
}
