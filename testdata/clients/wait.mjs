// Waiting, always for a condition and never for ever.

const DEADLINE = 20_000;

/** What the condition returns, as soon as that is truthy; fails with `what` when the deadline (ms) has passed. */
export async function until(what, condition, deadline = DEADLINE) {
  const end = Date.now() + deadline;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > end) throw new Error(`waited ${deadline} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** How a push or a join ended: {status, response} with status ok, error or timeout. */
export async function outcome(push) {
  let result;
  for (const status of ["ok", "error", "timeout"]) {
    push.receive(status, (response) => { result ??= { status, response }; });
  }
  return until(`the outcome of ${push.event ?? "a push"}`, () => result);
}

/** The value of an environment variable that the tests cannot do without. */
export function environment(name, meaning) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: it names ${meaning}; \`make test\` sets it`);
  return value;
}
