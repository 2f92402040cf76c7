// Who somebody is, and how to be sure of it.

import { ask, said, store } from "../lib/store.js";
import { avatar } from "./avatar.js";
import { fill, h, Part } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { deviceList } from "./devices.js";
import { field, notice } from "../lib/dialog.js";
import { panelHead, roleName } from "./panel.js";
import { t } from "../lib/words.js";

/** Sixty digits, as one reads them aloud. @param {string} number */
export function safetyDigits(number) {
  return h("div", { class: "digits", role: "group", "aria-label": t("Safety number") }, number.split(" ").map((five) => h("span", null, five)));
}

export class PersonPart extends Part {
  unit = "";
  /** The member id. */
  about = "";

  begin() {
    this.on(store, "changed", () => this.draw());
    this.draw();
  }

  focusFirst() {
    this.querySelector("button")?.focus();
  }

  async #talk() {
    try {
      const { unit } = await ask("direct", { person: this.about });
      await store.loadUnits();
      location.hash = `#/u/${unit}`;
    } catch (error) {
      notice(said(error), "bad");
    }
  }

  async draw() {
    try {
      const { person, safety_number, units } = await ask("person", { person: this.about });
      const mine = person.id === store.me?.me.id;
      const shared = units.map((id) => store.unit(id)).filter((one) => one !== undefined);
      fill(this, panelHead(t("Person"), this), h("div", { class: "panel-body", tabIndex: 0 },
        h("div", { class: "card" }, avatar(person, "large"), h("h3", null, h("bdi", null, person.name)),
          h("p", { class: "muted" }, h("bdi", null, [person.title, person.department].filter(Boolean).join(" · "))),
          person.role ? h("span", { class: "tag" }, roleName(person.role)) : h("span", { class: "tag bad" }, t("no longer in the workspace"))),
        !mine && person.role && h("button", { class: "wide", onclick: () => this.#talk() }, icon("person"), t("Write to {name}", { name: person.name })),
        safety_number && h("section", { class: "block" }, h("h4", null, icon("verified"), t("Safety number")),
          h("p", { class: "muted small" }, mine ? t("These digits belong to your devices. Others compare them with you.")
            : t("Ask {name} to read these digits from their own device, by voice or face to face. If they are the same, nobody stands in between.", { name: person.name })),
          safetyDigits(safety_number)),
        person.role && (await deviceList(person.id, mine)),
        !mine && person.role && store.me?.may_invite && field(t("Role in the workspace"), h("select", {
          onchange: (/** @type {any} */ event) => ask("set_role", { person: person.id, role: event.target.value }).then(() => this.draw()).catch((error) => { notice(said(error), "bad"); this.draw(); }),
        }, ["owner", "admin", "member", "guest"].map((role) => h("option", { value: role, selected: role === person.role }, roleName(role))))),
        shared.length > 0 && h("section", { class: "block" }, h("h4", null, icon("unit"), mine ? t("Your units") : t("Units that you share")),
          h("ul", { class: "plain" }, shared.map((unit) => h("li", null, h("a", { href: `#/u/${unit.id}` }, h("bdi", null, unit.title))))))));
    } catch (error) {
      fill(this, panelHead(t("Person"), this), h("p", { class: "empty" }, said(error)));
    }
  }
}

customElements.define("mf-person", PersonPart);
