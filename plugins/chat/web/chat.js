// The chat page: one socket, one channel. What others write reaches the document only as text.
"use strict";

const byId = (id) => document.getElementById(id);
const door = byId("door");
const room = byId("room");
const log = byId("log");
const entries = byId("entries");
const body = byId("body");

const MAX_ENTRIES = 500; // older ones go, so that a long evening does not fill the memory
const GROUP_MS = 5 * 60_000; // messages of one author closer than this share a byline

// ?room=secret asks for another room; the plugin refuses all but the lobby.
const roomName = new URLSearchParams(location.search).get("room") || "lobby";
const socket = new chhost.Socket("/socket");

let channel = null; // the membership, from the door to leaving
let me = "";
let inside = false; // has the lobby let us in since we knocked?
let last = null; // the newest entry, if it is a message: {user, at}
let atBottom = true; // is the newest entry in sight?
let unread = 0;

// ---- the connection

function enter(name) {
  me = name;
  inside = false;
  channel = socket.channel(`rooms:${roomName}`, { user: name });
  channel.on("user:entered", ({ user }) => note(user === me ? "You entered" : [user, " entered"]));
  channel.on("user:left", ({ user }) => note([user, " left"]));
  channel.on("new:msg", showMessage);
  channel.onError(({ reason }) => {
    showState();
    if (inside && reason !== "disconnected") note("The channel failed and is being joined again", "bad");
  });
  channel.onClose(() => {
    showState();
    if (channel) note("The room was closed. Leave and enter again to go on.", "bad");
  });
  channel.join()
    .receive("ok", welcome)
    .receive("error", (response) => refused(response?.reason || "no reason was given"))
    .receive("timeout", () => (inside ? showState() : tell("No answer yet. Trying again…")));
  byId("enter").disabled = true;
  byId("enter").textContent = "Knocking…";
  tell("");
  socket.connect();
  showState();
}

function welcome() {
  showState();
  if (inside) return; // a rejoin after a lost connection: the conversation is still on the page
  inside = true;
  remember(me);
  byId("me").textContent = me;
  door.hidden = true;
  room.hidden = false;
  body.focus();
}

function refused(reason) {
  showState();
  if (inside) return note(`The way back in was refused: ${reason}`, "bad"); // chhost.js goes on trying
  exit(`You were not let in: ${reason}`);
}

function exit(message = "") {
  const hangUp = () => { if (!channel) socket.disconnect(); }; // unless someone has entered again meanwhile
  const left = channel;
  channel = null;
  left.leave(2000).receive("ok", hangUp).receive("error", hangUp).receive("timeout", hangUp);
  inside = false;
  last = null;
  entries.replaceChildren();
  byId("empty").hidden = false;
  byId("newest").hidden = true;
  room.hidden = true;
  door.hidden = false;
  byId("enter").disabled = false;
  byId("enter").textContent = "Enter";
  tell(message);
  fail("");
  byId("name").select();
}

function showState() {
  if (!channel) return;
  const state = channel.state === "closed" || socket.isConnected() ? channel.state : "offline";
  const words = { joined: "Connected", closed: "Closed", offline: inside ? "Reconnecting…" : "Connecting…" };
  byId("state").dataset.state = state;
  byId("state").textContent = words[state] || "Joining…";
}

socket.onOpen(showState);
socket.onClose(() => {
  showState();
  if (channel && !inside) tell("The server cannot be reached. Trying again…");
});

// ---- sending

function send() {
  const text = body.value.trim();
  if (!text) return;
  const failed = (reason) => {
    fail(`Not sent: ${reason}${body.value ? `. It was: ${text}` : ""}`);
    body.value ||= text; // to be mended, or sent again
    fit();
  };
  channel.push("new:msg", { body: text })
    .receive("ok", () => fail(""))
    .receive("error", (response) => failed(response?.reason || "no reason was given"))
    .receive("timeout", () => failed("the server did not answer"));
  body.value = "";
  fit();
  scrollDown();
}

