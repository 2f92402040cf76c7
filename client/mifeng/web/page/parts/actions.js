// What can be done with a line: answer, react, change, take back. The bar shows only what may be.

import { askOf, complain, confirmed, emit, h, icon, iconButton, openMenu, store, t } from "../lib/index.js";

/** @typedef {import("../api").MessageFacts} MessageFacts */

const EMOJI = ["👍", "❤️", "😄", "🎉", "🙏", "👀", "✅", "❓", "收到", "+1"];

/** @param {MessageFacts} entry */
function canAnswer(entry) {
  const unit = store.unit(entry.unit);
  return entry.sequence > 0 && entry.kind === "message" && !entry.problem && !entry.is_deleted && !!unit?.may_answer;
}

/** @param {MessageFacts} entry */
function lineActions(entry) {
  if (!canAnswer(entry)) return null;
  const button = (/** @type {string} */ act, /** @type {string} */ drawn, /** @type {string} */ name) =>
    iconButton(drawn, name, () => {}, { tabIndex: -1, "data-act": act });
  const unit = store.unit(entry.unit);
  return h("div.actions", { role: "toolbar", "aria-label": t("Actions") },
    button("react", "smile", t("React")),
    unit?.may_post && button("reply", "reply", t("Answer")),
    unit?.may_comment && button("thread", "thread", t("Open the thread")),
    button("more", "more", t("More")));
}

/** @typedef {import("../lib/dom.js").Part & { entry: (row: Element | null) => MessageFacts | undefined }} Place */

/** What is pressed is done, and the actions stand where the pointer or the focus is. @param {Place} place @param {HTMLElement} lines in it */
export function serveActions(place, lines) {
  place.on(lines, "keydown", (event) => walk(event, place));
  place.on(place, "click", (event) => doAction(event, place));
  place.on(place, "pointerover focusin", (event) => offerActions(event, place));
}

/** The arrows go from line to line; a letter does something with one. @param {KeyboardEvent} event @param {Place} place */
function walk(event, place) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const row = /** @type {HTMLElement | null} */ (document.activeElement?.closest(".line"));
  const all = /** @type {HTMLElement[]} */ ([...place.querySelectorAll(".line")]), at = row ? all.indexOf(row) : all.length;
  const to = { ArrowUp: at - 1, ArrowDown: row ? at + 1 : undefined }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    all[Math.max(0, Math.min(to, all.length - 1))]?.focus();
  } else if (row && document.activeElement === row) {
    const entry = place.entry(row), what = { r: "reply", t: "thread", e: "edit", "+": "react", Delete: "delete", Enter: "more" }[event.key];
    if (!entry || !what || ((what === "edit" || what === "delete") && !entry.is_mine)) return;
    event.preventDefault();
    act(what, entry, row, place);
  }
}

/** The actions stand at the line that the pointer or the focus is on. @param {Event} event @param {Place} place */
function offerActions(event, place) {
  const row = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest?.(".line"));
  if (!row || row.querySelector(".actions")) return;
  place.querySelector(".actions")?.remove();
  const entry = place.entry(row), bar = entry && lineActions(entry);
  if (bar) row.querySelector(".line-grid")?.append(bar);
}

/** @param {MouseEvent} event @param {Place} place */
export function doAction(event, place) {
  const target = /** @type {Element} */ (event.target);
  const person = target.closest("[data-person]");
  if (person) return void emit(place, "open-person", person.getAttribute("data-person"));
  const jump = target.closest("[data-jump]");
  if (jump) return void emit(place, "jump", Number(jump.getAttribute("data-jump")));
  const row = target.closest(".line");
  const entry = place.entry(row);
  if (!entry) return;
  const reaction = target.closest("[data-react]");
  if (reaction) return void toggle(entry, reaction.getAttribute("data-react") ?? "");
  const button = /** @type {HTMLElement | null} */ (target.closest("[data-act]"));
  if (button) act(button.getAttribute("data-act") ?? "", entry, button, place);
}

/** @param {string} what @param {MessageFacts} entry @param {HTMLElement} at @param {HTMLElement} place */
function act(what, entry, at, place) {
  if (!canAnswer(entry) && what !== "thread") return;
  if (what === "react") openReactions(entry, at);
  else if (what === "reply" || what === "thread" || what === "edit") emit(place, what, entry);
  else if (what === "delete") takeBack(entry);
  else if (what === "more")
    openMenu(at, [
      { name: t("Copy the text"), icon: "copy", act: () => navigator.clipboard.writeText(entry.text) },
      entry.is_mine && { name: t("Edit"), icon: "edit", act: () => emit(place, "edit", entry) },
      entry.is_mine && { name: t("Take back"), icon: "trash", bad: true, act: () => takeBack(entry) },
    ]);
}

/** @param {MessageFacts} entry @param {HTMLElement} at */
function openReactions(entry, at) {
  openMenu(at, EMOJI.map((emoji) => ({ name: emoji, act: () => toggle(entry, emoji) })));
  document.querySelector(".menu")?.classList.add("emoji");
}

/** @param {MessageFacts} entry @param {string} emoji */
function toggle(entry, emoji) {
  const me = store.myId;
  const mine = entry.reactions.some((one) => one.emoji === emoji && one.people.some((person) => person.id === me));
  askOf(mine ? "unreact" : "react", entry, { emoji }).catch(complain);
}

/** @param {MessageFacts} entry */
async function takeBack(entry) {
  if (await confirmed(t("Take this back?"), t("Nobody is shown it any more, and its files can no longer be opened. Who has read it has read it."), t("Take back")))
    askOf("delete", entry).catch(complain);
}
