// What asks for something: announcements to be confirmed, polls, requests for approval.

import { add, h } from "../lib/dom.js";
import { ask, said, store } from "../lib/store.js";
import { busy, field, notice, openDialog } from "../lib/dialog.js";
import { fullTime, shortTime } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { markdown } from "../lib/markdown.js";
import { t, tn } from "../lib/words.js";
import { avatar } from "./avatar.js";

/** @typedef {import("../api").MessageFacts} MessageFacts */

/** @param {MessageFacts} entry @returns {HTMLElement | null} */
export function work(entry) {
  if (entry.announcement) return announcement(entry, entry.announcement);
  if (entry.poll) return poll(entry.poll);
  if (entry.approval) return approval(entry.approval);
  return null;
}

/** @param {"confirm" | "remind"} name @param {MessageFacts} entry @param {HTMLButtonElement} button */
function act(name, entry, button) {
  busy(button, () => ask(name, { unit: entry.unit, sequence: entry.sequence }).catch((error) => notice(said(error), "bad")));
}

/** @param {MessageFacts} entry @param {import("../api").AnnouncementFacts} one */
function announcement(entry, one) {
  const of = one.confirmed.length + one.missing.length;
  const card = h("section", { class: `work ${one.asks_me ? "asks" : ""}` },
    h("p", { class: "work-title" }, icon("channel"), h("bdi", null, one.title)), h("div", { class: "text" }, markdown(one.text)));
  add(card, [h("div", { class: "work-foot" },
    one.asks_me ? h("button", { class: "primary", onclick: (/** @type {any} */ event) => act("confirm", entry, event.currentTarget) }, icon("check"), t("I have read this"))
      : !entry.is_mine && h("span", { class: "tag ok" }, t("You have confirmed")),
    h("button", { class: "bare who", onclick: () => readList(entry) },
      h("progress", { max: Math.max(of, 1), value: one.confirmed.length, "aria-label": t("confirmed") }),
      h("span", { class: "muted" }, t("{n} of {of} have confirmed", { n: one.confirmed.length, of }))),
    one.reminded_me && h("span", { class: "tag warn" }, t("You were reminded")))]);
  return card;
}

/** Who has and who has not; it fills while one looks. @param {MessageFacts} entry */
function readList(entry) {
  const body = h("div", { class: "read-list" });
  const draw = (/** @type {MessageFacts} */ now) => {
    const one = now.announcement;
    if (!one) return;
    const person = (/** @type {import("../api").PersonFacts} */ who, /** @type {string} */ more) =>
      h("li", { class: "row" }, avatar(who, "small"), h("bdi", { class: "grow cut" }, who.name), h("span", { class: "muted small" }, more));
    body.replaceChildren(
      h("h3", null, tn("{n} has not confirmed", "{n} have not confirmed", one.missing.length)), h("ul", { class: "rows" }, one.missing.map((who) => person(who, who.title))),
      ...(now.is_mine && one.missing.length ? [h("button", { onclick: (/** @type {any} */ event) => { act("remind", now, event.currentTarget); notice(t("They are reminded, without a word of what it is about.")); } }, icon("clock"), t("Remind them"))] : []),
      h("h3", null, tn("{n} has confirmed", "{n} have confirmed", one.confirmed.length)), h("ul", { class: "rows" }, one.confirmed.map((who) => person(who.person, shortTime(who.at)))),
      h("p", { class: "hint" }, t("These are exactly the people who could read it when it was posted. Each confirmation is signed.")));
  };
  draw(entry);
  const dialog = openDialog(entry.announcement?.title ?? "", () => [body]);
  const live = (/** @type {any} */ event) => {
    if (event.detail.unit === entry.unit && event.detail.sequence === entry.sequence) draw(event.detail);
  };
  store.addEventListener("line-changed", live);
  dialog.addEventListener("close", () => store.removeEventListener("line-changed", live));
}

