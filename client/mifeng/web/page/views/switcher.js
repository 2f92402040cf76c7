// Search or go to: units and people, by title, name, pinyin or initials.

import { ask, avatar, emit, fill, gist, h, hitsOf, icon, openDialog, position, searchOf, shortTime, store, t, unitIcon, whence } from "../lib/index.js";

/** @typedef {{ drawn: Node, name: string, more: string, go: () => void }} Hit */

export function openSwitcher() {
  if (document.querySelector("dialog.switcher")) return;
  const input = searchOf(t("Search or go to"), () => look(), {
    role: "combobox", "aria-expanded": "true", "aria-controls": "hits", autocomplete: "off",
    onkeydown: (/** @type {KeyboardEvent} */ event) => hits.key(event),
  });
  const list = h("div", { id: "hits", role: "listbox", "aria-label": t("Found"), class: "hits" });
  const hits = hitsOf(list, input, (/** @type {Hit} */ hit) => [hit.drawn, h("bdi.cut", hit.name), h("span.muted.cut", hit.more)], (hit) => {
    dialog.close();
    hit.go();
  });
  const look = async () => {
    const query = input.value.trim();
    const { hits: found } = await ask("find", { query });
    if (input.value.trim() !== query) return;
    hits.show(found.map((one) => one.unit ? unitHit(one.unit) : one.person ? personHit(one.person) : one.message && messageHit(one.message)).filter((one) => one !== null));
    if (!list.firstChild) fill(list, h("p.empty", { role: "option", "aria-selected": "false" }, t("Nothing is found by that.")));
  };
  const dialog = openDialog(t("Search or go to"), () => [input, list, h("p.hint", t("Filters: from:name  in:unit  has:file  before:2026-01-31"))], { kind: "switcher" });
  look();
}

/** @param {import("../api").MessageFacts} one @returns {Hit} */
function messageHit(one) {
  return {
    drawn: icon("thread"), name: gist(one).slice(0, 120), more: `${whence(one)} · ${shortTime(one.at)}`,
    go: () => emit(document.querySelector("mf-sidebar"), "go-to", one),
  };
}

/** @param {string} id @returns {Hit | null} */
function unitHit(id) {
  const unit = store.unit(id);
  return unit ? { drawn: unitIcon(unit), name: unit.title, more: unit.topic, go: () => { location.hash = `#/u/${id}`; } } : null;
}

/** @param {import("../api").PersonFacts} person @returns {Hit} */
function personHit(person) {
  return {
    drawn: avatar(person, "small"), name: person.name, more: position(person),
    go: () => emit(document.querySelector("mf-sidebar"), "open-person", person.id),
  };
}
