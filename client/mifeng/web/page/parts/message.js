// One line of a timeline: a message, what has become of it, or who came and went.

import { add, clock, day, dayKey, fullTime, h, icon, left, markdown, namesOf, store, t, tn } from "../lib/index.js";
import { avatar } from "./avatar.js";
import { filePart } from "./file.js";
import { work } from "./work.js";

/** @typedef {import("../api").MessageFacts} MessageFacts */

const TOGETHER_MS = 300000;

/** Whether a line goes on what the one before has begun. @param {MessageFacts | null} before @param {MessageFacts} entry */
export function follows(before, entry) {
  return !!before && before.kind === "message" && entry.kind === "message" && !before.history && !entry.history
    && before.sender?.id === entry.sender?.id && entry.at - before.at < TOGETHER_MS
    && dayKey(before.at) === dayKey(entry.at) && !entry.reply_to
    && (!goesOnThread(entry) || entry.thread === before.thread);
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
  return !!before && before.kind === "commit" && entry.kind === "commit" && before.sender?.id === entry.sender?.id
    && !before.removed.length && !entry.removed.length && entry.at - before.at < TOGETHER_MS && dayKey(before.at) === dayKey(entry.at);
}

/** @param {HTMLElement} row @param {MessageFacts} entry */
export function oneMore(row, entry) {
  const names = /** @type {any} */ (row).names = [...(/** @type {any} */ (row).names ?? []), ...entry.added];
  const shown = row.querySelector(".came span");
  if (shown) shown.textContent = letIn(entry, names);
}

/** @param {MessageFacts} entry @param {{ name: string }[]} people */
function letIn(entry, people) {
  const names = namesOf(people.slice(0, 12));
  return people.length > 12 ? t("{by} let in {names} and {n} more", { by: entry.sender?.name ?? "?", names, n: people.length - 12 })
    : t("{by} let in {names}", { by: entry.sender?.name ?? "?", names });
}

/**
 * @param {MessageFacts} entry @param {MessageFacts | null} before
 * @param {{ inThread?: boolean }} [options]
 */
export function line(entry, before, options = {}) {
  const row = h("article.line", {
    tabIndex: -1, "data-sequence": entry.sequence,
    "aria-label": `${entry.sender?.name ?? ""} ${clock(entry.at)}`,
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
  row.classList.toggle("follows", follows(before, entry));
  row.classList.toggle("calls", entry.calls_me);
  row.classList.toggle("waiting", entry.sequence === 0);
  if (!options.inThread && (!before || dayKey(before.at) !== dayKey(entry.at)))
    row.append(h("div.day", { role: "separator" }, h("span", day(entry.at))));
  if (entry.kind !== "message" || entry.history) {
    /** @type {any} */ (row).names = entry.added;
    return void row.append(came(entry));
  }
  const sender = entry.sender;
  const body = h("div.line-body");
  row.append(h("div.line-grid",
    h("div.line-side",
      h("button.bare", { tabIndex: -1, "data-person": sender?.id, "aria-label": sender?.name ?? "" }, avatar(sender)),
      h("time.small-time", { title: fullTime(entry.at) }, clock(entry.at))),
    body));
  body.append(h("header.line-head",
    h("button.bare.sender", { "data-person": sender?.id }, h("bdi.name", sender?.name ?? "?")),
    sender?.is_bot ? h("span.tag", t("bot")) : "",
    sender?.title ? h("span.muted.title", h("bdi", sender.title)) : "",
    h("time.muted", { title: `${fullTime(entry.at)} · ${left(entry.until)}` }, clock(entry.at))));
  if (!options.inThread && (entry.reply_to || goesOnThread(entry)))
    body.append(h("button.bare.answers-to", { ...(entry.reply_to ? { "data-jump": entry.reply_to } : { "data-act": "thread" }) },
      icon(entry.reply_to ? "reply" : "thread"), h("bdi.cut", entry.reply_text || t("a message that is not here any longer"))));
  add(body, what(entry));
  if (entry.reactions.length) body.append(reactions(entry));
  if (entry.answers && !options.inThread)
    body.append(h("button.bare.thread-link", { "data-act": "thread" }, icon("thread"),
      tn("{n} answer", "{n} answers", entry.answers)));
  if (entry.sequence === 0)
    body.append(h("p.muted.state", icon("clock"), t("waits for the server, and goes out by itself")));
}

/** @param {MessageFacts} entry */
function what(entry) {
  if (entry.is_deleted) return [tomb("trash", t("Taken back by its author."))];
  if (entry.problem === "expired") return [tomb("clock", t("Its time is over; it is gone for everybody."))];
  if (entry.problem === "needs a newer client") return [tomb("info", t("This needs a newer version of Mifeng."))];
  if (entry.problem) return [tomb("warn", t("Not shown: {reason}", { reason: entry.problem }))];
  const notices = /** @type {Record<string, string>} */ ({ exported: t("has exported what can be read here"), profile: t("has changed what this unit is called or about"), template: t("has laid down a form for requests") });
  return [
    entry.notice && tomb("info", notices[entry.notice] ?? entry.notice),
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

/** What has become of somebody's devices. @param {import("../api").DeviceChangeFacts} one */
function ofDevices(one) {
  const { name } = one.person;
  if (one.kind === "recover") return t("{name} came back by the recovery sheet: all older devices are out", { name });
  return one.kind === "add_device" ? t("{name} has a new device", { name }) : t("a device of {name} was taken out", { name });
}

/** Who came and went. @param {MessageFacts} entry */
function came(entry) {
  const parts = [];
  // In a `heads` people are granted, and not in yet.
  const moves = entry.kind === "commit";
  if (moves && entry.added.length) parts.push(h("span", letIn(entry, entry.added)));
  if (moves && entry.removed.length) parts.push(h("span", t("{names} is out; everybody has new keys", { names: namesOf(entry.removed) })));
  if (entry.history) parts.push(h("span", entry.history));
  for (const one of entry.devices) parts.push(h("span", ofDevices(one)));
  return h("p.came.muted", icon(entry.history ? "clock" : entry.devices.length ? "info" : entry.removed.length ? "leave" : "invite"), ...parts,
    h("time", { title: fullTime(entry.at) }, clock(entry.at)));
}
