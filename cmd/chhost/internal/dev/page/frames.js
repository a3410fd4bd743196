// The log of frames: what crossed the wire, in order, whatever the client makes of it.

import { toBase64 } from "./fields.js";

const MAX_ENTRIES = 500; // the newest; a flood must fill neither the memory nor the page
const MAX_TEXT = 4000; // characters of a payload that are shown
const SHORT = 80; // characters of a payload that is one line
const BESIDE = 44; // and of one that stands beside the names
const MAX_OPEN = 1000; // pushes whose reply is awaited

const byId = (id) => document.getElementById(id);
const log = byId("log");
const entries = byId("entries");
const filter = byId("filter");

let waiting = []; // for the next repaint, or for the end of the pause
let total = 0;
let last = null; // the text of the newest entry, if it is a note
let paused = false;
let scheduled = false;
let atBottom = true;
const open = new Map(); // pushes by topic and ref: {event, at}
const topics = new Set(); // in the filter

/** A WebSocket whose every frame is in the log. Made the client's transport. */
export class WatchedWebSocket extends WebSocket {
  constructor(...args) {
    super(...args);
    let opened = false;
    this.addEventListener("open", () => {
      opened = true;
      addNote("connected");
    });
    this.addEventListener("message", ({ data }) => add("in", data));
    this.addEventListener("close", ({ code, reason }) => {
      addNote(opened ? `the connection ended with code ${code}${reason && `: ${reason}`}` : "no connection");
    });
  }
  send(data) {
    add("out", data);
    super.send(data);
  }
}

/** A line between the frames; once, if nothing else happens between. */
export function addNote(text, kind = "") {
  if (text !== last) enqueue({ at: new Date(), note: text, kind });
}

function add(direction, data) {
  const frame = { at: new Date(), direction, ...decode(direction, data) };
  const key = JSON.stringify([frame.topic, frame.ref]);
  if (direction === "out" && frame.ref) {
    open.set(key, frame);
    if (open.size > MAX_OPEN) open.delete(open.keys().next().value);
  }
  if (frame.event === "phx_reply") {
    frame.push = open.get(key);
    open.delete(key);
  }
  enqueue(frame);
}

function enqueue(entry) {
  last = entry.note ?? null;
  total++;
  waiting.push(entry);
  if (waiting.length > MAX_ENTRIES) waiting.shift();
  if (paused) return showCount();
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    if (!paused) flush();
  });
}

// ---- reading

function decode(direction, data) {
  if (typeof data === "string") {
    try {
      const [joinRef, ref, topic, event, payload] = JSON.parse(data);
      return { joinRef, ref, topic, event, payload, text: pretty(payload) };
    } catch {
      return { event: "unreadable", text: cut(data) };
    }
  }
  // The kind, the length of each name, the names, the bytes. A push has a ref only on its way to the server.
  const whole = new Uint8Array(data);
  const names = { 0: ["joinRef", ...(direction === "out" ? ["ref"] : []), "topic", "event"], 1: ["joinRef", "ref", "topic", "status"], 2: ["topic", "event"] }[whole[0]];
  if (!names) return { event: "unreadable", text: describe(data) };
  const frame = { event: "phx_reply", binary: true };
  let at = 1 + names.length;
  names.forEach((name, i) => {
    frame[name] = new TextDecoder().decode(whole.subarray(at, at += whole[1 + i])) || null;
  });
  return { ...frame, payload: { status: frame.status }, text: describe(data.slice(at)) };
}

function describe(buffer) {
  const size = `${buffer.byteLength} ${buffer.byteLength === 1 ? "byte" : "bytes"}`;
  return buffer.byteLength ? `${size}: ${cut(toBase64(buffer.slice(0, MAX_TEXT)))}` : size;
}

// One line if it is short.
function pretty(payload) {
  const tall = JSON.stringify(payload, null, 2);
  const line = JSON.stringify(payload, null, 1).replace(/\n\s*/g, " "); // within a text, a new line is written \n
  return cut(line.length <= SHORT ? line : tall);
}

