// A small client of Phoenix channels: the V2 protocol, WebSocket, no dependencies.
//
//   <script src="/chhost.js"></script>
//   const socket = new chhost.Socket("/socket", { params: { token: "..." } });
//   socket.connect();
//   const channel = socket.channel("rooms:lobby", { user: "Ada" });
//   channel.on("new:msg", (payload) => show(payload.body));
//   channel.join().receive("ok", ready).receive("error", refused).receive("timeout", silent);
//   channel.push("new:msg", { body: "hello" }, 5000).receive("ok", sent);
//
// A payload is an object, or bytes: an ArrayBuffer (or a view of one) when sent, an ArrayBuffer when received.
// A classic script that defines the global `chhost`; under Node, require() returns the same object.
// Names and behaviour are those of Phoenix's own client, with these differences: every retry waits a
// random time, so that a restarted server is not met by all its clients at once; a refusal's
// retry_after_ms is heeded; and a push that timed out before it could be sent is never sent.
(() => {
  "use strict";

  // "Full jitter": anything between nothing and an exponentially growing ceiling.
  const jitter = (base, cap) => (tries) => Math.random() * Math.min(cap, base * 2 ** tries);

  // A frame with bytes: the kind, the length of each name in one byte, the names, the bytes.
  function encode(frame) {
    const payload = frame[4];
    if (!(payload instanceof ArrayBuffer) && !ArrayBuffer.isView(payload)) return JSON.stringify(frame);
    const names = frame.slice(0, 4).map((name) => new TextEncoder().encode(name ?? ""));
    if (names.some((name) => name.length > 255)) throw new RangeError("a topic or an event has more than 255 bytes");
    const bytes = payload instanceof ArrayBuffer
      ? new Uint8Array(payload) : new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
    const parts = [Uint8Array.of(0, ...names.map((name) => name.length)), ...names, bytes];
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
    return whole.buffer;
  }
  function decode(data) {
    if (typeof data === "string") return JSON.parse(data);
    const bytes = new Uint8Array(data);
    const lengths = bytes.subarray(1, 1 + ([3, 4, 2][bytes[0]] ?? 0));
    let at = 1 + lengths.length;
    const names = Array.from(lengths, (length) => new TextDecoder().decode(bytes.subarray(at, at += length)));
    const payload = data.slice(at);
    switch (bytes[0]) {
      case 0: return [names[0] || null, null, names[1], names[2], payload]; // a push
      case 1: return [names[0] || null, names[1], names[2], "phx_reply", { status: names[3], response: payload }];
      case 2: return [null, null, names[0], names[1], payload]; // a broadcast
      default: return []; // of a later protocol: for no channel
    }
  }

  class Emitter {
    listeners = [];
    on(event, fn) { this.listeners = [...this.listeners, { event, fn }]; return fn; }
    off(event, fn) { this.listeners = this.listeners.filter((l) => l.event !== event || (fn && l.fn !== fn)); }
    emit(event, payload) { for (const l of this.listeners) if (l.event === event) l.fn(payload); }
  }

  // One message that expects a reply. A join's push is used again for every rejoin and keeps its hooks.
  class Push {
    constructor(channel, event, payload, timeout) {
      Object.assign(this, { channel, event, payload, timeout, hooks: [], status: null, ref: null });
    }
    receive(status, fn) {
      if (this.status === status) fn(this.response);
      this.hooks = [...this.hooks, { status, fn }];
      return this;
    }
    start() {
      this.cancel();
      this.status = null;
      this.timer = setTimeout(() => this.finish("timeout", {}), this.timeout);
    }
    send() {
      const { socket, topic } = this.channel;
      this.ref = socket.nextRef();
      if (this.event === "phx_join") this.channel.joinRef = this.ref;
      socket.waiting.set(this.ref, this);
      socket.send(this.channel.joinRef, this.ref, topic, this.event, this.payload);
    }
    cancel() {
      clearTimeout(this.timer);
      this.channel.socket.waiting.delete(this.ref);
    }
    finish(status, response) {
      this.cancel();
      Object.assign(this, { status, response });
      for (const hook of this.hooks) if (hook.status === status) hook.fn(response);
    }
  }

  // States: closed, joining, joined, errored (it rejoins by itself).
  class Channel extends Emitter {
    constructor(socket, topic, params) {
      super();
      Object.assign(this, { socket, topic, state: "closed", joinRef: null, tries: 0, buffer: [] });
      this.joinPush = new Push(this, "phx_join", params)
        .receive("ok", () => this.joined())
        .receive("error", (response) => this.errored(Number(response?.retry_after_ms) || 0))
        .receive("timeout", () => {
          // The server may still be at work on this join: take it back, and listen to nothing more of it.
          socket.send(this.joinRef, socket.nextRef(), topic, "phx_leave", {});
          this.joinRef = null;
          this.errored();
        });
    }
    onError(fn) { return this.on("phx_error", fn); }
    onClose(fn) { return this.on("phx_close", fn); }

    // The hooks on the returned push also run for every later rejoin. A refused join is tried again until leave().
    join(timeout = this.socket.options.timeout) {
      if (this.state !== "closed") throw new Error(`${this.topic} is joined already: leave() it first`);
      this.joinPush.timeout = timeout;
      this.socket.channels.push(this);
      this.rejoin();
      return this.joinPush;
    }
    // Waits while the channel is joining; fails on a closed one, as the server would have it.
    push(event, payload = {}, timeout = this.socket.options.timeout) {
      const push = new Push(this, event, payload, timeout);
      push.start();
      if (this.state === "joined") push.send();
      else if (this.state === "closed") push.finish("error", { reason: "unmatched topic" });
      else this.buffer.push(push);
      return push;
    }
    leave(timeout = this.socket.options.timeout) {
      const push = new Push(this, "phx_leave", {}, timeout);
      if (this.socket.isConnected() && this.state !== "closed") {
        push.start();
        push.send();
      } else {
        push.finish("ok", {});
      }
      this.closed({});
      return push;
    }

    rejoin() {
      clearTimeout(this.rejoinTimer);
      this.state = "joining";
      this.joinPush.start();
      if (this.socket.isConnected()) this.joinPush.send(); // else the socket calls again when it opens
    }
    joined() {
      this.state = "joined";
      this.tries = 0;
      for (const push of this.takeBuffer()) push.send();
    }
    errored(atLeastMs = 0) {
      this.state = "errored";
      clearTimeout(this.rejoinTimer);
      if (!this.socket.isConnected()) return; // rejoins when the socket opens
      this.rejoinTimer = setTimeout(() => this.rejoin(), atLeastMs + this.socket.options.rejoinAfterMs(this.tries++));
    }
    closed(payload) {
      if (this.state === "closed") return;
      this.state = "closed";
      clearTimeout(this.rejoinTimer);
      this.joinPush.cancel();
      this.socket.channels = this.socket.channels.filter((channel) => channel !== this);
      for (const push of this.takeBuffer()) push.finish("error", { reason: "unmatched topic" });
      this.emit("phx_close", payload);
    }
    takeBuffer() { return this.buffer.splice(0).filter((push) => push.status === null); }
    received(event, payload) {
      if (event === "phx_close") return this.closed(payload);
      const news = this.state === "joined" || (this.state === "joining" && event === "phx_error");
      if (event === "phx_error") this.errored();
      if (news) this.emit(event, payload);
    }
  }

  // Options, all optional: params (an object, or a function that is asked at every connect), transport (a WebSocket
  // class), timeout and heartbeatIntervalMs in milliseconds, reconnectAfterMs(tries) and rejoinAfterMs(tries).
  class Socket extends Emitter {
    constructor(mount, options) {
      super();
      Object.assign(this, { mount, channels: [], waiting: new Map(), conn: null, tries: 0, lastRef: 0 });
      this.options = {
        params: {}, transport: globalThis.WebSocket, timeout: 10_000, heartbeatIntervalMs: 30_000,
        reconnectAfterMs: jitter(250, 10_000), rejoinAfterMs: jitter(1_000, 10_000), ...options,
      };
    }
    onOpen(fn) { return this.on("open", fn); }
    onClose(fn) { return this.on("close", fn); }
    onError(fn) { return this.on("error", fn); }
    isConnected() { return this.conn?.readyState === 1; }
    channel(topic, params = {}) { return new Channel(this, topic, params); }

    connect() {
      this.wanted = true;
      clearTimeout(this.reconnectTimer);
      if (this.conn) return;
      const conn = this.conn = new this.options.transport(this.url());
      conn.binaryType = "arraybuffer";
      const ifCurrent = (fn) => (event) => { if (this.conn === conn) fn(event); };
      conn.onopen = ifCurrent((event) => this.opened(event));
      conn.onmessage = ifCurrent((event) => this.received(event.data));
      conn.onerror = ifCurrent((event) => this.emit("error", event));
      conn.onclose = ifCurrent((event) => this.lost(event));
      this.heartbeatRef = null;
      this.heartbeatTimer = setInterval(() => this.heartbeat(), this.options.heartbeatIntervalMs);
    }
    disconnect() {
      this.wanted = false;
      clearTimeout(this.reconnectTimer);
      if (this.conn) this.lost({ code: 1000, reason: "disconnected", wasClean: true });
    }

    url() {
      const { params } = this.options;
      const url = new URL(`${this.mount.replace(/\/+$/, "")}/websocket`, globalThis.location?.href);
      url.protocol = url.protocol.replace("http", "ws");
      url.search = new URLSearchParams({ ...(typeof params === "function" ? params() : params), vsn: "2.0.0" });
      return url.href;
    }
    nextRef() { return String(++this.lastRef); }
    send(...frame) {
      if (this.isConnected()) this.conn.send(encode(frame));
    }
    opened(event) {
      for (const channel of [...this.channels]) channel.rejoin();
      this.emit("open", event);
    }
    heartbeat() {
      if (!this.isConnected() || this.heartbeatRef) {
        return this.lost({ code: 1006, reason: "no answer to the heartbeat", wasClean: false });
      }
      this.heartbeatRef = this.nextRef();
      this.send(null, this.heartbeatRef, "phoenix", "heartbeat", {});
    }
    received(data) {
      const [joinRef, ref, topic, event, payload] = decode(data);
      this.tries = 0; // not earlier: a server that accepts and hangs up must not be met ever faster
      if (topic === "phoenix") this.heartbeatRef = null;
      if (event === "phx_reply") return this.waiting.get(ref)?.finish(payload.status, payload.response);
      for (const channel of [...this.channels]) {
        // A frame with another join_ref belongs to an earlier membership of the topic.
        if (channel.topic === topic && (joinRef ?? channel.joinRef) === channel.joinRef) channel.received(event, payload);
      }
    }
    lost(event) {
      const conn = this.conn;
      this.conn = null; // from here on its own events count no more: a dead connection may take minutes to close
      clearInterval(this.heartbeatTimer);
      conn.close();
      if (this.wanted) this.reconnectTimer = setTimeout(() => this.connect(), this.options.reconnectAfterMs(this.tries++));
      for (const channel of [...this.channels]) channel.received("phx_error", { reason: "disconnected" });
      this.emit("close", event);
    }
  }

  const chhost = { Socket };
  if (typeof module === "object" && module.exports) module.exports = chhost;
  else globalThis.chhost = chhost;
})();
