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
  if (entry.poll) return poll(entry, entry.poll);
  if (entry.approval) return approval(entry, entry.approval);
  return null;
}

/** @param {"confirm" | "remind" | "close_poll"} name @param {MessageFacts} entry @param {HTMLButtonElement} button */
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

/** @param {MessageFacts} entry @param {import("../api").PollFacts} one */
function poll(entry, one) {
  const most = Math.max(1, ...one.choices.map((choice) => choice.people.length));
  const vote = (/** @type {number} */ n) => {
    const others = one.several ? one.mine.filter((m) => m !== n) : [];
    const choices = one.mine.includes(n) ? others : [...others, n];
    ask("vote", { unit: entry.unit, sequence: entry.sequence, choices }).catch((error) => notice(said(error), "bad"));
  };
  return h("section", { class: "work" }, h("p", { class: "work-title" }, icon("help"), h("bdi", null, one.question)),
    h("ul", { class: "choices-list" }, one.choices.map((choice, n) => h("li", { class: one.mine.includes(n + 1) ? "mine" : "", title: choice.people.map((who) => who.name).join(", ") },
      h("button", { class: "bare", disabled: !one.is_open, "aria-pressed": String(one.mine.includes(n + 1)), onclick: () => vote(n + 1) },
        h("span", { class: "row between" }, h("span", { class: "row tight" }, one.mine.includes(n + 1) && icon("check"), h("bdi", null, choice.text)), h("span", { class: "muted" }, String(choice.people.length))),
        h("progress", { max: most, value: choice.people.length, "aria-label": choice.text }))))),
    entry.is_mine && one.is_open && h("div", null, h("button", { onclick: (/** @type {any} */ event) => act("close_poll", entry, event.currentTarget) }, t("End the poll"))),
    h("p", { class: "muted small" }, t("{n} of {of} have voted", { n: one.voted, of: one.voters }), " · ", one.is_open ? one.closes_at ? t("open until {time}", { time: shortTime(one.closes_at) }) : t("voting goes on") : t("closed"), " · ", t("everybody sees who votes for what")));
}

/** @param {MessageFacts} entry @param {import("../api").ApprovalFacts} one */
function approval(entry, one) {
  const comment = h("input", { placeholder: t("A comment, if you like"), "aria-label": t("A comment, if you like"), maxLength: 1000 });
  const decide = (/** @type {string} */ decision) => (/** @type {any} */ event) =>
    busy(event.currentTarget, () => ask("decide", { unit: entry.unit, sequence: entry.sequence, decision, comment: comment.value }).catch((error) => notice(said(error), "bad")));
  const words = /** @type {Record<string, string>} */ ({ pending: t("pending"), approved: t("approved"), rejected: t("rejected"), withdrawn: t("withdrawn") });
  const rules = /** @type {Record<string, string>} */ ({ one: t("one of"), any: t("one of"), all: t("all of") });
  return h("section", { class: `work ${one.waits_for_me ? "asks" : ""}` },
    h("div", { class: "row between" }, h("p", { class: "work-title" }, icon("text"), h("bdi", null, one.title)), h("span", { class: `tag ${{ approved: "ok", rejected: "bad", pending: "warn" }[one.standing] ?? ""}` }, words[one.standing] ?? one.standing)),
    h("dl", { class: "form-facts" }, one.answers.map((answer) => h("div", null, h("dt", { class: "muted" }, h("bdi", null, formWord(answer.label))), h("dd", null, h("bdi", null, formWord(answer.value)))))),
    h("ol", { class: "steps" }, one.steps.map((step, n) => h("li", { class: n + 1 === one.step && one.standing === "pending" ? "due" : "" },
      h("span", { class: "muted" }, step.people.length > 1 ? `${rules[step.rule] ?? step.rule} ` : ""), step.people.map((who) => who.name).join(", "), step.approved.length > 0 && h("span", { class: "tag ok" }, t("approved"))))),
    one.history.map((made) => h("p", { class: "small muted", title: fullTime(made.at) }, `${made.person.name}: ${words[made.verdict] ?? made.verdict}, ${shortTime(made.at)}`, made.comment && ` – ${made.comment}`)),
    one.waits_for_me && h("div", { class: "work-foot" }, comment, h("button", { class: "primary", onclick: decide("approve") }, t("Approve")), h("button", { class: "danger-quiet", onclick: decide("reject") }, t("Reject"))),
    entry.is_mine && one.standing === "pending" && h("div", { class: "work-foot" }, h("button", { onclick: (/** @type {any} */ event) => act("remind", entry, event.currentTarget) }, t("Remind them")), h("button", { class: "danger-quiet", onclick: decide("withdraw") }, t("Withdraw"))));
}

