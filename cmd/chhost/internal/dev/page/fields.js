// What is typed: checked before it is sent, with what is wrong beside the field, and kept in the tab.

/** Shows what is wrong with a field, or nothing. */
export function showFault(field, place, text) {
  place.textContent = text;
  place.hidden = !text;
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

/**
 * What check makes of a field's value, or undefined: then the reason stands at place and the field has the focus. A
 * fault goes as soon as the value is mended.
 */
export function checked(field, place, check) {
  try {
    const value = check(field.value);
    showFault(field, place, "");
    return value;
  } catch (error) {
    showFault(field, place, error.message);
    field.focus();
    field.oninput = () => {
      try {
        check(field.value);
        showFault(field, place, "");
      } catch { /* still wrong, and said already */ }
    };
    return undefined;
  }
}

export function jsonObject(text) {
  if (!text.trim()) return {};
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${error.message}`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Error("A payload is a JSON object, such as {\"body\": \"hello\"}");
  }
  return value;
}

/** Params travel in the address, where everything is text. */
export function connectParams(text) {
  const params = jsonObject(text);
  for (const [name, value] of Object.entries(params)) {
    if (value === null || typeof value === "object") throw new Error(`"${name}" has to be text, a number, true or false: params travel in the address`);
    if (name === "vsn") throw new Error("\"vsn\" is the protocol's version, and set by the client");
  }
  return params;
}

export function bytes(base64) {
  try {
    return Uint8Array.from(atob(base64.replace(/\s/g, "")), (char) => char.charCodeAt(0)).buffer;
  } catch {
    throw new Error("This is not base64, such as AQID for the bytes 1, 2 and 3");
  }
}

export function toBase64(buffer) {
  let binary = "";
  for (const byte of new Uint8Array(buffer)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** A name as the protocol allows it. */
export const named = (what) => (text) => {
  const name = text.trim();
  if (!name) throw new Error(`Which ${what}?`);
  if (new TextEncoder().encode(name).length > 255) throw new Error(`The ${what} has more than 255 bytes`);
  return name;
};

/** Ctrl+Enter, or Command+Enter, submits the form of a text area. */
export function submitByKey(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  event.preventDefault();
  event.target.form?.requestSubmit();
}

// Storage may be forbidden: then nothing is kept.
export function kept(key) {
  try { return JSON.parse(sessionStorage.getItem(key)) ?? {}; } catch { return {}; }
}
export function keep(key, value) {
  try { sessionStorage.setItem(key, JSON.stringify(value)); } catch { /* not kept */ }
}
