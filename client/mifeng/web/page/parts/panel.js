// The head of a panel at the right.

import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { t } from "../lib/words.js";

/** @param {string} title @param {HTMLElement} panel @param {import("../lib/dom.js").Child[]} more */
export function panelHead(title, panel, ...more) {
  return h("header", { class: "panel-head" }, h("h2", { class: "cut grow" }, h("bdi", null, title)), ...more,
    h("button", { class: "quiet square", "aria-label": t("Close"), onclick: () => panel.dispatchEvent(new CustomEvent("close-panel", { bubbles: true })) }, icon("close")));
}

/** The names of roles. @param {string} role */
export function roleName(role) {
  return /** @type {Record<string, string>} */ ({
    owner: t("Owner"), admin: t("Administrator"), member: t("Member"), guest: t("Guest"),
    manager: t("Manager"), publisher: t("Publisher"), reader: t("Reader"), archive: t("Archive"),
  })[role] ?? role;
}
