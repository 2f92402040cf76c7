// One line of a timeline: a message, what has become of it, or who came and went.

import { avatar, by, clock, day, dayKey, fullTime, h, icon, left, markdown, namesOf, plain, store, t, tag, tn } from "../lib/index.js";
import { filePart } from "./file.js";
import { work } from "./work.js";

/** @typedef {import("../api").MessageFacts} MessageFacts */

const TOGETHER_MS = 300000;

/** Of one kind and person, soon after one another, on one day. @param {string} kind @param {MessageFacts | null} before @param {MessageFacts} entry */
function areTogether(kind, before, entry) {
  return before?.kind === kind && entry.kind === kind && before.sender?.id === entry.sender?.id
    && entry.at - before.at < TOGETHER_MS && dayKey(before.at) === dayKey(entry.at);
}

/** Whether a line goes on what the one before has begun. @param {MessageFacts | null} before @param {MessageFacts} entry */
export function follows(before, entry) {
  return areTogether("message", before, entry) && !before?.remarks.length && !entry.remarks.length && !entry.reply_to
    && (!goesOnThread(entry) || entry.thread === before?.thread);
}

/** @param {MessageFacts} entry */
function goesOnThread(entry) {
  return !!entry.thread && entry.thread !== entry.sequence;
}

/**
 * Whether somebody has let in one more, right after another: that is one line.
 * @param {MessageFacts | null} before @param {MessageFacts} entry
 */
export function isOneMore(before, entry) {
  return areTogether("commit", before, entry) && !before?.removed.length && !entry.removed.length;
}

/** @param {HTMLElement} row @param {MessageFacts} entry */
export function oneMore(row, entry) {
  const names = /** @type {any} */ (row).names = [...(/** @type {any} */ (row).names ?? []), ...entry.added];
  const shown = row.querySelector(".came span");
  if (shown) shown.textContent = letIn(entry, names);
}

/** @param {MessageFacts} entry @param {{ name: string }[]} people */
function letIn(entry, people) {
  const facts = { by: by(entry), names: namesOf(people.slice(0, 12)), n: people.length - 12 };
  return facts.n > 0 ? t("{by} let in {names} and {n} more", facts) : t("{by} let in {names}", facts);
}

/**
 * @param {MessageFacts} entry @param {MessageFacts | null} before
 * @param {{ inThread?: boolean }} [options]
 */
export function line(entry, before, options = {}) {
  const row = h("article.line", {
    tabIndex: -1, "data-sequence": entry.sequence, "data-key": entry.sequence,
    "aria-label": `${by(entry)} ${clock(entry.at)}`,
  });
  drawLine(row, entry, before, options);
  return row;
}

/**
 * @param {HTMLElement} row @param {MessageFacts} entry @param {MessageFacts | null} before
 * @param {{ inThread?: boolean }} [options]
 */
export function drawLine(row, entry, before, options = {}) {
  row.replaceChildren();
  row.className = ["line", follows(before, entry) && "follows", entry.calls_me && "calls", !entry.sequence && "waiting"].filter(Boolean).join(" ");
  if (!options.inThread && (!before || dayKey(before.at) !== dayKey(entry.at)))
    row.append(h("div.day", { role: "separator" }, h("span", day(entry.at))));
  if (entry.kind !== "message" || entry.remarks.length) {
    /** @type {any} */ (row).names = entry.added;
    return void row.append(came(entry));
  }
  const sender = entry.sender;
  const { inThread } = options;
  row.append(h("div.line-grid",
    h("div.line-side",
      h("button.bare", { tabIndex: -1, "data-person": sender?.id, "aria-label": by(entry) }, avatar(sender)),
      when(entry, "time.small-time")),
    h("div.line-body",
      h("header.line-head",
        h("button.bare.sender", { "data-person": sender?.id }, h("bdi.name", by(entry))),
        sender?.is_bot && tag(t("bot")),
        sender?.title && h("span.muted.title.cut", h("bdi", sender.title)),
        when(entry, "time.muted", ` · ${left(entry.until)}`)),
      !inThread && (!!entry.reply_to || goesOnThread(entry)) && h("button.bare.answers-to", entry.reply_to ? { "data-jump": entry.reply_to } : { "data-act": "thread" },
        icon(entry.reply_to ? "reply" : "thread"), h("bdi.cut", entry.reply_by ? `${entry.reply_by}: ${plain(entry.reply_text)}` : t("a message that is not here any longer"))),
      ...what(entry),
      entry.reactions.length > 0 && reactions(entry),
      !inThread && entry.answers > 0 && h("button.bare.thread-link", { "data-act": "thread" }, icon("thread"), tn("{n} answer", "{n} answers", entry.answers)),
      entry.sequence === 0 && h("p.muted.state", icon("clock"), t("waits for the server, and goes out by itself")))));
}

