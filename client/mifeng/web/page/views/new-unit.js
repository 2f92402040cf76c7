// A new unit.

import { ask, choiceOf, field, h, openForm, store, t } from "../lib/index.js";

/** @param {string} [under] the unit that it stands under */
export function openNewUnit(under = "") {
  const title = h("input", { required: true, maxLength: 100, "data-first": true }), topic = h("input", { maxLength: 200 });
  const names = /** @type {Record<string, string>} */ ({
    business: t("Unit: a part of the company, in the tree"), channel: t("Channel: a few write, everybody reads"), group: t("Group: outside the tree, for whatever comes up"),
  });
  const kinds = under ? ["business", "channel"] : store.me?.may_create ?? [];
  const kind = choiceOf(kinds.map((one) => [one, names[one] ?? one]), "", { onchange: () => { below.hidden = kind.value === "group"; } });
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
