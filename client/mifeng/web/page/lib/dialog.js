// Dialogs, menus and short notices.

import { announce, arrows, blobOf, fill, h, keepingFocus, stop } from "./dom.js";
import { icon } from "./icons.js";
import { said } from "./store.js";
import { t } from "./words.js";

/**
 * A button that is an icon; its name says what it does.
 * @param {string} drawn @param {string} name @param {(event: any) => void} onclick @param {Record<string, any>} [more]
 */
export function iconButton(drawn, name, onclick, more = {}) {
  return h("button.quiet.square", { title: name, "aria-label": name, onclick, ...more }, icon(drawn));
}

/** An icon that opens a menu. @param {string} drawn @param {string} name @param {() => Parameters<typeof openMenu>[1]} items @param {Record<string, any>} [more] */
export function menuButton(drawn, name, items, more) {
  return iconButton(drawn, name, (event) => openMenu(event.currentTarget, items()), { "aria-haspopup": "menu", ...more });
}

/** A button that is busy until it is done, or says why it was not. @param {string} kind @param {() => Promise<unknown>} act @param {import("./dom.js").Child[]} text */
export function actButton(kind, act, ...text) {
  const button = h(`button.${kind}`, { onclick: () => busy(button, () => act().catch(complain)) }, ...text);
  return button;
}

/** A word in a frame. @param {string} text @param {string} [mood] */
export function tag(text, mood) {
  return h("span", { class: `tag ${mood || ""}` }, text);
}

/** What is looked for, while one types it. @param {string} text @param {() => void} oninput @param {Record<string, any>} [more] */
export function searchOf(text, oninput, more) {
  return h("input", { type: "search", placeholder: text, "aria-label": text, autofocus: true, oninput, ...more });
}

/**
 * Fill a place with what comes; or say there why it does not come.
 * @param {Element} place @param {() => Promise<import("./dom.js").Child[]>} draw
 */
export async function fillWith(place, draw) {
  try {
    const drawn = await draw();
    keepingFocus(place, () => fill(place, ...drawn));
  } catch (error) {
    fill(place, h("p.empty", said(error)));
  }
}

let ids = 0;

function newId() {
  return `id-${++ids}`;
}

/** Say why something was not done. @param {unknown} error */
export function complain(error) {
  notice(said(error), "bad");
}

/**
 * What is filled in, a button that does it, and why it could not be done.
 * @param {string} action @param {import("./dom.js").Child[]} body @param {() => Promise<unknown>} act
 * @param {import("./dom.js").Child[]} buttons beside it
 */
export function formOf(action, body, act, ...buttons) {
  const go = h("button.primary", { type: "submit" }, action), problem = h("p.bad", { role: "alert" });
  return h("form", {
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      problem.textContent = "";
      busy(go, () => act().catch((error) => { problem.textContent = said(error); }));
    },
  }, ...body, problem, h("div.row.end", ...buttons, go));
}

/**
 * A dialog of a form; it closes when that is done.
 * @param {string} title @param {string} action @param {import("./dom.js").Child[]} body @param {() => Promise<unknown>} act
 */
export function openForm(title, action, body, act) {
  return openDialog(title, (close) => [
    formOf(action, body, () => act().then(close), h("button", { onclick: close }, t("Cancel")))]);
}

/** A choice among a few. @param {[string, string][]} options @param {string} now @param {(value: string) => void} [act] @param {Record<string, any>} [more] */
export function choiceOf(options, now, act, more = {}) {
  const made = h("select", { onchange: () => act?.(made.value), ...more }, options.map(([value, text]) => h("option", { value, selected: value === now }, text)));
  return made;
}

/** Something that is so or not. @param {string} label @param {boolean} checked @param {(is: boolean) => void} [act] */
export function checkOf(label, checked, act) {
  const box = h("input", { type: "checkbox", checked, onchange: () => act?.(box.checked) });
  return h("label.check", box, label);
}

