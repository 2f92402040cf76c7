// For those who may: invites, removals and how far they are, the server.

import { ask, said, store } from "../lib/store.js";
import { avatar } from "../parts/avatar.js";
import { busy, confirmed, field, notice, openDialog } from "../lib/dialog.js";
import { fill, h, Part } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { qr } from "../parts/qr.js";
import { roleName } from "../parts/panel.js";
import { safetyDigits } from "../parts/person.js";
import { shortTime } from "../lib/format.js";
import { t, tn } from "../lib/words.js";

export class AdminView extends Part {
  #invites = h("div");
  #removals = h("div");
  #server = h("div");

  begin() {
    const block = (/** @type {string} */ drawn, /** @type {string} */ title, /** @type {string} */ text, /** @type {import("../lib/dom.js").Child[]} */ ...rest) =>
      h("section", { class: "admin-block" }, h("header", null, icon(drawn), h("div", { class: "grow" }, h("h2", null, title), h("p", { class: "muted" }, text))), ...rest);
    const invite = h("button", { class: "primary", onclick: () => this.#invite() }, t("Invite somebody"));
    const remove = h("button", { class: "danger-quiet", onclick: () => this.#remove() }, t("Remove somebody"));
    fill(this, h("div", { class: "page" },
      h("header", { class: "page-head" }, h("a", { class: "quiet square to-list", href: "#/", "aria-label": t("To the list") }, icon("back")), h("h1", null, t("Administration"))),
      block("invite", t("Invites"), t("Each lets in one person, within three days. The link holds a secret: hand it over where nobody else reads it."), this.#invites, h("div", { class: "row" }, invite)),
      block("leave", t("Leaving"), t("Who is removed is blocked at once, and is out of a unit once its people have new keys."), this.#removals, h("div", { class: "row" }, remove)),
      block("shield", t("Server"), t("It stores what it cannot read."), this.#server)));
    this.on(store, "changed", () => this.look());
    this.look();
  }

  async look() {
    const each = async (/** @type {HTMLElement} */ place, /** @type {() => Promise<import("../lib/dom.js").Child[]>} */ draw) => {
      try {
        fill(place, ...(await draw()));
      } catch (error) {
        fill(place, h("p", { class: "bad" }, said(error)));
      }
    };
    await Promise.all([each(this.#invites, () => this.#drawInvites()), each(this.#removals, () => this.#drawRemovals()), each(this.#server, () => this.#drawServer())]);
  }

  async #drawInvites() {
    const { invites } = await ask("invites", {});
    if (!invites.length) return [h("p", { class: "muted" }, t("No invite is open."))];
    const states = /** @type {Record<string, string>} */ ({ open: t("open"), expired: t("expired"), void: t("void") });
    return [h("ul", { class: "rows" }, invites.map((one) => h("li", { class: "row" },
      h("span", { class: `tag ${one.state === "open" ? "ok" : ""}` }, states[one.state] ?? one.state),
      h("span", { class: "grow" }, t("{role}, by {name}", { role: roleName(one.role), name: one.issued_by.name }), h("br"), h("span", { class: "muted small" }, t("until {time}", { time: shortTime(one.expires_at) }))),
      one.state === "open" && h("button", {
        onclick: (/** @type {any} */ event) => busy(event.currentTarget, () => ask("revoke_invite", { invite: one.id }).then(() => this.look()).catch((error) => notice(said(error), "bad"))),
      }, t("Make void")))))];
  }

  async #drawRemovals() {
    const { removals } = await ask("offboardings", {});
    if (!removals.length) return [h("p", { class: "muted" }, t("Nobody was removed."))];
    return [h("ul", { class: "rows" }, removals.map((one) => {
      const pending = one.units.filter((unit) => unit.state === "pending").length + one.others_pending;
      const out = one.units.length + one.others_out + one.others_pending - pending;
      return h("li", { class: "row" }, avatar(one.person, "medium"),
        h("span", { class: "grow" }, h("bdi", { class: "name" }, one.person.name), h("br"), h("span", { class: "muted small" }, t("removed {time}", { time: shortTime(one.removed_at) }))),
        h("button", { class: "bare", onclick: () => this.#report(one) },
          h("span", { class: `tag ${pending ? (one.is_overdue ? "bad" : "warn") : "ok"}` }, pending ? tn("still in {n} unit", "still in {n} units", pending) : tn("out of {n} unit", "out of {n} units", out))));
    }))];
  }

  async #drawServer() {
    const [health, safety, { alarms }] = await Promise.all([ask("server_health", {}), ask("workspace_number", {}), ask("alarms", {})]);
    return [
      ...alarms.slice(0, 10).map((one) => h("p", { class: "alarm" }, icon("warn"), h("span", { class: "grow" }, one.message), h("time", { class: "small" }, shortTime(one.at)))),
      h("p", { class: "row" }, h("span", { class: `tag ${health.is_online ? "ok" : "bad"}` }, health.is_online ? t("reached") : t("not reached")), h("span", null, health.server), h("span", { class: "muted" }, t("answers in {n} ms", { n: health.answer_ms }))),
      h("p", { class: "muted small" }, t("The same digits stand on every device of this workspace. If they differ somewhere, somebody is in between.")), safetyDigits(safety.number)];
  }

  #invite() {
    const role = h("select", { "data-first": true }, ["member", "guest", "admin"].map((one) => h("option", { value: one }, roleName(one))));
    const go = h("button", { class: "primary" }, t("Make the invite"));
    const problem = h("p", { class: "bad", role: "alert" });
    const dialog = openDialog(t("Invite somebody"), () => [h("form", {
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        busy(go, async () => {
          try {
            const made = await ask("invite", { role: role.value });
            const link = h("textarea", { readOnly: true, rows: 4, value: made.link, "aria-label": t("The link") });
            fill(/** @type {Element} */ (dialog.querySelector(".dialog-body")), h("p", null, t("For one person, until {time}. Hand it over where nobody else reads it.", { time: shortTime(made.expires_at) })),
              h("div", { class: "invite" }, qr(made.qr), h("div", { class: "grow" }, link,
                h("button", { class: "primary wide", onclick: () => navigator.clipboard.writeText(made.link).then(() => notice(t("Copied."))) }, icon("copy"), t("Copy the link")))));
            link.select();
            this.look();
          } catch (error) {
            problem.textContent = said(error);
          }
        });
      },
    }, field(t("As"), role), problem, h("div", { class: "row end" }, go))]);
  }

  #remove() {
    const input = h("input", { type: "search", "data-first": true, placeholder: t("Name, pinyin, position or department"), "aria-label": t("Whom?") });
    const list = h("ul", { class: "people" });
    const look = async () => {
      const { people } = await ask("people", { query: input.value.trim() });
      fill(list, people.filter((one) => one.id !== store.me?.me.id).slice(0, 50).map((person) => h("li", { class: "person" }, avatar(person, "medium"),
        h("span", { class: "person-text grow" }, h("bdi", { class: "name cut" }, person.name), h("span", { class: "muted cut" }, [person.title, person.department].filter(Boolean).join(" · "))),
        h("button", { class: "danger-quiet", onclick: () => { dialog.close(); this.#reallyRemove(person); } }, t("Remove")))));
    };
    input.addEventListener("input", look);
    const dialog = openDialog(t("Remove somebody from the workspace"), () => [input, list]);
    look();
  }

  /** @param {import("../api").PersonFacts} person */
  async #reallyRemove(person) {
    const text = t("{name} is blocked at once and gets out of every unit. What they have read they have read. This cannot be taken back; they would have to be invited anew.", { name: person.name });
    if (!(await confirmed(t("Remove {name}?", { name: person.name }), text, t("Remove")))) return;
    try {
      this.#report(await ask("remove", { person: person.id }));
      await store.loadAll();
      this.look();
    } catch (error) {
      notice(said(error), "bad");
    }
  }

  /** @param {import("../api").OffboardingFacts} one */
  #report(one) {
    const words = /** @type {Record<string, string>} */ ({ verified: t("out: seen in this device's own copy"), reported: t("out: says the server"), pending: t("still in: nobody of this unit was online") });
    openDialog(t("{name}, unit by unit", { name: one.person.name }), () => [
      h("ul", { class: "rows" }, one.units.map((unit) => h("li", { class: "row" },
        h("span", { class: `tag ${unit.state === "pending" ? "warn" : "ok"}` }, unit.state === "pending" ? t("still in") : t("out")),
        h("span", { class: "grow" }, h("bdi", null, unit.title || unit.unit.slice(0, 8)), h("br"), h("span", { class: "muted small" }, words[unit.state] ?? unit.state, unit.epoch ? ` · ${t("Epoch {n}", { n: unit.epoch })}` : "")))),
        one.others_out > 0 && h("li", null, tn("out of {n} other unit, says the server", "out of {n} other units, says the server", one.others_out)),
        one.others_pending > 0 && h("li", null, tn("still in {n} other unit, says the server", "still in {n} other units, says the server", one.others_pending)),
        !one.units.length && !one.others_out && !one.others_pending && h("li", { class: "muted" }, t("They were in no unit.")))]);
  }
}

customElements.define("mf-admin", AdminView);
