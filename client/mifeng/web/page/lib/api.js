// The local API. The secret of this tab came from the token in the address; no other tab has it.

/** @typedef {import("../api").Calls} Calls */

const KEY = "mifeng";
let secret = sessionStorage.getItem(KEY) ?? "";

/** What the client process declined, in the user's words. */
export class Declined extends Error {
  /** @param {number} status @param {string} error @param {string} message */
  constructor(status, error, message) {
    super(message);
    this.status = status;
    this.error = error;
  }
}

/** Change the token in the address for a secret, if there is one. */
export async function enter() {
  const token = location.hash.slice(1);
  if (!token || token.startsWith("/")) return;
  history.replaceState(null, "", "/");
  secret = (await call("enter", { token })).secret;
  sessionStorage.setItem(KEY, secret);
}

/**
 * @template {keyof Calls} N
 * @param {N} name @param {Calls[N][0]} facts
 * @returns {Promise<Calls[N][1]>}
 */
export async function call(name, facts) {
  const response = await reach(`/api/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Mifeng-Secret": secret },
    body: JSON.stringify(facts),
  });
  return response.json();
}

/** @param {string} path @param {RequestInit} init */
async function reach(path, init) {
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Declined(0, "Gone", "");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({ error: "", message: response.statusText }));
  throw new Declined(response.status, said.error, said.message);
}

/**
 * Send a file through this process; its progress comes by the stream.
 * @param {string} profile @param {string} unit @param {Blob} file @param {string} name
 * @returns {Promise<import("../api").UploadFacts>}
 */
export async function upload(profile, unit, file, name) {
  const response = await reach(`/api/upload/${profile}/${unit}`, {
    method: "PUT",
    headers: { "X-Mifeng-Secret": secret, "X-File-Name": encodeURIComponent(name) },
    body: file,
  });
  return response.json();
}

/** A picture as a blob of this page's own. @param {string} url */
export async function picture(url) {
  const response = await reach(url, {});
  return URL.createObjectURL(await response.blob());
}

/**
 * What happens, as it happens; the line is dialled again for ever.
 * @param {(event: any) => void} told @param {(isUp: boolean) => void} line
 */
export function listen(told, line) {
  let pause = 250;
  const dial = () => {
    const socket = new WebSocket(`ws://${location.host}/api/stream`);
    socket.onopen = () => socket.send(JSON.stringify({ secret }));
    socket.onmessage = (frame) => {
      const event = JSON.parse(frame.data);
      if (event.kind === "hello") {
        pause = 250;
        line(true);
      } else told(event);
    };
    socket.onclose = () => {
      line(false);
      setTimeout(dial, pause);
      pause = Math.min(pause * 2, 5000);
    };
  };
  dial();
}