/** @param {import("../api").PollFacts} one */
function poll(one) {
  const most = Math.max(1, ...one.choices.map((choice) => choice.people.length));
  return h("section", { class: "work" }, h("p", { class: "work-title" }, icon("help"), h("bdi", null, one.question)),
    h("ul", { class: "choices-list" }, one.choices.map((choice, n) => h("li", { class: one.mine.includes(n + 1) ? "mine" : "", title: choice.people.map((who) => who.name).join(", ") },
      h("div", { class: "row between" }, h("span", { class: "grow" }, one.mine.includes(n + 1) && icon("check"), h("bdi", null, choice.text)), h("span", { class: "muted" }, String(choice.people.length))),
      h("progress", { max: most, value: choice.people.length, "aria-label": choice.text })))),
    h("p", { class: "muted small" }, t("{n} of {of} have voted", { n: one.voted, of: one.voters }), " · ", one.is_open ? one.closes_at ? t("open until {time}", { time: shortTime(one.closes_at) }) : t("open") : t("closed"), " · ", t("everybody sees who votes for what")));
}

/** @param {import("../api").ApprovalFacts} one */
function approval(one) {
  const words = /** @type {Record<string, string>} */ ({ pending: t("pending"), approved: t("approved"), rejected: t("rejected"), withdrawn: t("withdrawn") });
  const rules = /** @type {Record<string, string>} */ ({ one: t("one of"), any: t("one of"), all: t("all of") });
  return h("section", { class: `work ${one.waits_for_me ? "asks" : ""}` },
    h("div", { class: "row between" }, h("p", { class: "work-title" }, icon("text"), h("bdi", null, one.title)), h("span", { class: `tag ${{ approved: "ok", rejected: "bad", pending: "warn" }[one.standing] ?? ""}` }, words[one.standing] ?? one.standing)),
    h("dl", { class: "form-facts" }, one.answers.map((answer) => h("div", null, h("dt", { class: "muted" }, h("bdi", null, answer.label)), h("dd", null, h("bdi", null, answer.value))))),
    h("ol", { class: "steps" }, one.steps.map((step, n) => h("li", { class: n + 1 === one.step && one.standing === "pending" ? "due" : "" },
      h("span", { class: "muted" }, step.people.length > 1 ? `${rules[step.rule] ?? step.rule} ` : ""), step.people.map((who) => who.name).join(", "), step.approved.length > 0 && h("span", { class: "tag ok" }, t("approved"))))),
    one.history.map((made) => h("p", { class: "small muted", title: fullTime(made.at) }, `${made.person.name}: ${words[made.verdict] ?? made.verdict}, ${shortTime(made.at)}`, made.comment && ` – ${made.comment}`)));
}

/** Write an announcement. @param {string} unit */
export function openAnnounce(unit) {
  const facts = store.unit(unit);
  const title = h("input", { required: true, maxLength: 200, "data-first": true });
  const text = h("textarea", { rows: 6 });
  const below = h("input", { type: "checkbox" });
  const hasBelow = store.units.some((one) => one.parent === unit);
  const go = h("button", { class: "primary" }, t("Announce"));
  const problem = h("p", { class: "bad", role: "alert" });
  openDialog(t("Announcement"), (close) => [
    h("form", {
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        busy(go, async () => {
          try {
            const done = await ask("announce", { unit, title: title.value, text: text.value, below: below.checked });
            close();
            if (done.left_out.length) openDialog(tn("Announced in {n} unit", "Announced in {n} units", done.posted), () => [h("p", null, t("Not in these:")), h("ul", { class: "rows" }, done.left_out.map((one) => h("li", null, h("bdi", null, one.title), h("span", { class: "muted" }, ` – ${one.reason}`))))]);
          } catch (error) {
            problem.textContent = said(error);
          }
        });
      },
    }, field(t("Title"), title), field(t("Text"), text), hasBelow && h("label", { class: "check" }, below, t("Also in the units below")), problem,
      h("p", { class: "hint" }, tn("{n} person is asked to confirm that they have read it.", "{n} people are asked to confirm that they have read it.", Math.max((facts?.members ?? 1) - 1, 0))),
      h("div", { class: "row end" }, h("button", { type: "button", onclick: close }, t("Cancel")), go)),
  ]);
}