/** @param {MessageFacts} entry @param {"time.muted" | "time.small-time"} tag @param {string} [more] */
function when(entry, tag, more = "") {
  return h(tag, { title: fullTime(entry.at) + more }, clock(entry.at));
}

/** Lines of one run, the later below the earlier. @param {MessageFacts[]} entries @param {MessageFacts | null} before @param {{ inThread?: boolean }} [options] */
export function run(entries, before, options) {
  return entries.map((entry, n) => line(entry, entries[n - 1] ?? before, options));
}

/** @param {MessageFacts} entry */
function what(entry) {
  if (entry.is_deleted) return [tomb("trash", t("Taken back by its author."))];
  if (entry.problem === "expired") return [tomb("clock", t("Its time is over; it is gone for everybody."))];
  if (entry.problem === "needs a newer client") return [tomb("info", t("This needs a newer version of Mifeng."))];
  if (entry.problem) return [tomb("warn", t("Not shown: {reason}", { reason: entry.problem }))];
  return [
    entry.notice && tomb("info", entry.notice),
    work(entry),
    entry.text && h("div.text", markdown(entry.text, mention),
      entry.is_edited && h("span.muted.edited", t("edited"))),
    ...entry.files.map((file) => filePart(entry, file)),
  ];
}

/** @param {string} kind @param {string} text */
function tomb(kind, text) {
  return h("p.tomb.muted", icon(kind), text);
}

/** A mention in a text: `mimi://<workspace>/u/<member>`. @param {string} target */
function mention(target) {
  const found = /^mimi:\/\/[0-9a-f]{32}\/(?:u\/([0-9a-f]{32})|r\/.+)$/.exec(target);
  if (!found) return null;
  const id = found[1];
  const name = id ? store.nameOf(id) : t("all");
  return h("span", { class: `mention ${!id || id === store.myId ? "me" : ""}` }, "@", h("bdi", name));
}

/** @param {MessageFacts} entry */
function reactions(entry) {
  const me = store.myId;
  return h("div.reactions", entry.reactions.map((one) => {
    const mine = one.people.some((person) => person.id === me);
    const names = namesOf(one.people);
    return h("button", {
      class: `reaction ${mine ? "mine" : ""}`, "data-react": one.emoji, "aria-pressed": String(mine),
      title: names, "aria-label": `${one.emoji} ${one.people.length}: ${names}`,
    }, `${one.emoji} ${one.people.length}`);
  }));
}

/** Who came and went. @param {MessageFacts} entry */
function came(entry) {
  // In a `heads` people are granted, and not in yet.
  const moves = entry.kind === "commit";
  const parts = [
    moves && entry.added.length > 0 && letIn(entry, entry.added),
    moves && entry.removed.length > 0 && t("{names} is out; everybody has new keys", { names: namesOf(entry.removed) }),
    ...entry.remarks,
  ].filter(Boolean);
  return h("p.came.muted", icon(entry.remarks.length ? "info" : entry.removed.length ? "leave" : "invite"), parts.map((one) => h("span", one)),
    when(entry, "time.muted"));
}
