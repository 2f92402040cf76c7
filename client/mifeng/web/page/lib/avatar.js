// A person as a small square: their picture; until it is there, or without one, initials on a colour
// that belongs to the id.

import { blobOf, h } from "./dom.js";
import { initials } from "./format.js";
import { ask } from "./store.js";

/** By the name of the picture; a page's own blobs. @type {Map<string, Promise<string>>} */
const pictures = new Map();

/** @param {import("../api").PersonFacts | null} person @param {string} [kind] */
export function avatar(person, kind = "") {
  const hue = person ? (parseInt(person.id.slice(0, 4), 16) % 12) * 30 : 34;
  const made = h("span.avatar", { class: kind, "--h": hue, "aria-hidden": "true" }, person ? initials(person.name) : "·");
  if (person?.picture) {
    const found = pictures.get(person.picture) ?? ask("picture", { person: person.id }).then(({ picture }) => picture && blobOf(picture));
    pictures.set(person.picture, found);
    found.then((src) => src && made.replaceChildren(h("img", { src, alt: "" })), () => pictures.delete(person.picture));
  }
  return made;
}
