// Search or go to: units and people, by title, name, pinyin or initials.

import { ask, emit, fill, h, icon, openDialog, shortTime, store, t } from "../lib/index.js";
import { avatar } from "../parts/avatar.js";
import { position } from "../parts/panel.js";

/** @typedef {{ key: string, drawn: Node, name: string, more: string, go: () => void }} Hit */

export function openSwitcher() {
  if (document.querySelector("dialog.switcher")) return;
  /** @type {Hit[]} */ let hits = [];
  let chosen = 0;
  const input = h("input", {
    type: "search", "data-first": true, placeholder: t("Search or go to"), "aria-label": t("Search or go to"),
    role: "combobox", "aria-expanded": "true", "aria-controls": "hits", autocomplete: "off",
  });
  const list = h("div", { id: "hits", role: "listbox", "aria-label": t("Found"), class: "hits" });
  const draw = () => {
    input.setAttribute("aria-activedescendant", hits.length ? `hit-${chosen}` : "");
    fill(list, hits.length ? hits.map((hit, n) => h("div", {
      role: "option", id: `hit-${n}`, class: "hit", "aria-selected": String(n === chosen), onclick: () => go(n),
    }, hit.drawn, h("bdi.cut", hit.name), h("span.muted.cut", hit.more))) : h("p.empty", { role: "option", "aria-selected": "false" }, t("Nothing is found by that.")));
    list.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  };
  /** @param {number} n */
  const go = (n) => {
    dialog.close();
    hits[n]?.go();
  };
  const look = async () => {
    const query = input.value.trim();
    const { hits: found } = await ask("find", { query });
    if (input.value.trim() !== query) return;
    hits = found.map((one) => one.unit ? unitHit(one.unit) : one.person ? personHit(one.person) : one.message ? messageHit(one.message) : null).filter((one) => one !== null);
    chosen = 0;
    draw();
  };
  input.addEventListener("input", look);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && hits.length) {
      chosen = (chosen + step + hits.length) % hits.length;
      draw();
    } else if (event.key === "Enter") go(chosen);
    else return;
    event.preventDefault();
  });
  const dialog = openDialog(t("Search or go to"), () => [input, list, h("p.hint", t("Filters: from:name  in:unit  has:file  before:2026-01-31"))], { kind: "switcher" });
  look();
}

/** @param {import("../api").MessageFacts} one @returns {Hit} */
function messageHit(one) {
  const text = one.text || one.announcement?.title || one.poll?.question || one.approval?.title || one.files[0]?.name || "";
  return {
    key: `${one.unit}${one.sequence}`, drawn: icon("thread"), name: text.slice(0, 120), more: `${one.sender?.name ?? ""} · ${store.unit(one.unit)?.title ?? ""} · ${shortTime(one.at)}`,
    go: () => emit(document.querySelector("mf-sidebar"), "go-to", one),
  };
}

/** @param {string} id @returns {Hit | null} */
function unitHit(id) {
  const unit = store.unit(id);
  if (!unit) return null;
  const glyph = { channel: "channel", group: "group", direct: "person" }[unit.kind] ?? "unit";
  return { key: id, drawn: icon(glyph), name: unit.title, more: unit.topic, go: () => { location.hash = `#/u/${id}`; } };
}

/** @param {import("../api").PersonFacts} person @returns {Hit} */
function personHit(person) {
  return {
    key: person.id, drawn: avatar(person, "small"), name: person.name, more: position(person),
    go: () => emit(document.querySelector("mf-sidebar"), "open-person", person.id),
  };
}
