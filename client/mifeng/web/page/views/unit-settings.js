// A new unit; what a unit is called, what it goes by, and its end: for those who may.

import { ask, busy, choiceOf, complain, confirmed, field, formOf, h, notice, openDialog, openForm, store, t } from "../lib/index.js";

/** @param {import("../api").UnitFacts} unit */
export function openUnitSettings(unit) {
  const policy = unit.policy;
  if (!policy) return;
  const title = h("input", { value: unit.title, maxLength: 100, required: true }), topic = h("input", { value: unit.topic, maxLength: 200 });
  const number = (/** @type {number} */ value, /** @type {number} */ min, /** @type {number} */ max) => h("input", { type: "number", value: String(value), min: String(min), max: String(max), required: true });
  const days = number(Math.round(policy.retention_s / 86400), 3, 365), cap = number(policy.cap, 1, 1000), hours = number(Math.round(policy.key_lifetime_s / 3600), 1, 72);
  /** @type {Record<string, HTMLSelectElement>} */ const rules = {};
  const rule = (/** @type {"posting" | "history" | "keep" | "receipts" | "export" | "strict"} */ name, /** @type {string} */ label, /** @type {[string, string][]} */ ...options) =>
    field(label, (rules[name] = choiceOf(options, policy[name])));
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
      h("div.two",
        rule("posting", t("Who writes"), ["everyone", t("everybody")], ["publishers", t("managers and publishers")], ["comments", t("managers and publishers; all comment")]),
        rule("history", t("Who comes in reads"), ["none", t("nothing")], ["window", t("what is still there")]),
        rule("keep", t("Files"), ["allowed", t("may be kept longer")], ["denied", t("go with their message")]),
        rule("receipts", t("Who has read is told to"), ["off", t("nobody")], ["on", t("everybody")]),
        rule("export", t("Where somebody exports"), ["notice", t("everybody is told")], ["silent", t("nobody is told")]),
        rule("strict", t("On a device without a line"), ["off", t("what is here can be read")], ["on", t("nothing without the server")])),
      h("p.hint", t("What was said before keeps the time that it was given."))],
    () => ask("set_policy", {
      unit: unit.id, cap: Number(cap.value), retention_s: Number(days.value) * 86400, key_lifetime_s: Number(hours.value) * 3600,
      .../** @type {any} */ (Object.fromEntries(Object.entries(rules).map(([name, one]) => [name, one.value]))),
    }).then(() => done(close))),
    h("h3", t("Its end")),
    h("div.row.wrap",
      unit.is_member && end(t("Begin anew"), t("Begin with new keys?"), t("For a unit that cannot go on: everybody is let in anew. What was said stays readable until its time is over."), () => ask("restart_unit", { unit: unit.id }), close),
      end(t("Close it"), t("Close {unit}?", { unit: unit.title }), t("Nobody writes here any more, for good. What is still live can be read until its time is over."), () => ask("close_unit", { unit: unit.id, delete: false }), close),
      store.me?.may_invite && end(t("Close and delete"), t("Close {unit}?", { unit: unit.title }), t("Nobody writes here any more, and all that was said is deleted at once, for everybody. This cannot be taken back."), () => ask("close_unit", { unit: unit.id, delete: true }), close)),
  ], { kind: "unit-settings" });
}

/**
 * A new unit.
 * @param {string} [under] the unit that it stands under
 */
export function openNewUnit(under = "") {
  const title = h("input", { required: true, maxLength: 100, autofocus: true }), topic = h("input", { maxLength: 200 });
  const names = /** @type {Record<string, string>} */ ({
    business: t("Unit: a part of the company, in the tree"), channel: t("Channel: a few write, everybody reads"), group: t("Group: outside the tree, for whatever comes up"),
  });
  const kinds = under ? ["business", "channel"] : store.me?.may_create ?? [];
  const kind = choiceOf(kinds.map((one) => [one, names[one] ?? one]), "", (value) => { below.hidden = value === "group"; });
  const above = store.units.filter((unit) => unit.kind === "business" && unit.title && (unit.is_member || unit.id === under));
  const parent = choiceOf([["", t("nothing: at the top")], ...above.map((unit) => /** @type {[string, string]} */ ([unit.id, "　".repeat(unit.depth) + unit.title]))], under);
  const below = field(t("Under"), parent);
  below.hidden = kind.value === "group";
  openForm(t("New unit"), t("Open it"), [field(t("Title"), title, t("Only its members can read it; the server cannot.")), field(t("What it is about"), topic), field(t("Kind"), kind), below], async () => {
    const { unit } = await ask("create_unit", { title: title.value, topic: topic.value, kind: kind.value, parent: kind.value === "group" ? null : parent.value || null });
    await store.loadUnits();
    location.hash = `#/u/${unit}`;
  });
}
