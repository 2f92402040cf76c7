// Lines to the client process. Whoever is at the other end has to prove first that this page was
// opened by it: the key of this tab came by the token in the address, and is never sent.

/** @typedef {import("../api").Calls} Calls */

const KEY = "mifeng";
const NOT_LET_IN = 4401;
const PIECE = 1 << 20;
const [token] = location.hash.slice(1).split("/");
if (token) history.replaceState(null, "", "/");
/** Whether this window has just been opened, not loaded again. */
export const isNew = !!token;
let key = token || (sessionStorage.getItem(KEY) ?? "");

/** What the client process declined, in the user's words; `error` is `Gone` if it is not there. */
export class Declined extends Error {
  /** @param {string} error @param {string} [message] */
  constructor(error, message) {
    super(message);
    this.error = error;
  }
}

/** @param {{ problem: { error: string, message: string } }} reply */
function declined({ problem }) {
  return new Declined(problem.error, problem.message);
}

/** @param {ArrayBuffer | Uint8Array} bytes */
function hex(bytes) {
  return Array.from(new Uint8Array(bytes), (one) => one.toString(16).padStart(2, "0")).join("");
}

/** What only this page and its process can say, on this line. @param {...string} said */
async function proof(...said) {
  const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);
  const mac = { name: "HMAC", hash: "SHA-256" };
  const secret = await crypto.subtle.importKey("raw", bytes(key.split(".")[1] ?? ""), mac, false, ["sign"]);
  return hex(await crypto.subtle.sign(mac, secret, bytes(["Mifeng 1.0 screen", ...said].join("\n"))));
}

/** The next frame of a line. @param {WebSocket} socket @returns {Promise<any>} */
function heard(socket) {
  return new Promise((resolve, reject) => {
    socket.onmessage = (frame) => resolve(JSON.parse(frame.data));
    socket.onclose = (end) => reject(new Declined(end.code === NOT_LET_IN ? "Refused" : "Gone"));
  });
}

/** Open a line; nothing is said on it before both sides have proved themselves. @param {string} path */
async function dial(path) {
  const socket = new WebSocket(`ws://${location.host}${path}`);
  const mine = hex(crypto.getRandomValues(new Uint8Array(32)));
  const { challenge } = await heard(socket);
  const said = (/** @type {string} */ side) => proof(side, location.host, challenge, mine);
  socket.send(JSON.stringify({ key: key.split(".")[0], challenge: mine, proof: await said("page") }));
  const welcome = await heard(socket);
  if (welcome.proof !== (await said("process")) || socket.readyState !== WebSocket.OPEN) {
    socket.close();
    throw new Declined("Gone");
  }
  if (welcome.key) sessionStorage.setItem(KEY, (key = welcome.key));
  return socket;
}

/** @type {WebSocket | null} */ let line = null;
/** @type {Map<number, { resolve: (reply: any) => void, reject: (error: Declined) => void }>} */
const asked = new Map();
let calls = 0;

/**
 * @template {keyof Calls} N
 * @param {N} name @param {Calls[N][0]} facts
 * @returns {Promise<Calls[N][1]>}
 */
export function call(name, facts) {
  return new Promise((resolve, reject) => {
    if (!line) throw new Declined("Gone");
    asked.set(++calls, { resolve, reject });
    line.send(JSON.stringify({ call: calls, name, facts }));
  });
}

/**
 * Open this page's line, and open it again for ever; `told` hears what happens.
 * @param {(event: any) => void} told @param {(isUp: boolean) => void} changed
 */
export async function listen(told, changed) {
  line = await dial("/api/stream");
  line.onmessage = (frame) => {
    const event = JSON.parse(frame.data), waits = asked.get(event.answer);
    if (!event.answer) return told(event);
    asked.delete(event.answer);
    if (event.problem) waits?.reject(declined(event));
    else waits?.resolve(event.reply);
  };
  line.onclose = () => {
    line = null;
    for (const waits of asked.values()) waits.reject(new Declined("Gone"));
    asked.clear();
    changed(false);
    again(250);
  };
  changed(true);

  /** @param {number} pause */
  function again(pause) {
    setTimeout(() => listen(told, changed).catch(() => again(Math.min(pause * 2, 5000))), pause);
  }
}

/**
 * Send a file through this process, a piece whenever it asks for one; progress comes by the stream.
 * With `hold` no message shows it yet. Returns its id.
 * @param {string} profile @param {string} unit @param {File} file @param {boolean} [hold] @returns {Promise<string>}
 */
export async function upload(profile, unit, file, hold = false) {
  const socket = await dial("/api/upload");
  socket.send(JSON.stringify({ profile, unit, name: file.name, size: file.size, hold }));
  let next = heard(socket);
  for (let at = 0; ; at += PIECE) {
    const said = await next;
    if (said.problem) throw declined(said);
    if (!said.more) return said.upload.id;
    next = heard(socket);
    socket.send(await file.slice(at, at + PIECE).arrayBuffer());
  }
}

/** A picture as a blob of this page's own. @param {string} url */
export async function picture(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Declined("Gone");
  return URL.createObjectURL(await response.blob());
}