/** The standard forms have names in every language; a unit's own are as its manager wrote them. @param {string} word */
function formWord(word) {
  return /** @type {Record<string, string>} */ ({
    leave: t("Leave"), expense: t("Expenses"), purchase: t("Purchase"), free: t("Free form"), kind: t("Kind"), days: t("Days"), reason: t("Reason"), amount: t("Amount"), day: t("Day"), purpose: t("Purpose"),
    item: t("Item"), text: t("Text"), annual: t("Annual leave"), sick: t("Sick leave"), personal: t("Personal leave"), other: t("Other"),
  })[word] ?? word;
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

/** Ask everybody. @param {string} unit */
export function openPoll(unit) {
  const question = h("input", { required: true, maxLength: 200, "data-first": true });
  const choices = h("textarea", { rows: 4, required: true });
  const several = h("input", { type: "checkbox" });
  const ends = h("input", { type: "datetime-local" });
  openForm(t("Poll"), t("Ask"), [field(t("Question"), question), field(t("Choices, one a line"), choices), h("label", { class: "check" }, several, t("More than one may be chosen")), field(t("Open until (if you like)"), ends)],
    () => ask("ask_poll", { unit, question: question.value, choices: choices.value.split("\n").map((one) => one.trim()).filter(Boolean), several: several.checked, closes_at: ends.value ? new Date(ends.value).getTime() : 0 }));
}

/** Ask for an approval. @param {string} unit */
export async function openRequest(unit) {
  const [{ templates }, { members }] = await Promise.all([ask("templates", { unit }), ask("members", { unit })]);
  const kind = h("select", { "data-first": true }, templates.map((one) => h("option", { value: one.name }, formWord(one.name))));
  const title = h("input", { required: true, maxLength: 200 });
  const people = () => h("select", null, h("option", { value: "" }, "–"), members.filter((one) => one.person.id !== store.me?.me.id).map((one) => h("option", { value: one.person.id }, one.person.name)));
  const steps = [people(), people(), people()];
  const place = h("div", { class: "request-list" });
  /** @type {{ label: string, value: () => string }[]} */ let inputs = [];
  const draw = () => {
    const template = templates.find((one) => one.name === kind.value);
    inputs = [];
    place.replaceChildren(...(template?.fields ?? []).filter((one) => one.kind !== "file").map((one) => {
      const [input, value] = fieldInput(one, people);
      inputs.push({ label: one.label, value });
      return field(formWord(one.label), input);
    }));
  };
  kind.addEventListener("change", draw);
  draw();
  openForm(t("Request"), t("Send it"), [field(t("Form"), kind), field(t("Title"), title), place, h("div", { class: "three" }, steps.map((one, n) => field(t("Step {n}", { n: n + 1 }), one)))],
    () => ask("request_approval", { unit, template: kind.value, title: title.value, fields: Object.fromEntries(inputs.map((one) => [one.label, one.value()]).filter(([, value]) => value)), approvers: steps.map((one) => one.value).filter(Boolean) }));
}

/**
 * What a field is filled in with, and how it is written.
 * @param {import("../api").FieldFacts} one @param {() => HTMLSelectElement} people
 * @returns {[HTMLElement, () => string]}
 */
function fieldInput(one, people) {
  const input = (/** @type {string} */ type) => h("input", { type, required: one.required });
  if (one.kind === "choice") {
    const select = h("select", null, one.choices.map((choice) => h("option", { value: choice }, formWord(choice))));
    return [select, () => select.value];
  }
  if (one.kind === "person") {
    const select = people();
    return [select, () => select.value];
  }
  if (one.kind === "range" || one.kind === "amount") {
    const first = input(one.kind === "range" ? "date" : "text"), second = input(one.kind === "range" ? "date" : "text");
    if (one.kind === "amount") [first.value, first.maxLength, second.inputMode] = ["CNY", 3, "decimal"];
    first.setAttribute("aria-label", one.kind === "range" ? t("from") : t("Currency"));
    return [h("div", { class: "row", role: "group" }, first, second), () => (first.value && second.value ? first.value + (one.kind === "range" ? ".." : " ") + second.value : "")];
  }
  const made = input(one.kind === "date" ? "date" : "text");
  if (one.kind === "number") made.inputMode = "decimal";
  return [made, () => made.value];
}

/** @param {string} title @param {string} action @param {import("../lib/dom.js").Child[]} body @param {() => Promise<unknown>} act */
function openForm(title, action, body, act) {
  const go = h("button", { class: "primary" }, action);
  const problem = h("p", { class: "bad", role: "alert" });
  openDialog(title, (close) => [h("form", {
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      busy(go, () => act().then(close, (error) => { problem.textContent = said(error); }));
    },
  }, ...body, problem, h("div", { class: "row end" }, h("button", { type: "button", onclick: close }, t("Cancel")), go))]);
}
