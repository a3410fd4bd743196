// The built-in page of `chhost dev`: connects, joins, pushes, and shows every frame and what became of the last change.

import { checked, connectParams, jsonObject, keep, kept, named, showFault, submitByKey } from "./fields.js";
import { WatchedWebSocket, addNote } from "./frames.js";
import { Topic } from "./topics.js";

const ASK_MS = 1000; // how often the server is asked for its version

const byId = (id) => document.getElementById(id);

let topics = []; // the newest first, as on the page
let params = {};
let wanted = true; // is the socket to be connected?
let opened = false; // was it, since it was wanted?
let server = await ask() ?? { plugin: "plugin", topics: [], mount: "/socket", version: "" };

const storage = `chhost dev ${server.plugin}`;
const socket = new chhost.Socket(server.mount, { transport: WatchedWebSocket, params: () => params });

// ---- the server

async function ask() {
  try {
    const response = await fetch("state");
    return response.ok ? await response.json() : null;
  } catch {
    return null; // stopped, or on its way up again
  }
}

function showServer(before) {
  const { plugin, version, building, error, note, page } = server;
  byId("plugin").textContent = plugin;
  document.title = `${plugin} · chhost dev`;
  byId("version").hidden = !version;
  byId("version").textContent = building ? `${version}, building the next…` : version;
  byId("own-page").hidden = !page;
  byId("failure").hidden = !error;
  if (byId("failure-text").textContent !== (error ?? "")) byId("failure-text").textContent = error ?? "";
  if (before && before.version !== version && note) addNote(note, "swap");
}

async function look() {
  const now = document.hidden ? null : await ask();
  if (now) {
    const before = server;
    server = now;
    showServer(before);
  }
}

// ---- the socket

function showSocket() {
  const [look, words] = socket.isConnected() ? ["good", "Connected"]
    : !wanted ? ["off", "Disconnected"]
    : opened ? ["wait", "Reconnecting…"] : ["wait", "Connecting…"];
  byId("socket-state").dataset.state = look;
  byId("socket-state").textContent = words;
  byId("connect").textContent = socket.isConnected() ? "Reconnect" : "Connect";
  byId("disconnect").disabled = !wanted;
  for (const topic of topics) topic.show();
}

function tell(text) {
  byId("connection-note").textContent = text;
  byId("connection-note").hidden = !text;
}

socket.onOpen(() => {
  opened = true;
  tell("");
  showSocket();
});
socket.onClose(async ({ reason }) => {
  showSocket();
  if (!wanted || opened || reason === "disconnected") return;
  // A browser does not say why a WebSocket was not opened.
  const reachable = await ask() !== null;
  if (wanted && !opened) {
    tell(reachable ? "The server is there and refused the socket: its connect may not like the params. Trying again…"
      : "The server cannot be reached. Trying again…");
  }
});

function connect() {
  const next = checked(byId("params"), byId("params-fault"), connectParams);
  if (next === undefined) return false;
  params = next;
  wanted = true;
  opened = false;
  tell("");
  socket.disconnect(); // the params may be others
  socket.connect();
  save();
  showSocket();
  return true;
}

byId("connection").addEventListener("submit", (event) => {
  event.preventDefault();
  connect();
});
byId("disconnect").addEventListener("click", () => {
  wanted = false;
  tell("");
  socket.disconnect();
  save();
  showSocket();
});

// ---- the topics

byId("join").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = checked(byId("topic"), byId("topic-fault"), named("topic"));
  if (name === undefined) return;
  if (checked(byId("join-payload"), byId("join-payload-fault"), jsonObject) === undefined) return;
  let topic = topics.find((t) => t.topic === name && !t.removed);
  if (topic?.channel) {
    return showFault(byId("topic"), byId("topic-fault"), `${name} is joined already: leave it first`);
  }
  topic ??= addTopic({ topic: name });
  topic.join(byId("join-payload").value);
});

function addTopic(values) {
  const topic = new Topic(socket, values, save);
  topics.unshift(topic);
  return topic;
}

// ---- what is kept over a reload

function save() {
  topics = topics.filter((topic) => !topic.removed);
  keep(storage, {
    params: byId("params").value, topic: byId("topic").value, payload: byId("join-payload").value, wanted,
    heartbeats: byId("heartbeats").checked, topics: topics.map((topic) => topic.kept()),
  });
}

function restore() {
  const values = kept(storage);
  const [first = ""] = server.topics; // a pattern: what it begins with is a beginning
  byId("params").value = values.params ?? "{}";
  byId("topic").value = values.topic ?? first.replace(/\*$/, "");
  byId("join-payload").value = values.payload ?? "{}";
  byId("heartbeats").checked = values.heartbeats ?? false;
  for (const pattern of server.topics) {
    if (pattern !== "*") byId("patterns").append(new Option(pattern.replace(/\*$/, "")));
  }
  wanted = values.wanted ?? true;
  for (const old of [...values.topics ?? []].reverse()) {
    const topic = addTopic(old);
    if (old.wanted) topic.join();
  }
}

for (const field of document.querySelectorAll(".controls > section :is(input, textarea)")) {
  field.addEventListener("input", save);
  if (field.localName === "textarea") field.addEventListener("keydown", submitByKey);
}
byId("heartbeats").addEventListener("change", save);
document.addEventListener("visibilitychange", look);

restore();
showServer(null);
if (wanted) wanted = connect();
showSocket();
(async () => {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    await look();
  }
})();
