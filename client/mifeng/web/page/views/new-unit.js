// A new unit.

import { ask, said, store } from "../lib/store.js";
import { busy, field, openDialog } from "../lib/dialog.js";
import { h } from "../lib/dom.js";
import { t } from "../lib/words.js";

export function openNewUnit() {
  const title = h("input", { required: true, maxLength: 100, "data-first": true });
  const topic = h("input", { maxLength: 200 });
  const kinds = store.me?.may_create ?? [];
  const names = /** @type {Record<string, string>} */ ({
    business: t("Unit: a part of the company, in the tree"), channel: t("Channel: a few write, everybody reads"), group: t("Group: outside the tree, for whatever comes up"),
  });
  const kind = h("select", null, kinds.map((one) => h("option", { value: one }, names[one] ?? one)));
  const parent = h("select", null, h("option", { value: "" }, t("nothing: at the top")),
    store.units.filter((unit) => unit.kind === "business" && unit.is_member).map((unit) => h("option", { value: unit.id }, "　".repeat(unit.depth) + unit.title)));
  const problem = h("p", { class: "bad", role: "alert" });
  const go = h("button", { class: "primary" }, t("Open it"));
  const below = field(t("Under"), parent);
  kind.addEventListener("change", () => { below.hidden = kind.value === "group"; });
  below.hidden = kind.value === "group";
  openDialog(t("New unit"), (close) => [
    h("form", {
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        busy(go, async () => {
          try {
            const made = await ask("create_unit", { title: title.value, topic: topic.value, kind: kind.value, parent: kind.value === "group" ? null : parent.value || null });
            await store.loadUnits();
            close();
            location.hash = `#/u/${made.unit}`;
          } catch (error) {
            problem.textContent = said(error);
          }
        });
      },
    }, field(t("Title"), title, t("Only its members can read it; the server cannot.")), field(t("What it is about"), topic), field(t("Kind"), kind), below, problem,
      h("div", { class: "row end" }, h("button", { type: "button", onclick: close }, t("Cancel")), go)),
  ]);
}
