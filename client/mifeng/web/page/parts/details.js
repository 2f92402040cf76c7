// A unit's panel: who is in it and who let each in, its files, and what it is, in plain words.

import { actButton, archived, ask, avatar, by, choiceOf, complain, confirmed, emit, field, fill, fullTime, h, icon, iconButton, left, menuButton, notice, openPeople, openPicker, panelHead, Part, personText, roleName, said, searchOf, shortTime, span, store, t, tag, tn } from "../lib/index.js";
import { openNewUnit, openUnitSettings } from "../views/unit-settings.js";
import { facts, fileIcon, keepButton, save } from "./file.js";

/** What somebody may be in a unit. */
const ROLES = ["member", "manager", "publisher", "reader"];

export class DetailsPart extends Part {
  unit = "";
  tab = "members";
  // A unit that one has a say in without being in it.
  /** @type {import("../api").UnitFacts | null} */ given = null;
  #body = h("div.panel-body", { role: "tabpanel", tabIndex: 0 });
  #filter = "";
  #drawn = "";

  begin() {
    this.on(store, "changed", () => this.draw());
    this.on(store, "entry", (event) => event.detail.unit === this.unit && this.#look());
    this.on(store, "minute", () => this.tab !== "members" && this.#look());
    this.draw();
  }

  get facts() {
    return this.given ?? store.unit(this.unit);
  }

  draw() {
    const names = /** @type {Record<string, string>} */ ({ members: t("People"), files: t("Files"), about: t("About") });
    const all = this.given ? ["members", "about"] : ["members", "files", "about"];
    const tabs = all.map((tab) => h("button", {
      role: "tab", id: `tab-${tab}`, "aria-selected": String(tab === this.tab), tabIndex: tab === this.tab ? 0 : -1,
      onclick: () => { this.tab = tab; this.draw(); },
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!by) return;
        this.tab = all[(all.indexOf(tab) + by + all.length) % all.length] ?? tab;
        this.draw();
        this.focusFirst();
      },
    }, names[tab] ?? tab));
    this.#body.setAttribute("aria-labelledby", `tab-${this.tab}`);
    fill(this, !this.given && panelHead(this.facts?.title ?? "", this), h("div.tabs", { role: "tablist" }, tabs), this.#body);
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
      if (unit === this.unit && tab === this.tab) fill(this.#body, h("p.empty", said(error)));
    }
  }

  // ------------------------------------------------------------ people

  async #members() {
    const { unit } = this;
    const { members } = await ask("members", { unit });
    if (unit !== this.unit || this.tab !== "members") return;
    const list = h("ul.people");
    const draw = () => {
      const wanted = this.#filter.toLowerCase();
      const shown = members.filter((one) => `${one.person.name} ${one.person.title} ${one.person.department}`.toLowerCase().includes(wanted)).slice(0, 300);
      fill(list, shown.map((one) => this.#member(one)));
    };
    const find = searchOf(t("Find in here"), () => { this.#filter = find.value; draw(); }, { value: this.#filter, autofocus: false });
    draw();
    const scroll = this.#body.scrollTop, typing = this.#body.contains(document.activeElement) && document.activeElement?.matches("input");
    fill(this.#body,
      this.#mayLetIn && h("button.wide", { onclick: () => this.#letIn() }, icon("invite"), t("Let somebody in")),
      members.length > 12 && find,
      h("p.muted.small", tn("{n} person can read what is said here from now on.", "{n} people can read what is said here from now on.", members.length)),
      list);
    this.#body.scrollTop = scroll;
    if (typing) find.focus();
  }

  get #mayLetIn() {
    const unit = this.facts;
    return !!unit?.may_govern && unit.kind !== "direct" && !unit.closed_by;
  }

  /** @param {import("../api").MemberFacts} one */
  #member(one) {
    const { person } = one, me = store.myId;
    const by = one.let_in_by && one.let_in_by.id !== person.id
      ? t("let in by {name}, {time}", { name: one.let_in_by.name, time: shortTime(one.since) })
      : one.since > 0 && t("began this unit, {time}", { time: shortTime(one.since) });
    return h("li.person",
      h("button.bare.person-main.grow", { onclick: () => emit(this, "open-person", person.id) }, avatar(person),
        h("span.grow", personText(person, person.id === me && tag(t("you")), one.role !== "member" && tag(roleName(one.role))),
          h("span.muted.small", { title: one.since ? fullTime(one.since) : "" }, one.is_in === false && one.role !== "archive" ? t("has not been online yet; will get the keys then") : by))),
      this.#mayLetIn && person.id !== me && menuButton("more", t("Change {name}", { name: person.name }), () => this.#menu(one)));
  }

  /** @param {import("../api").MemberFacts} one */
  #menu(one) {
    const grant = (/** @type {string} */ role) => ask("grant", { unit: this.unit, person: one.person.id, role }).then(() => this.#look(), complain);
    return [
      ...ROLES.filter((role) => role !== one.role && one.role !== "archive").map((role) => ({ name: t("Make {role}", { role: roleName(role) }), icon: "person", act: () => grant(role) })),
      { name: t("Take out of this unit"), icon: "leave", bad: true, act: () => this.#takeOut(one) },
    ];
  }

  /** @param {import("../api").MemberFacts} one */
  async #takeOut(one) {
    const { unit } = this, { name } = one.person;
    if (!(await confirmed(t("Take {name} out?", { name }), t("{name} reads nothing that is said here from then on. Everybody else gets new keys.", { name }), t("Take out")))) return;
    ask("revoke", { unit, person: one.person.id }).then(() => {
      notice(t("{name} is out.", { name }));
      this.#changed();
    }, complain);
  }

  async #letIn() {
    const { unit } = this;
    const role = choiceOf(ROLES.map((one) => [one, roleName(one)]), this.facts?.kind === "channel" ? "reader" : "member");
    const here = new Set((await ask("members", { unit })).members.map((one) => one.person.id));
    const look = openPicker(t("Let somebody in"), [field(t("As"), role)], (person) => {
      const { id, name } = person;
      return !here.has(id) && actButton("", async () => {
        const { is_in, since } = await ask("grant", { unit, person: id, role: role.value });
        notice(since ? archived(name, since) : is_in ? t("{name} is in.", { name }) : t("{name} is let in, and gets the keys when next online.", { name }));
        here.add(id);
        look();
        this.#changed();
      }, t("Let in"));
    });
  }

  #changed() {
    store.loadUnits().then(() => this.#look(), complain);
  }

  // ------------------------------------------------------------ files

  async #files() {
    const { unit } = this;
    const { entries } = await ask("files", { unit });
    if (unit !== this.unit || this.tab !== "files") return;
    const readers = (/** @type {number} */ sequence, /** @type {import("../api").FileFacts} */ file) => ask("readers", { unit, sequence, file: file.id })
      .then(({ people }) => openPeople(t("Who has fetched {name}", { name: file.name }), people, t("Nobody yet, says the server.")), complain);
    fill(this.#body, entries.length ? h("ul.file-list", entries.flatMap((entry) => entry.files.map((file) => h("li",
      h("button.bare.file-row.grow", { onclick: () => emit(this, "jump", entry.sequence) },
        fileIcon(file),
        h("span.person-text.grow", h("bdi.cut.name", file.name),
          h("span.muted.cut", facts(file)),
          h("span.muted.small.cut", `${left(entry.until)} · ${by(entry)}`))),
      keepButton(entry, file),
      iconButton("group", t("Who has fetched {name}", { name: file.name }), () => readers(entry.sequence, file)),
      iconButton("download", t("Save {name}", { name: file.name }), () => save(entry, file))))))
      : h("div.empty", icon("file"), h("p", t("No files here. Drop some into the conversation.")), h("p.small", t("A file lives as long as the message that shows it."))));
  }

  // ------------------------------------------------------------ about

  #about() {
    const unit = this.facts, policy = unit?.policy;
    if (!unit || !policy) return;
    const rest = unit.rotated_at + policy.key_lifetime_s * 1000 - Date.now(), days = Math.round(policy.retention_s / 86400);
    const row = (/** @type {string} */ drawn, /** @type {string} */ title, /** @type {string} */ text) =>
      h("li", icon(drawn), h("div", h("strong", title), h("p.muted", text)));
    fill(this.#body, unit.topic && h("p.about-topic", h("bdi", unit.topic)), h("ul.facts",
      row("lock", t("Only its people can read it"), t("{n} of at most {cap} people hold the keys. The server holds none.", { n: unit.members, cap: policy.cap })),
      row("clock", tn("Kept for {n} day, then gone", "Kept for {n} days, then gone", days), t("Messages and files are destroyed here and on the server, for everybody.")),
      unit.rotated_at > 0 && row("key", t("Keys {time} old", { time: span(Date.now() - unit.rotated_at) }), rest > 0 ? t("New ones are made with every change of people, and within {time} in any case.", { time: span(rest) }) : t("New ones are made before anything else is said.")),
      row("shield", unit.suite === 0xf002 ? t("Safe from tomorrow's computers, too") : t("Encrypted end to end"), unit.suite === 0xf002 ? t("MLS with X-Wing: a key from today cannot be worked out later by a quantum computer.") : t("MLS, the standard RFC 9420.")),
      row("edit", { publishers: t("Publishers write, everybody reads"), comments: t("Publishers write, everybody comments") }[policy.posting] ?? t("Everybody writes"), policy.history === "window" ? t("Whoever comes in can read what is still there.") : t("Whoever comes in reads only what is said from then on.")),
      row("keep", policy.keep === "allowed" ? t("Files may be kept longer") : t("Files may not be kept longer"), policy.keep === "allowed" ? t("Any member may post a file again before its time is over.") : t("What is over is over, for files as well.")),
    ), this.#mayLetIn && h("button.wide", { onclick: () => openUnitSettings(unit) }, icon("gear"), t("Change this unit")),
    this.#mayLetIn && unit.kind === "business" && h("button.wide", { onclick: () => openNewUnit(unit.id) }, icon("plus"), t("New unit below this one")),
    unit.epoch > 0 && h("p.muted.small.mono", t("Epoch {n}", { n: unit.epoch }), " · ", t("entry {n}", { n: unit.sequence })));
  }
}

customElements.define("mf-details", DetailsPart);
