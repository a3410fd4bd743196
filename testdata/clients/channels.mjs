// What the tests do with channels again and again, and how a push or join ends (see `outcome`).

import assert from "node:assert/strict";
import { outcome } from "./wait.mjs";

export const ok = (response = {}) => ({ status: "ok", response });
export const refused = (reason) => ({ status: "error", response: { reason } });
export const timedOut = { status: "timeout", response: {} };

/** The timeout (ms) of a push or join that is to have no answer. */
export const UNANSWERED = 300;

/** The timeout (ms) of a push that waits for more than one thing to happen. */
export const PATIENT = 120_000;

/** A channel that has joined. */
export async function join(client, topic, params = {}) {
  const channel = client.socket.channel(topic, params);
  assert.deepEqual(await outcome(channel.join()), ok());
  return channel;
}

/** The server has handled, and this client has seen, what came before: frames to one client keep their order. */
export async function roundTrip(client, topic) {
  const channel = await join(client, topic);
  assert.deepEqual(await outcome(channel.push("echo", { here: true })), ok({ here: true }));
}

/** Those of the frames that belong to a topic, and to an event of it. */
export const onTopic = (frames, topic, event) => (
  frames.filter((frame) => frame[2] === topic && (!event || frame[3] === event)));

/** The answers to what a client sent, those that there are, in the order in which they came: [event sent, status]. */
export function answers(client, topic) {
  const asked = new Map(onTopic(client.sent, topic).map(([, ref, , event]) => [ref, event]));
  return onTopic(client.frames, topic, "phx_reply").map(([, ref, , , { status }]) => [asked.get(ref), status]);
}
