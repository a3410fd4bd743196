// npm's phoenix over version 1 of the protocol. It still names the version and lets the serializer be replaced, but
// brings only that of version 2 along.

import { Socket } from "phoenix";

export class PhoenixV1 extends Socket {
  constructor(mount, options) {
    super(mount, {
      ...options,
      vsn: "1.0.0",
      encode: (message, done) => done(JSON.stringify(message)),
      decode: (text, done) => done(JSON.parse(text)),
    });
  }
}
