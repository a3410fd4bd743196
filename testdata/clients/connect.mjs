// A client's connection with a witness: every frame that crossed the wire, whatever the client made of it.

import { LongPoll } from "phoenix";
import { WebSocket } from "ws";
import { receivedFrame, sentFrame } from "./notation.mjs";
import { until } from "./wait.mjs";

/**
 * A connected socket of either client, with `frames` (received) and `sent`, both in the notation of notation.mjs and in
 * order, and `texts`: the text frames of both directions as they were. The options are the client's own. A class of
 * sockets with a true `longPoll` polls.
 */
export async function connect(t, Socket, server, options = {}) {
  const frames = [];
  const sent = [];
  const texts = [];
  const note = (data) => { if (typeof data === "string") texts.push(data); };
  const received = (data) => { note(data); frames.push(receivedFrame(data)); };
  const sends = (Transport) => class extends Transport {
    send(data, ...rest) {
      note(data);
      sent.push(sentFrame(data));
      super.send(data, ...rest);
    }
  };
  class WitnessedWebSocket extends sends(WebSocket) {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => received(data));
    }
  }
  class WitnessedLongPoll extends sends(LongPoll) {
    set onmessage(handler) { this.handler = handler; }
    get onmessage() { return (event) => { received(event.data); this.handler(event); }; }
  }
  const transport = Socket.longPoll ? WitnessedLongPoll : WitnessedWebSocket;
  const socket = new Socket(server.mount, { transport, ...options });
  const closes = [];
  let opens = 0;
  socket.onOpen(() => opens++);
  socket.onClose(({ code }) => closes.push(code));
  socket.onError(() => {}); // the tests see it by the closes
  socket.connect();
  t.after(() => {
    socket.disconnect();
    quieten(socket);
  });
  await until("the connection", () => socket.isConnected());
  return { socket, frames, sent, texts, closes, opens: () => opens };
}

// Clients of version 1 beat, connect and join on without end when they have been disconnected, and their tests would not end.
function quieten(socket) {
  clearInterval(socket.heartbeatTimer);
  for (const timer of [socket.reconnectTimer, ...socket.channels.map((channel) => channel.rejoinTimer)]) {
    if (typeof timer?.reset !== "function") continue; // chhost.js has timers of another kind, and ends them
    timer.reset();
    timer.scheduleTimeout = () => {};
  }
}

/** Collects the payloads of an event. */
export function collect(channel, event) {
  const seen = [];
  channel.on(event, (payload) => seen.push(payload));
  return seen;
}
