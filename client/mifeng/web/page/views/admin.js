// For those who may: invites, removals and how far they are, the server.

import { actButton, ask, avatar, blockOf, choiceOf, complain, confirmed, field, fill, fillWith, formOf, h, icon, notice, openDialog, openPicker, pageHead, Part, qr, roleName, shortTime, store, t, tag, tn } from "../lib/index.js";
import { safetyDigits } from "../parts/person.js";

export class AdminView extends Part {
  #invites = h("div");
  #removals = h("div");
  #server = h("div");

  begin() {
    const invite = h("button.primary", { onclick: () => this.#invite() }, t("Invite somebody"));
    const remove = h("button.danger-quiet", { onclick: () => this.#remove() }, t("Remove somebody"));
    fill(this, h("div.page", pageHead(t("Administration")),
      blockOf("invite", t("Invites"), t("Each lets in one person, within three days. The link holds a secret: hand it over where nobody else reads it."), this.#invites, h("div.row", invite)),
      blockOf("leave", t("Leaving"), t("Who is removed is blocked at once, and is out of a unit once its people have new keys."), this.#removals, h("div.row", remove)),
      blockOf("shield", t("Server"), t("It stores what it cannot read."), this.#server)));
    this.on(store, "changed", () => this.look());
    this.look();
  }

  async look() {
    await Promise.all([fillWith(this.#invites, () => this.#drawInvites()), fillWith(this.#removals, () => this.#drawRemovals()), fillWith(this.#server, () => this.#drawServer())]);
  }

  async #drawInvites() {
    const { invites } = await ask("invites", {});
    if (!invites.length) return [h("p.muted", t("No invite is open."))];
    const states = /** @type {Record<string, string>} */ ({ open: t("open"), expired: t("expired"), void: t("void") });
    return [h("ul.rows", invites.map((one) => h("li.row",
      tag(states[one.state] ?? one.state, one.state === "open" ? "ok" : ""),
      h("span.grow", t("{role}, by {name}", { role: roleName(one.role), name: one.issued_by.name }), h("br"), h("span.muted.small", t("until {time}", { time: shortTime(one.expires_at) }))),
      one.state === "open" && actButton("", () => ask("revoke_invite", { invite: one.id }).then(() => this.look()), t("Make void")))))];
  }

  async #drawRemovals() {
    const { removals } = await ask("offboardings", {});
    if (!removals.length) return [h("p.muted", t("Nobody was removed."))];
    return [h("ul.rows", removals.map((one) => h("li.row", avatar(one.person),
        h("span.grow", h("bdi.name", one.person.name), h("br"), h("span.muted.small", t("removed {time}", { time: shortTime(one.removed_at) }))),
        h("button.bare", { onclick: () => this.#report(one) },
          one.pending ? tag(tn("still in {n} unit", "still in {n} units", one.pending), one.is_overdue ? "bad" : "warn") : tag(tn("out of {n} unit", "out of {n} units", one.out), "ok")))))];
  }

  async #drawServer() {
    const [health, safety, { alarms }] = await Promise.all([ask("server_health", {}), ask("workspace_number", {}), ask("alarms", {})]);
    return [
      ...alarms.slice(0, 10).map((one) => h("p.alarm", icon("warn"), h("span.grow", one.message), h("time.small", shortTime(one.at)))),
      h("p.row.wrap", health.is_online ? tag(t("reached"), "ok") : tag(t("not reached"), "bad"), h("span", health.server), h("span.muted", t("answers in {n} ms", { n: health.answer_ms }))),
      h("p.muted.small", t("The same digits stand on every device of this workspace. If they differ somewhere, somebody is in between.")), safetyDigits(safety.number)];
  }

  #invite() {
    const role = choiceOf(["member", "guest", "admin"].map((one) => [one, roleName(one)]), "member", undefined, { autofocus: true });
    const dialog = openDialog(t("Invite somebody"), () => [formOf(t("Make the invite"), [field(t("As"), role)], async () => {
      const made = await ask("invite", { role: role.value });
      const link = h("textarea", { readOnly: true, rows: 4, value: made.link, "aria-label": t("The link") });
      fill(/** @type {Element} */ (dialog.querySelector(".dialog-body")), h("p", t("For one person, until {time}. Hand it over where nobody else reads it.", { time: shortTime(made.expires_at) })),
        h("div.invite", qr(made.qr), h("div.grow", link,
          h("button.primary.wide", { onclick: () => navigator.clipboard.writeText(made.link).then(() => notice(t("Copied."))) }, icon("copy"), t("Copy the link")))));
      link.select();
      this.look();
    })]);
  }

  #remove() {
    openPicker(t("Remove somebody from the workspace"), [], (person, dialog) => person.id !== store.myId
      && h("button.danger-quiet", { onclick: () => { dialog.close(); this.#reallyRemove(person); } }, t("Remove")));
  }

  /** @param {import("../api").PersonFacts} person */
  async #reallyRemove(person) {
    const text = t("{name} is blocked at once and gets out of every unit. What they have read they have read. This cannot be taken back; they would have to be invited anew.", { name: person.name });
    if (!(await confirmed(t("Remove {name}?", { name: person.name }), text, t("Remove")))) return;
    ask("remove", { person: person.id }).then((one) => {
      this.#report(one);
      store.loadAll();
      this.look();
    }, complain);
  }

  /** @param {import("../api").OffboardingFacts} one */
  #report(one) {
    openDialog(t("{name}, unit by unit", { name: one.person.name }), () => [
      h("ul.rows", one.units.map((unit) => h("li.row",
        h("span.grow", h("bdi", unit.title || unit.unit.slice(0, 8)), h("br"), h("span.muted.small", unit.epoch && t("Epoch {n}", { n: unit.epoch }))),
        tag(unit.told, unit.is_pending ? "warn" : "ok"))),
        one.others && h("li.muted", one.others),
        !one.units.length && !one.others && h("li.muted", t("They were in no unit.")))]);
  }
}

customElements.define("mf-admin", AdminView);
