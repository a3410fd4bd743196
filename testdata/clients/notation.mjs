// Frames as the tests read them: [join_ref, ref, topic, event, payload], whatever they were on the wire. The payload of
// a binary frame is a Buffer; a reply's is {status, response}, with a Buffer for the response.

/** A frame that the client sent. */
export const sentFrame = (data) => (typeof data === "string" ? textFrame(data) : binaryPush(fields(data, 4)));

/** A frame that the client received. */
export function receivedFrame(data) {
  if (typeof data === "string") return textFrame(data);
  const [kind] = new Uint8Array(data);
  switch (kind) {
    case 0: { // a push of the server has no ref
      const [joinRef, topic, event, payload] = fields(data, 3);
      return [joinRef || null, null, topic, event, payload];
    }
    case 1: {
      const [joinRef, ref, topic, status, response] = fields(data, 4);
      return [joinRef || null, ref || null, topic, "phx_reply", { status, response }];
    }
    case 2: return [null, null, ...fields(data, 2)];
    default: throw new Error(`the server sent a binary frame of the unknown kind ${kind}`);
  }
}

// Version 2 writes arrays, version 1 objects; the server leaves out the join_ref in those.
function textFrame(text) {
  const frame = JSON.parse(text);
  if (Array.isArray(frame)) return frame;
  const { join_ref: joinRef = null, ref, topic, event, payload } = frame;
  return [joinRef, ref, topic, event, payload];
}

const binaryPush = ([joinRef, ref, ...rest]) => [joinRef || null, ref || null, ...rest];

// kind | one byte for the length of each field | the fields | payload
function fields(data, count) {
  const bytes = Buffer.from(data);
  let end = 1 + count;
  const read = [...bytes.subarray(1, end)].map((length) => {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(end, end + length));
    end += length;
    return text;
  });
  return [...read, bytes.subarray(end)];
}
