// Who somebody is, and how to be sure of it.

import { ask, avatar, choiceOf, complain, confirmed, field, fill, fillWith, formOf, h, icon, notice, openDialog, panelHead, Part, position, qr, roleName, said, shortTime, store, t, tag } from "../lib/index.js";

/** Sixty digits, as one reads them aloud. @param {string} number */
export function safetyDigits(number) {
  return h("div.digits", { role: "group", "aria-label": t("Safety number") }, number.split(" ").map((five) => h("span", five)));
}

export class PersonPart extends Part {
  unit = "";
  /** The member id. */
  about = "";
  #body = h("div.panel-body", { tabIndex: 0 });

  begin() {
    fill(this, panelHead(t("Person"), this), this.#body);
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
    await fillWith(this.#body, async () => {
      const { person, safety_number, units } = await ask("person", { person: this.about });
      const mine = person.id === store.myId;
      const shared = units.map((id) => store.unit(id)).filter((one) => one !== undefined);
      return [
        h("div.card", avatar(person, "large"), h("h3", h("bdi", person.name)),
          h("p.muted", h("bdi", position(person))),
          person.role ? tag(roleName(person.role)) : tag(t("no longer in the workspace"), "bad")),
        !mine && person.role && h("button.wide", { onclick: () => this.#talk().catch(complain) }, icon("person"), t("Write to {name}", { name: person.name })),
        safety_number && h("section.block", h("h4", icon("verified"), t("Safety number")),
          h("p.muted.small", mine ? t("These digits belong to your devices. Others compare them with you.")
            : t("Ask {name} to read these digits from their own device, by voice or face to face. If they are the same, nobody stands in between.", { name: person.name })),
          safetyDigits(safety_number)),
        person.role && (await deviceList(person.id, mine)),
        !mine && person.role && store.me?.may_invite && field(t("Role in the workspace"), choiceOf(["owner", "admin", "member", "guest"].map((role) => [role, roleName(role)]), person.role,
          (role) => ask("set_role", { person: person.id, role }).catch(complain).then(() => this.draw()))),
        h("a.button.wide", { href: `#/feed/${person.id}` }, icon("feed"), mine ? t("Your page") : t("What {name} has posted", { name: person.name })),
        shared.length > 0 && h("section.block", h("h4", icon("unit"), mine ? t("Your units") : t("Units that you share")),
          h("ul.plain", shared.map((unit) => h("li", h("a", { href: `#/u/${unit.id}` }, h("bdi", unit.title)))))),
      ];
    });
  }
}

customElements.define("mf-person", PersonPart);

/**
 * The devices of a person: how each came, and what to do about one that is lost; one more of one's own.
 * @param {string} person @param {boolean} mine
 */
async function deviceList(person, mine) {
  const { devices } = await ask("devices", { person });
  const may = mine || store.me?.may_invite;
  return h("section.block", h("h4", icon("key"), t("Devices")), h("ul.rows", devices.map((one) => h("li.row",
    h("span.grow", h("span.row.tight", h("span.mono", one.id.slice(0, 8)), one.is_this && tag(t("this one"), "ok"), one.ended_at > 0 && tag(t("out since {time}", { time: shortTime(one.ended_at) }))),
      h("span.muted.small", `${one.how}, ${shortTime(one.added_at)}`)),
    may && !one.ended_at && !one.is_this && h("button.danger-quiet", { onclick: () => revoke(person, one.id) }, t("Take out"))))),
  mine && h("button.wide", { onclick: openLink }, icon("plus"), t("Link another device")));
}

/** @param {string} person @param {string} device */
async function revoke(person, device) {
  if (await confirmed(t("Take this device out?"), t("It reads nothing more, for good. Every unit makes new keys."), t("Take out")))
    ask("revoke_device", { person, device }).then(() => store.tell("changed"), complain);
}

/** Offer a link, see what asks, and let it in by the digits that it shows. */
async function openLink() {
  try {
    const offer = await ask("offer_device", {});
    const place = h("div.linking", h("p", t("On the new device, open Mifeng and paste or scan this. It is good for ten minutes.")),
      h("div.invite", qr(offer.qr), h("textarea", { readOnly: true, rows: 6, value: offer.link, "aria-label": t("The link") })), h("p.muted", { role: "status" }, t("Waiting for the new device …")));
    const dialog = openDialog(t("Link another device"), () => [place]);
    dialog.addEventListener("close", () => ask("withdraw_device", {}).catch(() => {}));
    const asks = await ask("offered_device", {});
    if (!dialog.isConnected) return;
    const code = h("input", { required: true, inputMode: "numeric", autocomplete: "off" });
    fill(place, h("p", t("{name} ({system}) asks to be your device. Type the twelve digits that it shows. If it shows none, or others, it is not yours: close this.", { name: asks.name, system: asks.system })),
      formOf(t("Let it in"), [field(t("Digits"), code)], async () => {
        try {
          await ask("approve_device", { code: code.value });
        } catch (error) {
          return void fill(place, h("p.bad", { role: "alert" }, said(error)), h("button.primary", { autofocus: true, onclick: () => { dialog.close(); openLink(); } }, t("Link another device")));
        }
        dialog.close();
        notice(t("Your new device is in."));
        store.tell("changed");
      }));
    code.focus();
  } catch (error) {
    complain(error);
  }
}
