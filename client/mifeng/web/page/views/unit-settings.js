// What a unit is called, what it goes by, and its end: for those who may.

import { ask, busy, choiceOf, complain, confirmed, field, formOf, h, notice, openDialog, store, t } from "../lib/index.js";

/** @param {import("../api").UnitFacts} unit */
export function openUnitSettings(unit) {
  const policy = unit.policy;
  if (!policy) return;
  const title = h("input", { value: unit.title, maxLength: 100, required: true }), topic = h("input", { value: unit.topic, maxLength: 200 });
  const number = (/** @type {number} */ value, /** @type {number} */ min, /** @type {number} */ max) => h("input", { type: "number", value: String(value), min: String(min), max: String(max), required: true });
  const days = number(Math.round(policy.retention_s / 86400), 3, 365), cap = number(policy.cap, 1, 1000), hours = number(Math.round(policy.key_lifetime_s / 3600), 1, 72);
  const posting = choiceOf([["everyone", t("everybody")], ["publishers", t("managers and publishers")]], policy.posting);
  const history = choiceOf([["none", t("nothing")], ["window", t("what is still there")]], policy.history);
  const keep = choiceOf([["allowed", t("may be kept longer")], ["denied", t("go with their message")]], policy.keep);
  const receipts = choiceOf([["off", t("nobody")], ["on", t("everybody")]], policy.receipts);
  const exports = choiceOf([["notice", t("everybody is told")], ["silent", t("nobody is told")]], policy.export);
  const strict = choiceOf([["off", t("what is here can be read")], ["on", t("nothing without the server")]], policy.strict);
  const done = async (/** @type {() => void} */ close) => {
    close();
    notice(t("It goes by that from now on."));
    await store.loadUnits();
    store.tell("changed");
  };
  const end = (/** @type {string} */ name, /** @type {string} */ question, /** @type {string} */ text, /** @type {() => Promise<unknown>} */ act, /** @type {() => void} */ close) => {
    const button = h("button.danger-quiet", {
      onclick: async () => {
        if (await confirmed(question, text, name)) busy(button, () => act().then(() => done(close), complain));
      },
    }, name);
    return button;
  };
  openDialog(t("Change {unit}", { unit: unit.title }), (close) => [
    unit.may_rename && formOf(t("Save"), [field(t("Title"), title), field(t("What it is about"), topic)],
      () => ask("rename_unit", { unit: unit.id, title: title.value, topic: topic.value }).then(() => done(close))),
    h("h3", t("What it goes by")),
    formOf(t("Save"), [
      h("div.three", field(t("Kept for (days)"), days), field(t("People at most"), cap), field(t("Keys for (hours)"), hours)),
      h("div.two", field(t("Who writes"), posting), field(t("Who comes in reads"), history), field(t("Files"), keep), field(t("Who has read is told to"), receipts), field(t("Where somebody exports"), exports), field(t("On a device without a line"), strict)),
      h("p.hint", t("What was said before keeps the time that it was given."))],
    () => ask("set_policy", {
      unit: unit.id, cap: Number(cap.value), retention_s: Number(days.value) * 86400, key_lifetime_s: Number(hours.value) * 3600,
      posting: posting.value, history: history.value, keep: keep.value, receipts: receipts.value, export: exports.value, strict: strict.value,
    }).then(() => done(close))),
    h("h3", t("Its end")),
    h("div.row.wrap",
      unit.is_member && end(t("Begin anew"), t("Begin with new keys?"), t("For a unit that cannot go on: everybody is let in anew. What was said stays readable until its time is over."), () => ask("restart_unit", { unit: unit.id }), close),
      end(t("Close it"), t("Close {unit}?", { unit: unit.title }), t("Nobody writes here any more, for good. What is still live can be read until its time is over."), () => ask("close_unit", { unit: unit.id, delete: false }), close),
      store.me?.may_invite && end(t("Close and delete"), t("Close {unit}?", { unit: unit.title }), t("Nobody writes here any more, and all that was said is deleted at once, for everybody. This cannot be taken back."), () => ask("close_unit", { unit: unit.id, delete: true }), close)),
  ], { kind: "unit-settings" });
}
