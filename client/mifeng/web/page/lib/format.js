// Times, durations and sizes as people write them.

import { locale, number, t } from "./words.js";

/** How a time is written, in the language in use. @param {Intl.DateTimeFormatOptions} options */
function written(options) {
  /** @type {Map<string, Intl.DateTimeFormat>} */ const formats = new Map();
  return (/** @type {number} */ at) => {
    const found = formats.get(locale()) ?? new Intl.DateTimeFormat(locale(), { ...options, hourCycle: "h23" });
    formats.set(locale(), found);
    return found.format(at);
  };
}

export const clock = written({ hour: "2-digit", minute: "2-digit" });
export const fullTime = written({ dateStyle: "full", timeStyle: "short" });
export const shortTime = written({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const longDay = written({ weekday: "long", day: "numeric", month: "long" });

/** @param {number} at */
export function dayKey(at) {
  return new Date(at).toDateString();
}

/** @param {number} at */
export function day(at) {
  const key = dayKey(at), now = Date.now();
  if (key === dayKey(now)) return t("Today");
  if (key === dayKey(now - 86400000)) return t("Yesterday");
  return longDay(at);
}

/** A duration in its two largest units: `2 d 4 h`. @param {number} ms */
export function span(ms) {
  const minutes = Math.max(0, Math.floor(ms / 60000));
  const [d, h, m] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  if (d) return h ? t("{d} d {h} h", { d, h }) : t("{d} d", { d });
  if (h) return m ? t("{h} h {m} min", { h, m }) : t("{h} h", { h });
  return m ? t("{m} min", { m }) : t("less than a minute");
}

/** How long something still lives. @param {number} until */
export function left(until) {
  return until <= Date.now() ? t("over") : t("live for {time}", { time: span(until - Date.now()) });
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes, at = 0;
  while (value >= 1024 && at < units.length - 1) [value, at] = [value / 1024, at + 1];
  return `${number(at && value < 100 ? Math.round(value * 10) / 10 : Math.round(value))} ${units[at]}`;
}

/** What stands on each line. @param {string} text */
export function linesOf(text) {
  return text.split("\n").map((one) => one.trim()).filter(Boolean);
}

/** @param {{ name: string }[]} people */
export function namesOf(people) {
  return people.map((one) => one.name).join(", ");
}

/** Two letters, or the last two characters of a Chinese name. @param {string} name */
export function initials(name) {
  const letters = [...name.trim()];
  if (/\p{Script=Han}/u.test(name)) return letters.filter((c) => c.trim()).slice(-2).join("");
  const parts = name.trim().split(/[\s-]+/u).map((part) => [...part][0] ?? "");
  return [parts[0], ...parts.slice(1).slice(-1)].join("").toUpperCase() || "?";
}
