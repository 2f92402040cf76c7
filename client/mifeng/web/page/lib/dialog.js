// Dialogs, menus and short notices.

import { announce, h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./words.js";

/**
 * Open a dialog; Escape, its cross and a click beside it close it, and the focus goes back.
 * @param {string} title @param {(close: () => void) => import("./dom.js").Child[]} body
 * @param {{ wide?: boolean, kind?: string }} [options]
 */
export function openDialog(title, body, options = {}) {
  const before = document.activeElement;
  const close = () => dialog.close();
  const heading = h("h2", { id: `dialog-${Math.random().toString(36).slice(2)}` }, title);
  const dialog = h("dialog", {
    class: `dialog ${options.wide ? "wide" : ""} ${options.kind ?? ""}`,
    "aria-labelledby": heading.id,
    onclick: (/** @type {MouseEvent} */ event) => event.target === dialog && close(),
    onclose: () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    },
  });
  dialog.append(
    h("header", null, heading,
      h("button", { class: "quiet square", "aria-label": t("Close"), onclick: close }, icon("close"))),
    h("div", { class: "dialog-body" }, ...body(close)));
  document.body.append(dialog);
  dialog.showModal();
  /** @type {HTMLElement | null} */ (dialog.querySelector("[data-first]"))?.focus();
  return dialog;
}

/**
 * Ask before something that cannot be taken back.
 * @param {string} title @param {string} text @param {string} action
 * @returns {Promise<boolean>}
 */
export function confirmed(title, text, action) {
  return new Promise((resolve) => {
    let answer = false;
    const dialog = openDialog(title, (close) => [
      h("p", null, text),
      h("div", { class: "row end" },
        h("button", { onclick: close }, t("Cancel")),
        h("button", { class: "danger", "data-first": true, onclick: () => { answer = true; close(); } }, action)),
    ]);
    dialog.addEventListener("close", () => resolve(answer));
  });
}

/** Say something for a moment. @param {string} text @param {"ok" | "bad"} [mood] */
export function notice(text, mood = "ok") {
  announce(text);
  const shown = h("div", { class: `notice ${mood}` }, icon(mood === "ok" ? "check" : "warn"), h("span", null, text),
    h("button", { class: "quiet square", "aria-label": t("Close"), onclick: () => shown.remove() }, icon("close")));
  document.getElementById("notices")?.append(shown);
  setTimeout(() => shown.remove(), mood === "ok" ? 4000 : 12000);
}

/**
 * A menu below (or above) what was pressed.
 * @param {HTMLElement} at
 * @param {({ name: string, icon?: string, bad?: boolean, act: () => void } | null | false)[]} items
 */
export function openMenu(at, items) {
  document.querySelector(".menu")?.remove();
  const close = (/** @type {boolean} */ back) => {
    menu.remove();
    gone.abort();
    if (back) at.focus();
  };
  const gone = new AbortController();
  const menu = h("div", { class: "menu", role: "menu" },
    items.map((item) => item && h("button", {
      role: "menuitem", class: item.bad ? "bad" : "",
      onclick: () => { close(true); item.act(); },
    }, item.icon ? icon(item.icon) : null, item.name)));
  document.body.append(menu);
  const place = at.getBoundingClientRect(), own = menu.getBoundingClientRect();
  const below = place.bottom + own.height + 8 < innerHeight;
  menu.style.top = `${below ? place.bottom + 4 : Math.max(8, place.top - own.height - 4)}px`;
  menu.style.left = `${Math.max(8, Math.min(place.left, innerWidth - own.width - 8))}px`;
  const buttons = [...menu.querySelectorAll("button")];
  buttons[0]?.focus();
  menu.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      close(true);
    } else if (step) {
      event.preventDefault();
      const to = buttons.indexOf(/** @type {any} */ (document.activeElement)) + step;
      buttons[(to + buttons.length) % buttons.length]?.focus();
    }
  });
  setTimeout(() => document.addEventListener("pointerdown", (event) => {
    if (!menu.contains(/** @type {Node} */ (event.target))) close(false);
  }, { signal: gone.signal }));
}

/**
 * A form's field with its label.
 * @param {string} label @param {HTMLElement} input @param {string} [hint]
 */
export function field(label, input, hint) {
  const id = `f${Math.random().toString(36).slice(2)}`;
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}h`);
  return h("div", { class: "field" }, h("label", { for: id }, label), input,
    hint && h("p", { class: "hint", id: `${id}h` }, hint));
}

/** A button that shows that it is at work. @param {HTMLButtonElement} button @param {() => Promise<unknown>} act */
export async function busy(button, act) {
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    return await act();
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}
