// A person as a small square: initials on a colour that belongs to the id.

import { h } from "../lib/dom.js";
import { initials } from "../lib/format.js";

/** @param {{ id: string, name: string } | null} person @param {string} [kind] */
export function avatar(person, kind = "") {
  const hue = person ? parseInt(person.id.slice(0, 4), 16) % 12 : 0;
  return h("span", { class: `avatar ${kind}`, "data-hue": hue, "aria-hidden": "true" },
    person ? initials(person.name) : "·");
}

/** @param {string} name */
export function named(name) {
  return h("bdi", { class: "name" }, name);
}
