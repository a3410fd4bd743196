// The topics: a card for each, with its state, what can be pushed, and what came of it.

import { bytes, checked, jsonObject, named, showFault, submitByKey, toBase64 } from "./fields.js";

const template = document.getElementById("card");
const list = document.getElementById("topics");
const events = document.getElementById("events");

const STATES = { // how a state looks, what it is called
  joining: ["wait", "Joining…"],
  joined: ["good", "Joined"],
  errored: ["wait", "Failed, joins again…"],
  offline: ["wait", "Waiting for the socket…"],
  refused: ["bad", "Refused"],
  ignored: ["bad", "No answer"],
  left: ["off", "Left"],
  closed: ["off", "Closed by the server"],
};

let count = 0;

/** One topic that was joined, with its card. `changed` is called when there is something new to keep. */
export class Topic {
  constructor(socket, { topic, payload = "{}", event = "", body = "{}", kind = "json" }, changed) {
    Object.assign(this, { socket, topic, payload, changed, channel: null, ended: "left" });
    this.card = template.content.firstElementChild.cloneNode(true);
    const heading = this.find("h3");
    heading.textContent = topic;
    this.card.setAttribute("aria-label", topic);
    count++;
    for (const name of ["event", "payload"]) { // ids cannot come from a template
      const [field, label, fault] = [`.${name}`, `.${name}-label`, `.${name}-fault`].map((s) => this.find(s));
      field.id = label.htmlFor = `${name}-${count}`;
      fault.id = `${name}-fault-${count}`;
      field.setAttribute("aria-describedby", fault.id);
    }
    this.find(".event").value = event;
    this.find(".payload").value = body;
    this.find(".kind").value = kind;
    this.find(".leave").addEventListener("click", () => this.leave());
    this.find(".again").addEventListener("click", () => this.join());
    this.find(".remove").addEventListener("click", () => this.remove());
    this.find(".push").addEventListener("submit", (e) => {
      e.preventDefault();
      this.push();
    });
    this.find(".payload").addEventListener("keydown", submitByKey);
    this.find(".kind").addEventListener("change", () => this.showKind());
    this.card.addEventListener("input", changed);
    this.showKind();
    list.prepend(this.card);
    this.show();
  }

  find(selector) { return this.card.querySelector(selector); }

  /** What restores it after a reload. */
  kept() {
    return {
      topic: this.topic, payload: this.payload, wanted: this.channel !== null,
      event: this.find(".event").value, body: this.find(".payload").value, kind: this.find(".kind").value,
    };
  }

  join(payload = this.payload) {
    this.payload = payload;
    this.outcome("");
    const channel = this.channel = this.socket.channel(this.topic, jsonObject(payload));
    const ours = (fn) => (response) => { if (this.channel === channel) fn(response); };
    channel.onError(ours(({ reason }) => {
      if (reason !== "disconnected") this.outcome("The server ended the channel: ", { reason });
      this.show();
    }));
    channel.onClose(ours(() => this.end("closed")));
    channel.join()
      .receive("ok", ours((response) => {
        this.outcome("Answer to the join: ", response);
        this.show();
      }))
      // The client would try again until it leaves; a person wants to read why first.
      .receive("error", ours((response) => {
        this.end("refused");
        this.outcome("Refused: ", response);
      }))
      .receive("timeout", ours(() => {
        if (!this.socket.isConnected()) return; // it joins when the socket opens
        this.end("ignored");
        this.outcome("The join was not answered within 10 s. The plugin may have ignored it.");
      }));
    this.show();
    this.changed();
  }

  leave() { this.end("left"); }

  remove() {
    if (this.channel) this.leave();
    this.card.remove();
    this.removed = true;
    this.changed();
    document.getElementById("topic").focus();
  }

  end(how) {
    const { channel } = this;
    this.channel = null; // what it says from here on is of no interest
    this.ended = how;
    channel.leave();
    this.outcome("");
    this.show();
    this.changed();
  }

  push() {
    this.reply("", "");
    this.latest = null;
    const event = checked(this.find(".event"), this.find(".event-fault"), named("event"));
    if (event === undefined) return;
    const check = this.find(".kind").value === "bytes" ? bytes : jsonObject;
    const payload = checked(this.find(".payload"), this.find(".payload-fault"), check);
    if (payload === undefined) return;
    offer(event);
    const began = performance.now();
    const latest = this.latest = {}; // only the newest push's reply is shown
    const done = (status) => (response) => {
      if (this.latest !== latest) return;
      const took = Math.round(performance.now() - began);
      if (status === "timeout") this.reply("", "No reply within 10 s. An event need not be answered.");
      else this.reply(status, `${status} after ${took} ms: `, response);
    };
    const push = this.channel.push(event, payload);
    this.reply("", `${event} was sent, no reply yet.`);
    for (const status of ["ok", "error", "timeout"]) push.receive(status, done(status));
  }

  outcome(text, response) {
    this.find(".outcome").replaceChildren(text, ...code(response));
  }
  reply(status, text, response) {
    const place = this.find(".reply");
    place.dataset.status = status;
    place.replaceChildren(text, ...code(response));
  }

  /** Shows the state anew: also called when the socket's has changed. */
  show() {
    const state = this.channel ? (this.socket.isConnected() ? this.channel.state : "offline") : this.ended;
    const [look, words] = STATES[state];
    const place = this.find(".state");
    if (place.textContent !== words) place.textContent = words; // a status that does not change is not read out again
    place.dataset.state = look;
    const joined = this.channel !== null;
    this.find(".leave").hidden = !joined;
    this.find(".again").hidden = this.find(".remove").hidden = joined;
    this.find(".push .primary").disabled = !joined;
  }

  showKind() {
    const isBytes = this.find(".kind").value === "bytes";
    this.find(".payload").placeholder = isBytes ? "AQID" : "{}";
    if (isBytes && this.find(".payload").value.trim() === "{}") this.find(".payload").value = "";
    showFault(this.find(".payload"), this.find(".payload-fault"), "");
  }
}

function code(response) {
  if (response === undefined) return [];
  const made = document.createElement("code");
  const text = response instanceof ArrayBuffer
    ? `${response.byteLength} bytes ${toBase64(response.slice(0, 1500))}` : JSON.stringify(response);
  made.textContent = text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
  return [made];
}

// Events that were pushed before are offered for the next push.
function offer(event) {
  const known = [...events.options];
  if (known.some(({ value }) => value === event)) return;
  if (known.length >= 50) known[0].remove();
  events.append(new Option(event));
}