function cut(text) {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}\n… and ${(text.length - MAX_TEXT).toLocaleString("en")} more characters`;
}

// ---- showing

function flush() {
  if (waiting.length === 0) return showCount();
  for (const entry of waiting) entries.append(entry.note === undefined ? frameRow(entry) : noteRow(entry));
  waiting = [];
  while (entries.childElementCount > MAX_ENTRIES) entries.firstElementChild.remove();
  if (atBottom) scrollDown();
  else byId("newest").hidden = false;
  showCount();
}

function element(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children.filter((child) => child !== null));
  return made;
}

function clock(at) {
  const two = (n) => String(n).padStart(2, "0");
  const time = element("time", "", `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`);
  time.dateTime = at.toISOString();
  return time;
}

function noteRow({ at, note, kind }) {
  return element("li", `note ${kind}`, clock(at), element("span", "", note));
}

function frameRow(frame) {
  const { direction, topic, event, joinRef, ref, push, payload, binary } = frame;
  const sent = direction === "out";
  const arrow = element("span", "arrow", sent ? "↑" : "↓");
  arrow.setAttribute("role", "img");
  arrow.setAttribute("aria-label", sent ? "sent" : "received");
  const status = event === "phx_reply" ? String(payload?.status) : null;
  const refs = [joinRef && `join ${joinRef}`, ref && ref !== joinRef && `ref ${ref}`].filter(Boolean).join(", ");
  const body = element("pre", "", frame.text ?? "");
  const short = body.textContent.length <= BESIDE && !body.textContent.includes("\n"); // fits behind the names
  const line = element("div", "line", clock(frame.at), arrow,
    element("bdi", "topic-name", topic ?? ""),
    element("bdi", "event-name", event),
    status && element("span", `status ${status}`, status),
    push ? element("span", "to", "to ", element("bdi", "", push.event), ` after ${frame.at - push.at} ms`) : null,
    binary ? element("span", "to", "binary") : null,
    short ? body : null,
    element("span", "refs", refs));
  const row = element("li", `frame ${direction}`, line, ...(short ? [] : [body]));
  row.dataset.topic = topic ?? "";
  offer(topic);
  row.hidden = !shown(row.dataset.topic);
  return row;
}

function shown(topic) {
  return filter.value ? topic === filter.value : topic !== "phoenix" || byId("heartbeats").checked;
}

function offer(topic) {
  if (!topic || topics.has(topic) || topics.size >= 200) return;
  topics.add(topic);
  filter.append(new Option(topic, topic));
}

function applyFilter() {
  for (const row of entries.querySelectorAll(".frame")) row.hidden = !shown(row.dataset.topic);
  if (atBottom) scrollDown();
  showCount();
}

function showCount() {
  const kept = entries.childElementCount;
  const hidden = entries.querySelectorAll(":scope > [hidden]").length;
  byId("empty").hidden = kept > hidden;
  byId("empty").textContent = hidden && kept === hidden
    ? "No frame passes the filter." : "Nothing yet. Every frame to and from the server will stand here.";
  const parts = [total > kept + waiting.length ? `the newest ${kept} of ${total.toLocaleString("en")}` : `${kept}`];
  if (hidden) parts.push(`${hidden} hidden`);
  if (paused) parts.push(`${waiting.length} waiting`);
  byId("count").textContent = parts.join(", ");
}

function scrollDown() {
  log.scrollTop = log.scrollHeight;
  atBottom = true;
  byId("newest").hidden = true;
}

byId("pause").addEventListener("click", () => {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("pause").textContent = paused ? "Resume" : "Pause";
  if (!paused) flush();
  showCount();
});
byId("clear").addEventListener("click", () => {
  entries.replaceChildren();
  waiting = [];
  total = 0;
  scrollDown();
  showCount();
});
filter.addEventListener("change", applyFilter);
byId("heartbeats").addEventListener("change", applyFilter);
byId("newest").addEventListener("click", scrollDown);
log.addEventListener("scroll", () => {
  atBottom = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  if (atBottom) byId("newest").hidden = true;
});
new ResizeObserver(() => { if (atBottom) scrollDown(); }).observe(log);
showCount();
