// The main screen: units at the left, what is said in the middle, what there is to know at the right.

import { archived, ask, complain, emit, fill, h, icon, iconButton, notice, openForm, pageHead, Part, said, store, t, tn, toList } from "../lib/index.js";
import { openNewUnit } from "./unit-settings.js";
import { openSettings } from "./settings.js";
import { openShortcuts } from "./shortcuts.js";
import { openSwitcher } from "./switcher.js";
import { sendFiles } from "../parts/composer.js";
import "../parts/details.js";
import "../parts/person.js";
import "../parts/sidebar.js";
import "../parts/thread.js";
import "../parts/timeline.js";
import "./admin.js";
import "./feed.js";
import "./people.js";
import "./requests.js";

/** What stands in the middle instead of a unit. */
const PAGES = ["feed", "people", "admin", "requests"];

export class WorkspaceView extends Part {
  side = h("mf-sidebar");
  timeline = h("mf-timeline");
  composer = h("mf-composer");
  #middle = h("main.middle", { id: "main" });
  #right = h("aside.right", { hidden: true });
  #head = h("header.unit-head");
  #banner = h("div.banners");
  #unit = "";
  #panel = "";

  begin() {
    fill(this, h("div.workspace", h("div.left", this.side), this.#middle, this.#right));
    this.on(window, "hashchange", () => this.route());
    this.on(store, "units", () => this.#unitsCame());
    this.on(store, "state line minute", () => { this.#drawBanner(); this.composer.draw(); });
    this.on(store, "alarm", (event) => notice(event.detail, "bad"));
    for (const [name, act] of Object.entries(this.#wishes)) this.on(this, name, (event) => act(event.detail));
    this.on(document, "keydown", (event) => this.#key(event));
    this.#drops();
    this.route();
  }

  /** What the parts ask for. @type {Record<string, (about: any) => unknown>} */
  #wishes = {
    search: openSwitcher,
    settings: openSettings,
    "new-unit": () => openNewUnit(),
    lock: () => ask("lock", {}).then(() => store.loadAll()).catch(complain),
    "open-person": (id) => this.#openPanel("person", id),
    jump: (sequence) => this.timeline.jump(sequence),
    "go-to": (entry) => this.#goTo(entry),
    reply: (entry) => this.composer.reply(entry),
    edit: (entry) => this.composer.edit(entry),
    thread: (entry) => this.#openPanel("thread", entry),
    "close-panel": () => this.#closePanel(),
    "edit-last": () => {
      if (!this.#unit) return;
      const last = this.timeline.lastOwn;
      if (last) this.composer.edit(last);
      else this.timeline.focusLast();
    },
  };

  get unit() {
    return store.unit(this.#unit);
  }

  /** The address says what is shown: `#/u/<unit>`, `#/people`, `#/admin`. */
  route() {
    const [, kind, id] = location.hash.split("/");
    if (PAGES.includes(kind ?? "")) {
      this.#openPage(id ? "" : kind ?? "", h(/** @type {any} */ (`mf-${kind}`), { person: id ?? "" }));
    } else if (kind === "u" && id) this.#openUnit(id);
    else if (kind === "g" && id) this.#openGoverned(id);
    else this.#nothing();
  }

  /** @param {string} mark @param {import("../lib/dom.js").Child[]} page */
  #openPage(mark, ...page) {
    this.#unit = "";
    this.#closePanel();
    this.side.mark(mark);
    fill(this.#middle, this.#banner, ...page);
    this.#drawBanner();
    document.body.dataset.place = "middle";
  }

  /** A unit that one has a say in, and reads nothing of. @param {string} unit */
  async #openGoverned(unit) {
    try {
      const given = await ask("governed", { unit });
      this.#openPage(unit, h("div.page.governed", pageHead(given.title || t("a unit that you are not in")), h("p.muted", t("You are not in here and read nothing of it. You have a say in who is, and in what it goes by.")), h("mf-details", { unit, given })));
    } catch (error) {
      this.#openPage(unit, h("p.empty", said(error)));
    }
  }

  #nothing() {
    this.#unit = "";
    this.side.mark("");
    document.body.dataset.place = "left";
    const first = store.units.find((unit) => unit.is_member);
    if (first && innerWidth > 720) return void history.replaceState(null, "", `#/u/${first.id}`), this.route();
    this.#drawBanner();
    fill(this.#middle, this.#banner, h("div.nothing", icon("unit"), h("h2", t("Nothing is open")),
      h("p.muted", store.units.length ? t("Choose a unit at the left.") : t("You are in no unit yet. Whoever manages one can let you in.")),
      !store.units.length && !!store.me?.may_create.length && h("button.primary", { onclick: () => emit(this, "new-unit") }, t("Open the first unit"))));
  }

  /** @param {string} id */
  async #openUnit(id) {
    this.#unit = id;
    document.body.dataset.place = "middle";
    if (!store.units.length) return;
    if (!this.unit) return void (location.hash = "#/");
    this.side.mark(id);
    this.#drawHead();
    if (this.#middle.firstChild !== this.#head)
      fill(this.#middle, this.#head, this.#banner, this.timeline, h("mf-uploads"), this.composer);
    this.#drawBanner();
    const shown = this.timeline.open(id);
    this.composer.open(id);
    await shown;
    if (innerWidth > 720 && !document.querySelector("dialog")) this.composer.focusText();
    if (this.#panel === "thread" || this.#panel === "person") this.#closePanel();
    else if (this.#panel) this.#openPanel("details");
  }

  /** A message, wherever it is. @param {import("../api").MessageFacts} one */
  async #goTo(one) {
    if (this.#unit !== one.unit) {
      history.pushState(null, "", `#/u/${one.unit}`);
      await this.#openUnit(one.unit);
    }
    await this.timeline.jump(one.sequence);
  }

  #unitsCame() {
    if (!this.#unit || !location.hash.startsWith("#/u/")) {
      if (!PAGES.concat("g").includes(location.hash.split("/")[1] ?? "")) this.route();
      return;
    }
    if (this.timeline.unit !== this.#unit) return void this.#openUnit(this.#unit);
    this.#drawHead();
    this.#drawBanner();
    this.composer.draw();
  }

  #drawHead() {
    const unit = this.unit;
    if (!unit) return;
    fill(this.#head,
      toList(),
      h("div.grow.head-text", h("h1.cut", h("bdi", unit.title)),
        unit.topic ? h("p.muted.cut", h("bdi", unit.topic)) : ""),
      store.hasSayIn(unit) && h("a.quiet", { href: `#/g/${unit.id}` }, icon("gear"), t("Change this unit")),
      h("button.quiet.members-button", { title: t("Who is in here"), "data-key": "members", onclick: () => this.#toggle("members") }, icon("group"), h("span", tn("{n} person", "{n} people", unit.members))),
      iconButton("calendar", t("Go to a day"), () => this.#askDay()),
      iconButton("file", t("Files"), () => this.#toggle("files")),
      iconButton("info", t("About this unit"), () => this.#toggle("about")));
  }

  #drawBanner() {
    const unit = this.unit, me = store.me;
    const banner = (/** @type {string} */ mood, /** @type {string} */ drawn, /** @type {string} */ text) =>
      h("div", { class: `banner ${mood}`, role: "status" }, icon(drawn), h("p", text));
    fill(this.#banner,
      !store.isHere && banner("bad", "warn", said(null)),
      store.isHere && me?.ended && banner("bad", "warn", me.ended),
      store.isHere && me && !me.ended && !me.is_online && banner("calm", "offline", t("There is no line to the server. You can read; what you write goes out as soon as there is one.")),
      ...(me?.warnings ?? []).filter((one) => !unit?.problem || !one.includes(unit.problem)).map((one) => banner("calm", "warn", one)),
      ...(unit?.archives ?? []).map((one) => banner("calm", "archive", archived(one.name, one.since))),
      unit?.closed_by && banner("calm", "lock", t("{name} has closed this unit. What is still live can be read.", { name: unit.closed_by })),
      unit?.problem && banner("bad", "warn", unit.problem));
  }

  // ------------------------------------------------------------ the panel at the right

  /** @param {string} tab */
  #toggle(tab) {
    if (this.#panel === tab) this.#closePanel();
    else this.#openPanel(tab);
  }

  /** @param {string} what @param {any} [about] */
  #openPanel(what, about) {
    const tag = what === "person" ? "mf-person" : what === "thread" ? "mf-thread" : "mf-details";
    const kept = this.#right.querySelector("mf-details");
    const panel = /** @type {any} */ ((tag === "mf-details" && kept) || h(tag));
    this.#panel = what;
    panel.unit = this.#unit || about?.unit || "";
    if (tag === "mf-details") panel.tab = what === "details" ? panel.tab : what;
    else panel.about = about;
    if (panel === kept) panel.draw();
    else fill(this.#right, panel);
    this.#right.hidden = false;
    this.querySelector(".workspace")?.classList.add("with-right");
    panel.focusFirst?.();
  }

  #closePanel() {
    this.#panel = "";
    this.#right.hidden = true;
    this.#right.replaceChildren();
    this.querySelector(".workspace")?.classList.remove("with-right");
  }

  #askDay() {
    const day = h("input", { type: "date", required: true, autofocus: true, "aria-label": t("Day") });
    openForm(t("Go to a day"), t("Go"), [day], async () => { this.timeline.open(this.#unit, { at: new Date(`${day.value}T00:00`).getTime() }); });
  }

  // ------------------------------------------------------------ files by drag

  #drops() {
    const over = (/** @type {boolean} */ is) => this.#middle.classList.toggle("dropping", is);
    const takes = (/** @type {DragEvent} */ event) => !!this.unit?.may_post && [...(event.dataTransfer?.types ?? [])].includes("Files");
    this.on(this.#middle, "dragover", (event) => {
      if (!takes(event)) return;
      event.preventDefault();
      over(true);
    });
    this.on(this.#middle, "dragleave", (event) => { if (!this.#middle.contains(event.relatedTarget)) over(false); });
    this.on(this, "drop", (event) => {
      event.preventDefault();
      over(false);
      if (takes(event)) sendFiles(this.#unit, [...event.dataTransfer.files]);
    });
  }

  // ------------------------------------------------------------ keys

  /** @param {KeyboardEvent} event */
  #key(event) {
    const control = event.ctrlKey || event.metaKey;
    const typing = /** @type {HTMLElement} */ (event.target).closest?.("input, textarea, select, dialog");
    const does = /** @type {Record<string, (() => void) | null>} */ ({
      "Ctrl k": event.shiftKey ? null : openSwitcher,
      "Ctrl ,": openSettings,
      "Ctrl /": openShortcuts,
      "?": typing ? null : openShortcuts,
      "Alt arrowdown": () => this.#step(1, event.shiftKey),
      "Alt arrowup": () => this.#step(-1, event.shiftKey),
      "Alt m": () => this.#toggle("members"),
      "Alt l": () => emit(this, "lock"),
    })[(control ? "Ctrl " : event.altKey ? "Alt " : "") + event.key.toLowerCase()];
    if (does) does();
    else if (event.key === "Escape" && !document.querySelector("dialog[open], .menu")) {
      if (this.#panel) this.#closePanel();
      else if (this.unit) this.composer.focusText();
      return;
    } else return;
    event.preventDefault();
  }

  /** @param {number} by @param {boolean} unread */
  #step(by, unread) {
    const all = store.units.filter((unit) => unit.sequence && (!unread || unit.unread || unit.id === this.#unit));
    const at = all.findIndex((unit) => unit.id === this.#unit);
    const to = all[(at + by + all.length) % all.length];
    if (to) location.hash = `#/u/${to.id}`;
  }
}

customElements.define("mf-workspace", WorkspaceView);
