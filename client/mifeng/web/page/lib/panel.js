// The heads of panels and pages, and how people stand in lists.

import { avatar } from "./avatar.js";
import { iconButton, openDialog, searchOf } from "./dialog.js";
import { emit, fill, h } from "./dom.js";
import { shortTime } from "./format.js";
import { icon } from "./icons.js";
import { ask } from "./store.js";
import { t } from "./words.js";

/** @typedef {import("../api").PersonFacts} PersonFacts */

/** @param {string} title @param {HTMLElement} panel */
export function panelHead(title, panel) {
  return h("header.panel-head", h("h2.cut.grow", h("bdi", title)), iconButton("close", t("Close"), () => emit(panel, "close-panel")));
}

/** @param {string} title @param {import("./dom.js").Child[]} more */
export function pageHead(title, ...more) {
  return h("header.page-head", toList(), h("h1.cut.grow", h("bdi", title)), ...more);
}

/** On a small window: back to the list at the left. */
export function toList() {
  return h("a.quiet.square.to-list", { href: "#/", "aria-label": t("To the list") }, icon("back"));
}

/** A part of a page, in a frame. @param {string} drawn @param {string} title @param {string} text @param {import("./dom.js").Child[]} rest */
export function blockOf(drawn, title, text, ...rest) {
  return h("section.admin-block", h("header", icon(drawn), h("div.grow", h("h2", title), h("p.muted", text))), ...rest);
}

/** The icon of a unit's kind. @param {import("../api").UnitFacts} unit */
export function unitIcon(unit) {
  return icon({ channel: "channel", group: "group", direct: "person" }[unit.kind] ?? "unit");
}

/** Position and department. @param {PersonFacts} person */
export function position(person) {
  return [person.title, person.department].filter(Boolean).join(" · ");
}

/** Name and position, with what else there is to say. @param {PersonFacts} person @param {import("./dom.js").Child[]} more */
export function personText(person, ...more) {
  return h("span.person-text.grow", h("span.row.tight", h("bdi.name.cut", person.name), person.is_bot && h("span.tag", t("bot")), ...more), h("span.muted.cut", h("bdi", position(person))));
}

/** What everybody is told of an archive. @param {string} name @param {number} since */
export function archived(name, since) {
  return since > Date.now() ? t("{name} keeps what is said here from {time} on.", { name, time: shortTime(since) }) : t("{name} keeps what is said here.", { name });
}

/** @param {PersonFacts} person @param {import("./dom.js").Child[]} more */
export function personRow(person, ...more) {
  return h("li.person", avatar(person), personText(person), ...more);
}

/**
 * Find somebody, and do something with them.
 * @param {string} title @param {import("./dom.js").Child[]} above @param {(person: PersonFacts, dialog: HTMLDialogElement) => import("./dom.js").Child} action a button, or nothing where they do not belong
 */
export function openPicker(title, above, action) {
  const input = searchOf(t("Name, pinyin, position or department"), () => look(), { "aria-label": t("Whom?") });
  const list = h("ul.people");
  const dialog = openDialog(title, () => [input, ...above, list]);
  const look = async () => {
    const { people } = await ask("people", { query: input.value.trim() });
    fill(list, people.map((one) => ({ one, act: action(one, dialog) })).filter(({ act }) => act).slice(0, 50).map(({ one, act }) => personRow(one, act)));
  };
  look();
  return look;
}

/** People, and nothing to do with them. @param {string} title @param {PersonFacts[]} people @param {string} none */
export function openPeople(title, people, none) {
  openDialog(title, () => [people.length ? h("ul.people", people.map((one) => personRow(one))) : h("p.muted", none)]);
}

/** The names of roles. @param {string} role */
export function roleName(role) {
  return /** @type {Record<string, string>} */ ({
    owner: t("Owner"), admin: t("Administrator"), member: t("Member"), guest: t("Guest"),
    manager: t("Manager"), publisher: t("Publisher"), reader: t("Reader"), archive: t("Archive"),
  })[role] ?? role;
}
