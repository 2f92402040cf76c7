// Icons and QR codes: one path each, on a grid of 24, drawn in the colour of the text.

import { t } from "./words.js";

const ROUND = "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z";
const SHEET = "M6 3h8l5 5v13H6zM14 3v5h5";
const SHIELD = "M12 3l7 3v5.5c0 4.5-3 8-7 9.5-4-1.5-7-5-7-9.5V6z";
const PATHS = {
  unit: "M12 3l7.8 4.5v9L12 21l-7.8-4.5v-9z",
  channel: "M4 10v4h3l6 4V6l-6 4zM17 9a4 4 0 0 1 0 6M19.5 6.5a8 8 0 0 1 0 11",
  group: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14a6.5 6.5 0 0 1 3.5 6",
  feed: "M5 5h14M5 10h14M5 15h9M5 20h6",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5a7.5 7.5 0 0 1 15 0",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20 20l-4-4",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  send: "M4 12l16-8-6 16-3-7z",
  attach: "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.5 3.5 0 0 1 5 5l-8.5 8.5a2 2 0 0 1-3-3L14 7",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  key: "M14.5 9.5a4.5 4.5 0 1 0-4 4.5L12 12.5h2.5V15H17v2.5h2.5V21H22v-3.5z",
  gear: "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM19 12l2-1.5-2-3.5-2.4.9-2-1.2L14.2 4h-4.4l-.4 2.7-2 1.2L5 7l-2 3.5L5 12l-2 1.5L5 17l2.4-.9 2 1.2.4 2.7h4.4l.4-2.7 2-1.2L19 17l2-3.5z",
  help: `${ROUND}M9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.8.4-1 .9-1 1.7M12 16.5v.5`,
  info: `${ROUND}M12 11v5.5M12 7.5V8`,
  file: SHEET,
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  video: "M3 6h12v12H3zM15 10.5l6-3.5v10l-6-3.5z",
  audio: "M9 18V6l11-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM20 16a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z",
  text: `${SHEET}M9 13h7M9 17h7`,
  sheet: "M4 4h16v16H4zM4 9.5h16M4 15h16M10 4v16",
  archive: "M4 4h16v5H4zM5.5 9v11h13V9M10 13h4",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  clock: `${ROUND}M12 7v5l3.5 2`,
  shield: SHIELD,
  verified: `${SHIELD}M8.5 12l2.5 2.5 4.5-5`,
  down: "M6 9l6 6 6-6",
  back: "M15 5l-7 7 7 7",
  invite: "M10 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2.5 20.5a7.5 7.5 0 0 1 12-6M18 14v7M14.5 17.5h7",
  leave: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  offline: "M4 4l16 16M8.5 8.5a10 10 0 0 0-4 2.5M12 19h.01M8.5 15a5 5 0 0 1 6-.5M12 7a11 11 0 0 1 8 3.5",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  calendar: "M4 6h16v14H4zM4 10.5h16M8.5 3v5M15.5 3v5",
  check: "M5 12.5l4.5 4.5L19 7",
  reply: "M10 6l-6 6 6 6M4 12h10a6 6 0 0 1 6 6",
  thread: "M4 5h16v11H10l-6 4zM8 9.5h8M8 12.5h5",
  edit: "M4 20l1-4.5L16 4.5 19.5 8 8.5 19zM14 6.5l3.5 3.5",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  smile: `${ROUND}M8.5 14a4 4 0 0 0 7 0M9 9.5h.01M15 9.5h.01`,
  warn: "M12 4l9 16H3zM12 10v5M12 17.5v.01",
  keep: "M6 4h12v17l-6-4-6 4z",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {string} d @param {Record<string, string | number>} facts */
function drawing(d, facts) {
  const [svg, path] = ["svg", "path"].map((one) => document.createElementNS("http://www.w3.org/2000/svg", one));
  for (const [name, value] of Object.entries(facts)) svg?.setAttribute(name, String(value));
  path?.setAttribute("d", d);
  svg?.append(path ?? "");
  return /** @type {SVGElement} */ (svg);
}

/** @param {string} name */
export function icon(name) {
  return drawing(/** @type {Record<string, string>} */ (PATHS)[name] ?? PATHS.file, { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" });
}

/** A QR code, drawn. @param {string[]} rows */
export function qr(rows) {
  const n = rows.length;
  const dark = rows.flatMap((row, y) => [...row].map((one, x) => (one === "1" ? `M${x} ${y}h1v1h-1z` : "")));
  return drawing(dark.join(""), { viewBox: `0 0 ${n} ${n}`, class: "qr", width: n * 3, height: n * 3, role: "img", "aria-label": t("QR code of the link") });
}
