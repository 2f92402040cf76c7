// What asks for something: announcements to be confirmed, polls, requests for approval.

import { actButton, ask, askOf, avatar, checkOf, complain, field, fill, fullTime, h, icon, linesOf, markdown, namesOf, notice, openDialog, openForm, saveFile, shortTime, store, t, tag, tn } from "../lib/index.js";

/** @typedef {import("../api").MessageFacts} MessageFacts */

/** @param {MessageFacts} entry @returns {HTMLElement | null} */
export function work(entry) {
  if (entry.announcement) return announcement(entry, entry.announcement);
  if (entry.poll) return poll(entry, entry.poll);
  if (entry.approval) return approval(entry, entry.approval);
  return null;
}

/** @param {MessageFacts} entry @param {import("../api").AnnouncementFacts} one */
function announcement(entry, one) {
  const of = one.confirmed.length + one.missing.length;
  return h("section.work", { class: one.asks_me ? "asks" : "" },
    h("p.work-title", icon("channel"), h("bdi", one.title)), h("div.text", markdown(one.text)), h("div.work-foot",
    one.asks_me ? actButton("primary", () => askOf("confirm", entry), icon("check"), t("I have read this"))
      : !entry.is_mine && tag(t("You have confirmed"), "ok"),
    h("button.bare.who", { onclick: () => readList(entry) },
      h("progress", { max: Math.max(of, 1), value: one.confirmed.length, "aria-label": t("confirmed") }),
      h("span.muted", t("{n} of {of} have confirmed", { n: one.confirmed.length, of }))),
    one.reminded_me && tag(t("You were reminded"), "warn")));
}

/** Who has and who has not; it fills while one looks. @param {MessageFacts} entry */
function readList(entry) {
  const body = h("div.read-list");
  const draw = (/** @type {MessageFacts} */ now) => {
    const one = now.announcement;
    if (!one) return;
    const person = (/** @type {import("../api").PersonFacts} */ who, /** @type {string} */ more) =>
      h("li.row", avatar(who, "small"), h("bdi.grow.cut", who.name), h("span.muted.small", more));
    fill(body,
      h("h3", tn("{n} has not confirmed", "{n} have not confirmed", one.missing.length)), h("ul.rows", one.missing.map((who) => person(who, who.title))),
      now.is_mine && one.missing.length > 0 && actButton("", () => askOf("remind", now).then(() => notice(t("They are reminded, without a word of what it is about."))), icon("clock"), t("Remind them")),
      h("h3", tn("{n} has confirmed", "{n} have confirmed", one.confirmed.length)), h("ul.rows", one.confirmed.map((who) => person(who.person, shortTime(who.at)))),
      h("p.hint", t("These are exactly the people who could read it when it was posted. Each confirmation is signed.")));
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
    askOf("vote", entry, { choices }).catch(complain);
  };
  return h("section.work", h("p.work-title", icon("help"), h("bdi", one.question)),
    h("ul.choices-list", one.choices.map((choice, n) => h("li", { class: one.mine.includes(n + 1) ? "mine" : "", title: namesOf(choice.people) },
      h("button.bare", { disabled: !one.is_open, "aria-pressed": String(one.mine.includes(n + 1)), onclick: () => vote(n + 1) },
        h("span.row.between", h("span.row.tight", one.mine.includes(n + 1) && icon("check"), h("bdi", choice.text)), h("span.muted", String(choice.people.length))),
        h("progress", { max: most, value: choice.people.length, "aria-label": choice.text }))))),
    entry.is_mine && one.is_open && h("div", actButton("", () => askOf("close_poll", entry), t("End the poll"))),
    h("p.muted.small", t("{n} of {of} have voted", { n: one.voted, of: one.voters }), " · ", one.is_open ? one.closes_at ? t("open until {time}", { time: shortTime(one.closes_at) }) : t("voting goes on") : t("closed"), " · ", t("everybody sees who votes for what")));
}

/** @param {MessageFacts} entry @param {import("../api").ApprovalFacts} one */
function approval(entry, one) {
  const comment = h("input", { placeholder: t("A comment, if you like"), "aria-label": t("A comment, if you like"), maxLength: 1000 });
  const decide = (/** @type {string} */ kind, /** @type {string} */ decision, /** @type {string} */ text) =>
    actButton(kind, () => askOf("decide", entry, { decision, comment: comment.value }), text);
  return h("section.work", { class: one.waits_for_me ? "asks" : "" },
    h("div.row.between", h("p.work-title", icon("text"), h("bdi", one.title)), tag(one.told, { approved: "ok", rejected: "bad", pending: "warn" }[one.standing])),
    h("dl.form-facts", one.answers.map((answer) => h("div", h("dt.muted", h("bdi", answer.label)), h("dd", h("bdi", answer.value))))),
    h("ol.steps", one.steps.map((step, n) => h("li", { class: n + 1 === one.step && one.standing === "pending" ? "due" : "" },
      h("span.muted", step.people.length > 1 && `${step.rule === "all" ? t("all of") : t("one of")} `), namesOf(step.people), step.approved.length > 0 && tag(t("approved"), "ok")))),
    one.reminded_me && h("div", tag(t("You were reminded"), "warn")),
    one.history.map((made) => h("p.small.muted", { title: fullTime(made.at) }, `${made.person.name}: ${made.verdict}, ${shortTime(made.at)}`, made.comment && ` – ${made.comment}`)),
    one.waits_for_me && h("div.work-foot", comment, decide("primary", "approve", t("Approve")), decide("danger-quiet", "reject", t("Reject"))),
    entry.is_mine && one.standing === "pending" && h("div.work-foot", actButton("", () => askOf("remind", entry), t("Remind them")), decide("danger-quiet", "withdraw", t("Withdraw"))),
    one.standing !== "pending" && h("div", h("button.bare.link", { onclick: () => askOf("export_approval", entry).then(saveFile, complain) }, t("Save with its signatures"))));
}

/** Write an announcement. @param {string} unit */
export function openAnnounce(unit) {
  const title = h("input", { required: true, maxLength: 200, autofocus: true }), text = h("textarea", { rows: 6 });
  let below = false;
  const asked = Math.max((store.unit(unit)?.members ?? 1) - 1, 0);
  openForm(t("Announcement"), t("Announce"), [
    field(t("Title"), title), field(t("Text"), text), store.units.some((one) => one.parent === unit) && checkOf(t("Also in the units below"), false, (is) => { below = is; }),
    h("p.hint", tn("{n} person is asked to confirm that they have read it.", "{n} people are asked to confirm that they have read it.", asked))],
  async () => {
    const done = await ask("announce", { unit, title: title.value, text: text.value, below });
    if (done.left_out.length) openDialog(tn("Announced in {n} unit", "Announced in {n} units", done.posted), () => [h("p", t("Not in these:")), h("ul.rows", done.left_out.map((one) => h("li", h("bdi", one.title), h("span.muted", ` – ${one.reason}`))))]);
  });
}

/** Ask everybody. @param {string} unit */
export function openPoll(unit) {
  const question = h("input", { required: true, maxLength: 200, autofocus: true }), choices = h("textarea", { rows: 4, required: true }), ends = h("input", { type: "datetime-local" });
  let several = false;
  openForm(t("Poll"), t("Ask"), [field(t("Question"), question), field(t("Choices, one a line"), choices), checkOf(t("More than one may be chosen"), false, (is) => { several = is; }), field(t("Open until (if you like)"), ends)],
    () => ask("ask_poll", { unit, question: question.value, choices: linesOf(choices.value), several, closes_at: ends.value ? new Date(ends.value).getTime() : 0 }));
}