function fit() {
  body.style.height = "auto";
  body.style.height = `${body.scrollHeight + 2}px`; // 2: the border
}

// ---- showing

function element(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

// bdi: a name in another script must not turn the line around it.
const nameOf = (user) => element("bdi", "", String(user));

function showMessage({ user, body: text }) {
  const at = new Date();
  if (user === "SYSTEM") return showSystem(text, at); // nobody else can have the name
  const more = last && last.user === user && at - last.at < GROUP_MS;
  const content = element("div", "content");
  const entry = element("li", `message hue-${hue(user)}`);
  entry.classList.toggle("own", user === me);
  entry.classList.toggle("more", Boolean(more));
  if (!more) {
    const avatar = element("span", "avatar", [...String(user)][0]?.toUpperCase() ?? "?");
    avatar.setAttribute("aria-hidden", "true");
    const time = element("time", "", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
    time.dateTime = at.toISOString();
    content.append(element("div", "byline", user === me ? element("span", "", "You") : nameOf(user), time));
    entry.append(avatar);
  }
  const bubble = element("p", "body", String(text));
  bubble.dir = "auto";
  content.append(bubble);
  entry.append(content);
  byId("empty").hidden = true;
  show(entry, user === me);
  last = { user, at };
  if (document.hidden) countUnread(unread + 1);
}

// What the system says is no news for long: the newest takes the place of the one before, if nothing is between them.
function showSystem(text, at) {
  const line = element("span", "", `SYSTEM ${text} `, element("time", "", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" })));
  const newest = entries.lastElementChild;
  if (newest?.classList.contains("system")) return newest.replaceChildren(line);
  show(element("li", "note system", line), false);
  last = null;
}

// A line of the house: a text, or a name followed by what its owner did.
function note(text, kind = "") {
  if (kind === "bad" && entries.lastElementChild?.textContent === text) return; // once is enough while it is retried
  const parts = typeof text === "string" ? [text] : [nameOf(text[0]), text[1]];
  show(element("li", `note ${kind}`, element("span", "", ...parts)), false);
  last = null;
}

function show(entry, own) {
  entries.append(entry);
  while (entries.childElementCount > MAX_ENTRIES) entries.firstElementChild.remove();
  if (atBottom || own) scrollDown();
  else byId("newest").hidden = false;
}

function scrollDown() {
  log.scrollTop = log.scrollHeight;
  atBottom = true;
  byId("newest").hidden = true;
}

function hue(user) {
  let sum = 0;
  for (const char of String(user)) sum = (sum * 31 + char.codePointAt(0)) % 997;
  return sum % 8;
}

function countUnread(count) {
  unread = count;
  document.title = (count ? `(${count}) ` : "") + title;
}

function tell(message) { showNotice(byId("door-note"), message); }
function fail(message) { showNotice(byId("failure"), message); }
function showNotice(place, message) {
  place.textContent = message;
  place.hidden = !message;
}

// A reload keeps the name, another tab asks anew. Storage may be forbidden: then a reload asks too.
function remember(name) {
  try { sessionStorage.setItem("name", name); } catch { /* not kept */ }
}
function remembered() {
  try { return sessionStorage.getItem("name") ?? ""; } catch { return ""; }
}

// ---- the page

const title = roomName[0].toUpperCase() + roomName.slice(1);
for (const place of document.querySelectorAll(".room-name")) place.textContent = `#${roomName}`;
countUnread(0);

door.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = byId("name").value.trim();
  if (name && !channel) enter(name);
});
byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
body.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
body.addEventListener("input", fit);
byId("leave").addEventListener("click", () => {
  remember("");
  exit();
});
byId("newest").addEventListener("click", scrollDown);
log.addEventListener("scroll", () => {
  atBottom = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  if (atBottom) byId("newest").hidden = true;
});
// A phone's keyboard, or a longer text below, takes room from the log: what was in sight stays in sight.
new ResizeObserver(() => { if (atBottom) scrollDown(); }).observe(log);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) countUnread(0);
});

if (remembered()) {
  byId("name").value = remembered();
  enter(remembered());
}
