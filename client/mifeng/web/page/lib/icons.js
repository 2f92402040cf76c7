// Icons: one path each, on a grid of 24, drawn in the colour of the text.

const PATHS = {
  unit: "M12 3l7.8 4.500v9L12 21l-7.8-4.500v-9z",
  channel: "M4 10v4h3l6 4V6l-6 4zM17 9a4 4 0 0 1 0 6M19.5 6.500a8 8 0 0 1 0 11",
  group: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.500a3.5 3.5 0 0 1 0 6.500M18 14a6.5 6.5 0 0 1 3.5 6",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.500a7.5 7.5 0 0 1 15 0",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20 20l-4-4",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  send: "M4 12l16-8-6 16-3-7z",
  attach: "M20 11l-8.5 8.500a5 5 0 0 1-7-7L13 4a3.5 3.5 0 0 1 5 5l-8.5 8.500a2 2 0 0 1-3-3L14 7",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  key: "M14.5 9.500a4.5 4.5 0 1 0-4 4.500L12 12.500h2.500V15H17v2.500h2.500V21H22v-3.500z",
  gear: "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM19 12l2-1.5-2-3.5-2.4.9-2-1.200L14.2 4h-4.400l-.4 2.7-2 1.200L5 7l-2 3.500L5 12l-2 1.500L5 17l2.4-.9 2 1.2.4 2.700h4.400l.4-2.7 2-1.200L19 17l2-3.500z",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.500a2.5 2.5 0 1 1 3.5 2.300c-.8.4-1 .9-1 1.700M12 16.500v.5",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5.500M12 7.500V8",
  file: "M6 3h8l5 5v13H6zM14 3v5h5",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.500h.01",
  video: "M3 6h12v12H3zM15 10.500l6-3.500v10l-6-3.500z",
  audio: "M9 18V6l11-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM20 16a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z",
  text: "M6 3h8l5 5v13H6zM14 3v5h5M9 13h7M9 17h7",
  sheet: "M4 4h16v16H4zM4 9.500h16M4 15h16M10 4v16",
  archive: "M4 4h16v5H4zM5.5 9v11h13V9M10 13h4",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.5 2",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.500a3.5 3.5 0 0 1 0 6.500M18 14a6.5 6.5 0 0 1 3.5 6",
  shield: "M12 3l7 3v5.500c0 4.5-3 8-7 9.5-4-1.5-7-5-7-9.500V6z",
  verified: "M12 3l7 3v5.500c0 4.5-3 8-7 9.5-4-1.5-7-5-7-9.500V6zM8.5 12l2.5 2.5 4.5-5",
  down: "M6 9l6 6 6-6",
  back: "M15 5l-7 7 7 7",
  invite: "M10 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2.5 20.500a7.5 7.5 0 0 1 12-6M18 14v7M14.5 17.500h7",
  leave: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  offline: "M4 4l16 16M8.5 8.500a10 10 0 0 0-4 2.500M12 19h.01M8.5 15a5 5 0 0 1 6-.5M12 7a11 11 0 0 1 8 3.5",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  calendar: "M4 6h16v14H4zM4 10.500h16M8.5 3v5M15.5 3v5",
  check: "M5 12.500l4.5 4.500L19 7",
  reply: "M10 6l-6 6 6 6M4 12h10a6 6 0 0 1 6 6",
  thread: "M4 5h16v11H10l-6 4zM8 9.500h8M8 12.500h5",
  edit: "M4 20l1-4.500L16 4.5 19.5 8 8.5 19zM14 6.500l3.5 3.5",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.5 14a4 4 0 0 0 7 0M9 9.500h.01M15 9.500h.01",
  warn: "M12 4l9 16H3zM12 10v5M12 17.500v.01",
  keep: "M6 4h12v17l-6-4-6 4z",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {string} name @param {string} [label] */
export function icon(name, label) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  } else svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", /** @type {Record<string, string>} */ (PATHS)[name] ?? PATHS.file);
  svg.append(path);
  return svg;
}
