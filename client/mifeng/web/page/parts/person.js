// Who somebody is, and how to be sure of it.

import { ask, choiceOf, complain, field, fill, h, icon, Part, said, store, t } from "../lib/index.js";
import { avatar } from "./avatar.js";
import { deviceList } from "./devices.js";
import { panelHead, position, roleName } from "./panel.js";

/** Sixty digits, as one reads them aloud. @param {string} number */
export function safetyDigits(number) {
  return h("div.digits", { role: "group", "aria-label": t("Safety number") }, number.split(" ").map((five) => h("span", five)));
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
    const { unit } = await ask("direct", { person: this.about });
    await store.loadUnits();
    location.hash = `#/u/${unit}`;
  }

  async draw() {
    try {
      const { person, safety_number, units } = await ask("person", { person: this.about });
      const mine = person.id === store.myId;
      const shared = units.map((id) => store.unit(id)).filter((one) => one !== undefined);
      fill(this, panelHead(t("Person"), this), h("div.panel-body", { tabIndex: 0 },
        h("div.card", avatar(person, "large"), h("h3", h("bdi", person.name)),
          h("p.muted", h("bdi", position(person))),
          person.role ? h("span.tag", roleName(person.role)) : h("span.tag.bad", t("no longer in the workspace"))),
        !mine && person.role && h("button.wide", { onclick: () => this.#talk().catch(complain) }, icon("person"), t("Write to {name}", { name: person.name })),
        safety_number && h("section.block", h("h4", icon("verified"), t("Safety number")),
          h("p.muted.small", mine ? t("These digits belong to your devices. Others compare them with you.")
            : t("Ask {name} to read these digits from their own device, by voice or face to face. If they are the same, nobody stands in between.", { name: person.name })),
          safetyDigits(safety_number)),
        person.role && (await deviceList(person.id, mine)),
        !mine && person.role && store.me?.may_invite && field(t("Role in the workspace"), choiceOf(["owner", "admin", "member", "guest"].map((role) => [role, roleName(role)]), person.role, {
          onchange: (/** @type {any} */ event) => ask("set_role", { person: person.id, role: event.target.value }).catch(complain).then(() => this.draw()),
        })),
        h("a.button.wide", { href: `#/feed/${person.id}` }, icon("feed"), mine ? t("Your page") : t("What {name} has posted", { name: person.name })),
        shared.length > 0 && h("section.block", h("h4", icon("unit"), mine ? t("Your units") : t("Units that you share")),
          h("ul.plain", shared.map((unit) => h("li", h("a", { href: `#/u/${unit.id}` }, h("bdi", unit.title))))))));
    } catch (error) {
      fill(this, panelHead(t("Person"), this), h("p.empty", said(error)));
    }
  }
}

customElements.define("mf-person", PersonPart);
