// A unit's panel: who is in it and who let each in, its files, and what it is, in plain words.

import { ask, said, store } from "../lib/store.js";
import { avatar } from "./avatar.js";
import { busy, confirmed, field, notice, openDialog, openMenu } from "../lib/dialog.js";
import { fill, h, Part } from "../lib/dom.js";
import { fullTime, left, shortTime, span } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { panelHead, roleName } from "./panel.js";
import { facts, fileIcon, save } from "./file.js";
import { t, tn } from "../lib/words.js";

const TABS = ["members", "files", "about"];

export class DetailsPart extends Part {
  unit = "";
  tab = "members";
  #body = h("div", { class: "panel-body", role: "tabpanel", tabIndex: 0 });
  #filter = "";
  #drawn = "";

  begin() {
    this.on(store, "changed", () => this.draw());
    this.on(store, "entry", (event) => event.detail.unit === this.unit && this.#look());
    this.on(store, "minute", () => this.tab !== "members" && this.#look());
    this.draw();
  }

  get facts() {
    return store.unit(this.unit);
  }

  draw() {
    const names = /** @type {Record<string, string>} */ ({ members: t("People"), files: t("Files"), about: t("About") });
    const tabs = TABS.map((tab) => h("button", {
      role: "tab", id: `tab-${tab}`, "aria-selected": String(tab === this.tab), tabIndex: tab === this.tab ? 0 : -1,
      onclick: () => { this.tab = tab; this.draw(); },
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!by) return;
        this.tab = TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length] ?? tab;
        this.draw();
        this.focusFirst();
      },
    }, names[tab] ?? tab));
    this.#body.setAttribute("aria-labelledby", `tab-${this.tab}`);
    fill(this, panelHead(this.facts?.title ?? "", this), h("div", { class: "tabs", role: "tablist" }, tabs), this.#body);
    if (this.#drawn !== this.unit + this.tab) this.#body.replaceChildren();
    this.#drawn = this.unit + this.tab;
    this.#look();
  }

  focusFirst() {
    /** @type {HTMLElement | null} */ (this.querySelector('[aria-selected="true"]'))?.focus();
  }

  async #look() {
    const { unit, tab } = this;
    try {
      if (tab === "members") await this.#members();
      else if (tab === "files") await this.#files();
      else this.#about();
    } catch (error) {
      if (unit === this.unit && tab === this.tab) fill(this.#body, h("p", { class: "empty" }, said(error)));
    }
  }

  // ------------------------------------------------------------ people

  async #members() {
    const { unit } = this;
    const { members } = await ask("members", { unit });
    if (unit !== this.unit || this.tab !== "members") return;
    const list = h("ul", { class: "people" });
    const draw = () => {
      const wanted = this.#filter.toLowerCase();
      const shown = members.filter((one) => `${one.person.name} ${one.person.title} ${one.person.department}`.toLowerCase().includes(wanted)).slice(0, 300);
      fill(list, shown.map((one) => this.#member(one)));
    };
    const find = h("input", {
      type: "search", value: this.#filter, placeholder: t("Find in here"), "aria-label": t("Find in here"),
      oninput: () => { this.#filter = find.value; draw(); },
    });
    draw();
    const scroll = this.#body.scrollTop, typing = this.#body.contains(document.activeElement) && document.activeElement?.matches("input");
    fill(this.#body,
      this.facts?.may_govern && this.facts.kind !== "direct" && h("button", { class: "wide", onclick: () => this.#letIn() }, icon("invite"), t("Let somebody in")),
      members.length > 12 && find,
      h("p", { class: "muted small" }, tn("{n} person can read what is said here from now on.", "{n} people can read what is said here from now on.", members.length)),
      list);
    this.#body.scrollTop = scroll;
    if (typing) find.focus();
  }

  /** @param {import("../api").MemberFacts} one */
  #member(one) {
    const { person } = one, me = store.me?.me.id;
    const by = one.let_in_by && one.let_in_by.id !== person.id
      ? t("let in by {name}, {time}", { name: one.let_in_by.name, time: shortTime(one.since) })
      : t("began this unit, {time}", { time: shortTime(one.since) });
    return h("li", { class: "person" },
      h("button", { class: "bare person-main", onclick: () => this.dispatchEvent(new CustomEvent("open-person", { bubbles: true, detail: person.id })) },
        avatar(person, "medium"),
        h("span", { class: "person-text" },
          h("span", { class: "row tight" }, h("bdi", { class: "name cut" }, person.name), person.is_bot && h("span", { class: "tag" }, t("bot")), person.id === me && h("span", { class: "tag" }, t("you")), one.role !== "member" && h("span", { class: "tag" }, roleName(one.role))),
          h("span", { class: "muted cut" }, [person.title, person.department].filter(Boolean).join(" · ")),
          h("span", { class: "muted small", title: fullTime(one.since) }, one.is_in ? by : t("has not been online yet; will get the keys then")))),
      this.facts?.may_govern && person.id !== me && this.facts.kind !== "direct" && h("button", {
        class: "quiet square", "aria-label": t("Change {name}", { name: person.name }), "aria-haspopup": "menu",
        onclick: (/** @type {any} */ event) => this.#menu(event.currentTarget, one),
      }, icon("more")));
  }

  /** @param {HTMLElement} at @param {import("../api").MemberFacts} one */
  #menu(at, one) {
    const grant = async (/** @type {string} */ role) => {
      try {
        await ask("grant", { unit: this.unit, person: one.person.id, role });
        this.#look();
      } catch (error) {
        notice(said(error), "bad");
      }
    };
    openMenu(at, [
      ...["manager", "publisher", "member", "reader"].filter((role) => role !== one.role).map((role) => ({ name: t("Make {role}", { role: roleName(role) }), icon: "person", act: () => grant(role) })),
      { name: t("Take out of this unit"), icon: "leave", bad: true, act: () => this.#takeOut(one) },
    ]);
  }

  /** @param {import("../api").MemberFacts} one */
  async #takeOut(one) {
    const { unit } = this;
    const text = t("{name} reads nothing that is said here from then on. Everybody else gets new keys.", { name: one.person.name });
    if (!(await confirmed(t("Take {name} out?", { name: one.person.name }), text, t("Take out")))) return;
    try {
      await ask("revoke", { unit, person: one.person.id });
      notice(t("{name} is out.", { name: one.person.name }));
      await store.loadUnits();
      this.#look();
    } catch (error) {
      notice(said(error), "bad");
    }
  }

  #letIn() {
    const { unit } = this;
    const input = h("input", { type: "search", "data-first": true, placeholder: t("Name, pinyin, position or department"), "aria-label": t("Whom?") });
    const role = h("select", null, ["member", "manager", "publisher", "reader"].map((one) => h("option", { value: one }, roleName(one))));
    const list = h("ul", { class: "people" });
    const problem = h("p", { class: "bad", role: "alert" });
    openDialog(t("Let somebody in"), () => [input, field(t("As"), role), problem, list]);
    const look = async () => {
      const [{ people }, { members }] = await Promise.all([ask("people", { query: input.value.trim() }), ask("members", { unit })]);
      const here = new Set(members.map((one) => one.person.id));
      fill(list, people.filter((one) => !here.has(one.id)).slice(0, 50).map((person) => {
        const button = h("button", {
          onclick: () => busy(button, async () => {
            try {
              const { is_in } = await ask("grant", { unit, person: person.id, role: role.value });
              notice(is_in ? t("{name} is in.", { name: person.name }) : t("{name} is let in, and gets the keys when next online.", { name: person.name }));
              await store.loadUnits();
              look();
              this.#look();
            } catch (error) {
              problem.textContent = said(error);
            }
          }),
        }, t("Let in"));
        return h("li", { class: "person" }, avatar(person, "medium"), h("span", { class: "person-text grow" }, h("bdi", { class: "name cut" }, person.name), h("span", { class: "muted cut" }, [person.title, person.department].filter(Boolean).join(" · "))), button);
      }));
    };
    input.addEventListener("input", look);
    look();
  }

  // ------------------------------------------------------------ files

  async #files() {
    const { unit } = this;
    const { entries } = await ask("files", { unit });
    if (unit !== this.unit || this.tab !== "files") return;
    fill(this.#body, entries.length ? h("ul", { class: "file-list" }, entries.flatMap((entry) => entry.files.map((file) => h("li", null,
      h("button", { class: "bare file-row", onclick: () => this.dispatchEvent(new CustomEvent("jump", { bubbles: true, detail: entry.sequence })) },
        fileIcon(file),
        h("span", { class: "person-text" }, h("bdi", { class: "cut name" }, file.name),
          h("span", { class: "muted cut" }, `${facts(file)} · ${entry.sender?.name ?? ""}`),
          h("span", { class: "muted small" }, left(entry.until)))),
      h("button", { class: "quiet square", "aria-label": t("Save {name}", { name: file.name }), onclick: () => save(entry, file) }, icon("download"))))))
      : h("div", { class: "empty" }, icon("file"), h("p", null, t("No files here. Drop some into the conversation.")), h("p", { class: "small" }, t("A file lives as long as the message that shows it."))));
  }

  // ------------------------------------------------------------ about

  #about() {
    const unit = this.facts, policy = unit?.policy;
    if (!unit || !policy) return;
    const age = Date.now() - unit.rotated_at, rest = policy.key_lifetime_s * 1000 - age;
    const days = Math.round(policy.retention_s / 86400);
    const row = (/** @type {string} */ drawn, /** @type {string} */ title, /** @type {string} */ text) =>
      h("li", null, icon(drawn), h("div", null, h("strong", null, title), h("p", { class: "muted" }, text)));
    fill(this.#body, unit.topic && h("p", { class: "about-topic" }, h("bdi", null, unit.topic)), h("ul", { class: "facts" },
      row("lock", t("Only its people can read it"), t("{n} of at most {cap} people hold the keys. The server holds none.", { n: unit.members, cap: policy.cap })),
      row("clock", tn("Kept for {n} day, then gone", "Kept for {n} days, then gone", days), t("Messages and files are destroyed here and on the server, for everybody.")),
      row("key", t("Keys {time} old", { time: span(age) }), rest > 0 ? t("New ones are made with every change of people, and within {time} in any case.", { time: span(rest) }) : t("New ones are made before anything else is said.")),
      row("shield", unit.suite === 0xf002 ? t("Safe from tomorrow's computers, too") : t("Encrypted end to end"), unit.suite === 0xf002 ? t("MLS with X-Wing: a key from today cannot be worked out later by a quantum computer.") : t("MLS, the standard RFC 9420.")),
      row("edit", policy.posting === "publishers" ? t("Publishers write, everybody reads") : t("Everybody writes"), policy.history === "window" ? t("Whoever comes in can read what is still there.") : t("Whoever comes in reads only what is said from then on.")),
      row("keep", policy.keep === "allowed" ? t("Files may be kept longer") : t("Files may not be kept longer"), policy.keep === "allowed" ? t("Any member may post a file again before its time is over.") : t("What is over is over, for files as well.")),
    ), h("p", { class: "muted small mono" }, t("Epoch {n}", { n: unit.epoch }), " · ", t("entry {n}", { n: unit.sequence })));
  }
}

customElements.define("mf-details", DetailsPart);