/**
 * A list of what is found, beside an input: the arrows walk through it, Enter takes what is marked.
 * @template T
 * @param {HTMLElement} list @param {HTMLElement} input
 * @param {(one: T) => import("./dom.js").Child[]} drawn @param {(one: T) => void} take
 */
export function hitsOf(list, input, drawn, take) {
  /** @type {T[]} */ let all = [];
  let chosen = 0;
  const id = newId();
  const draw = () => {
    fill(list, all.map((one, n) => h("div.hit", {
      role: "option", id: `${id}-${n}`, "aria-selected": String(n === chosen), onclick: () => take(one),
      onpointerdown: (/** @type {Event} */ event) => event.preventDefault(),
    }, drawn(one))));
    input.setAttribute("aria-activedescendant", all.length ? `${id}-${chosen}` : "");
    list.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  };
  return {
    /** @param {T[]} found */
    show(found) {
      [all, chosen] = [found, 0];
      draw();
    },
    /** Whether a key meant the list. @param {KeyboardEvent} event @param {boolean} [takes] */
    key(event, takes = event.key === "Enter") {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], one = all[chosen];
      if (!one || !(step || takes)) return false;
      event.preventDefault();
      if (!step) take(one);
      else {
        chosen = (chosen + step + all.length) % all.length;
        draw();
      }
      return true;
    },
  };
}

/** Save by the browser's own download. @param {{ name: string, content: string }} file in base64 */
export function saveFile(file) {
  const href = blobOf(file.content);
  h("a", { href, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10000);
}

/**
 * Open a dialog; Escape, its cross and a click beside it close it, and the focus goes back.
 * @param {string} title @param {(close: () => void) => import("./dom.js").Child[]} body
 * @param {{ wide?: boolean, kind?: string }} [options]
 */
export function openDialog(title, body, options = {}) {
  const before = document.activeElement;
  const close = () => dialog.close();
  const heading = h("h2", { id: newId() }, title);
  const dialog = h("dialog", {
    class: `dialog ${options.wide ? "wide" : ""} ${options.kind ?? ""}`,
    "aria-labelledby": heading.id,
    onclick: (/** @type {MouseEvent} */ event) => event.target === dialog && close(),
    onclose: () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    },
  }, h("header", heading, iconButton("close", t("Close"), close)), h("div.dialog-body", { tabIndex: 0 }, ...body(close)));
  document.body.append(dialog);
  dialog.showModal();
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
      h("p", text),
      h("div.row.end",
        h("button", { onclick: close }, t("Cancel")),
        h("button.danger", { autofocus: true, onclick: () => { answer = true; close(); } }, action)),
    ]);
    dialog.addEventListener("close", () => resolve(answer));
  });
}

/** Say something for a moment. @param {string} text @param {"ok" | "bad"} [mood] */
export function notice(text, mood = "ok") {
  announce(text);
  const shown = h("div", { class: `notice ${mood}` }, icon(mood === "ok" ? "check" : "warn"), h("span", text),
    iconButton("close", t("Close"), () => shown.remove()));
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
  const menu = h("div.menu", { role: "menu" },
    items.map((item) => item && h("button", {
      role: "menuitem", class: item.bad ? "bad" : "",
      onclick: () => { close(true); item.act(); },
    }, item.icon ? icon(item.icon) : null, item.name)));
  document.body.append(menu);
  const place = at.getBoundingClientRect(), own = menu.getBoundingClientRect();
  const below = place.bottom + own.height + 8 < innerHeight;
  menu.style.top = `${below ? place.bottom + 4 : Math.max(8, place.top - own.height - 4)}px`;
  menu.style.left = `${Math.max(8, Math.min(place.left, innerWidth - own.width - 8))}px`;
  menu.querySelector("button")?.focus();
  arrows(menu, "button");
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" && event.key !== "Tab") return;
    stop(event);
    close(true);
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
  const id = newId();
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}h`);
  return h("div.field", h("label", { for: id }, label), input,
    hint && h("p.hint", { id: `${id}h` }, hint));
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
