// The main screen: units at the left, what is said in the middle, what there is to know at the right.

import { act } from "../parts/actions.js";
import { ask, said, store } from "../lib/store.js";
import { fill, h, Part } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { notice, openDialog } from "../lib/dialog.js";
import { openNewUnit } from "./new-unit.js";
import { openSettings } from "./settings.js";
import { openShortcuts } from "./shortcuts.js";
import { openSwitcher } from "./switcher.js";
import { shortTime } from "../lib/format.js";
import { sendFiles } from "../parts/composer.js";
import { t, tn } from "../lib/words.js";
import "../parts/details.js";
import "../parts/person.js";
import "../parts/sidebar.js";
import "../parts/thread.js";
import "../parts/timeline.js";
import "../parts/uploads.js";
import "./admin.js";
import "./people.js";
import "./requests.js";

export class WorkspaceView extends Part {
  /** @type {import("../parts/sidebar.js").SidebarPart} */ side = /** @type {any} */ (document.createElement("mf-sidebar"));
  /** @type {import("../parts/timeline.js").TimelinePart} */ timeline = /** @type {any} */ (document.createElement("mf-timeline"));
  /** @type {import("../parts/composer.js").ComposerPart} */ composer = /** @type {any} */ (document.createElement("mf-composer"));
  #middle = h("main", { class: "middle", id: "main" });
  #right = h("aside", { class: "right", hidden: true });
  #head = h("header", { class: "unit-head" });
  #banner = h("div", { class: "banners" });
  #unit = "";
  #panel = "";

  begin() {
    fill(this, h("div", { class: "workspace" }, h("div", { class: "left" }, this.side), this.#middle, this.#right));
    this.on(window, "hashchange", () => this.route());
    this.on(store, "units", () => this.#unitsCame());
    this.on(store, "state", () => this.#drawBanner());
    this.on(store, "line", () => this.#drawBanner());
    this.on(store, "alarm", (event) => notice(event.detail, "bad"));
    this.on(this, "search", () => openSwitcher(this.#unit));
    this.on(this, "settings", () => openSettings());
    this.on(this, "new-unit", () => openNewUnit());
    this.on(this, "lock", () => ask("lock", {}).then(() => store.loadAll()).catch((error) => notice(said(error), "bad")));
    this.on(this, "open-person", (event) => this.#openPanel("person", event.detail));
    this.on(this, "jump", (event) => this.timeline.jump(event.detail));
    this.on(this, "go-to", (event) => this.#goTo(event.detail));
    this.on(this, "reply", (event) => this.composer.reply(event.detail));
    this.on(this, "edit", (event) => this.composer.edit(event.detail));
    this.on(this, "thread", (event) => this.#openPanel("thread", event.detail));
    this.on(this, "close-panel", () => this.#closePanel());
    this.on(this, "edit-last", () => {
      const last = this.timeline.lastOwn;
      if (last) this.composer.edit(last);
      else this.timeline.focusLast();
    });
    this.on(this, "line-key", (event) => this.#lineKey(event));
    this.on(document, "keydown", (event) => this.#key(event));
    this.#drops();
    this.route();
  }

  get unit() {
    return store.unit(this.#unit);
  }

  /** The address says what is shown: `#/u/<unit>`, `#/people`, `#/admin`. */
  route() {
    const [, kind, id] = location.hash.split("/");
    if (kind === "people" || kind === "admin" || kind === "requests") {
      this.#unit = "";
      this.#closePanel();
      this.side.mark(kind);
      fill(this.#middle, document.createElement(`mf-${kind}`));
      document.body.dataset.place = "middle";
    } else if (kind === "u" && id) this.#openUnit(id);
    else this.#nothing();
  }

  #nothing() {
    this.#unit = "";
    this.side.mark("");
    document.body.dataset.place = "left";
    const first = store.units.find((unit) => unit.is_member);
    if (first && innerWidth > 720) return void history.replaceState(null, "", `#/u/${first.id}`), this.route();
    fill(this.#middle, h("div", { class: "nothing" }, icon("unit"), h("h2", null, t("Nothing is open")),
      h("p", { class: "muted" }, store.units.length ? t("Choose a unit at the left.") : t("You are in no unit yet. Whoever manages one can let you in."))));
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
      fill(this.#middle, this.#head, this.#banner, this.timeline, document.createElement("mf-uploads"), this.composer);
    this.#drawBanner();
    this.composer.open(id);
    await this.timeline.open(id);
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
      if (!/^#\/(people|admin|requests)/.test(location.hash)) this.route();
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
      h("a", { class: "quiet square to-list", href: "#/", "aria-label": t("To the list") }, icon("back")),
      h("div", { class: "grow head-text" }, h("h1", { class: "cut" }, h("bdi", null, unit.title)),
        unit.topic ? h("p", { class: "muted cut" }, h("bdi", null, unit.topic)) : ""),
      h("button", { class: "quiet members-button", title: t("Who is in here"), "data-key": "members", onclick: () => this.#toggle("members") }, icon("people"), h("span", null, tn("{n} person", "{n} people", unit.members))),
      h("button", { class: "quiet square", title: t("Go to a day"), "aria-label": t("Go to a day"), onclick: () => this.#askDay() }, icon("calendar")),
      h("button", { class: "quiet square", title: t("Files"), "aria-label": t("Files"), onclick: () => this.#toggle("files") }, icon("file")),
      h("button", { class: "quiet square", title: t("About this unit"), "aria-label": t("About this unit"), onclick: () => this.#toggle("about") }, icon("info")));
  }

  #drawBanner() {
    const unit = this.unit, me = store.me;
    const banner = (/** @type {string} */ mood, /** @type {string} */ drawn, /** @type {string} */ text) =>
      h("div", { class: `banner ${mood}`, role: "status" }, icon(drawn), h("p", null, text));
    fill(this.#banner,
      !store.isHere && banner("bad", "warn", t("Mifeng itself has ended on this machine; start it again with `mifeng ui`.")),
      store.isHere && me?.ended && banner("bad", "warn", me.ended),
      store.isHere && me && !me.ended && !me.is_online && banner("calm", "offline", t("There is no line to the server. You can read; what you write goes out as soon as there is one.")),
      ...(unit?.archives ?? []).map((one) => banner("calm", "archive", one.since > Date.now() ? t("{name} keeps what is said here from {time} on.", { name: one.name, time: shortTime(one.since) }) : t("{name} keeps what is said here.", { name: one.name }))),
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
    const panel = /** @type {any} */ (tag === "mf-details" && kept ? kept : document.createElement(tag));
    this.#panel = what;
    panel.unit = this.#unit;
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
    const day = h("input", { type: "date", max: new Date().toISOString().slice(0, 10), "data-first": true, "aria-label": t("Day") });
    openDialog(t("Go to a day"), (close) => [
      h("form", {
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          close();
          if (day.value) this.timeline.open(this.#unit, { at: new Date(`${day.value}T00:00`).getTime() });
        },
      }, h("div", { class: "row" }, day, h("button", { class: "primary" }, t("Go")))),
    ]);
  }

  // ------------------------------------------------------------ files by drag

  #drops() {
    let depth = 0;
    const over = (/** @type {boolean} */ is) => this.#middle.classList.toggle("dropping", is);
    const takes = (/** @type {DragEvent} */ event) => !!this.unit?.may_post && [...(event.dataTransfer?.types ?? [])].includes("Files");
    this.on(this.#middle, "dragenter", (event) => { if (takes(event)) { depth++; over(true); } });
    this.on(this.#middle, "dragleave", () => { if (--depth <= 0) { depth = 0; over(false); } });
    this.on(this.#middle, "dragover", (event) => { if (takes(event)) event.preventDefault(); });
    this.on(this, "drop", (event) => {
      event.preventDefault();
      depth = 0;
      over(false);
      if (takes(event)) sendFiles(this.#unit, [...event.dataTransfer.files]);
    });
  }

  // ------------------------------------------------------------ keys

  /** @param {KeyboardEvent} event */
  #key(event) {
    const control = event.ctrlKey || event.metaKey;
    const typing = /** @type {HTMLElement} */ (event.target).closest?.("input, textarea, select, dialog");
    if (control && !event.shiftKey && event.key.toLowerCase() === "k") openSwitcher(this.#unit);
    else if (control && event.key === ",") openSettings();
    else if (control && event.key === "/") openShortcuts();
    else if (event.key === "?" && !typing) openShortcuts();
    else if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) this.#step(event.key === "ArrowDown" ? 1 : -1, event.shiftKey);
    else if (event.altKey && event.key.toLowerCase() === "m") this.#toggle("members");
    else if (event.altKey && event.key.toLowerCase() === "l") this.dispatchEvent(new CustomEvent("lock", { bubbles: true }));
    else if (event.key === "Escape" && !document.querySelector("dialog[open], .menu")) {
      if (this.#panel) this.#closePanel();
      else if (this.unit) this.composer.focusText();
      return;
    } else return;
    event.preventDefault();
  }

  /** @param {number} by @param {boolean} unread */
  #step(by, unread) {
    const all = store.units.filter((unit) => unit.title && (!unread || unit.unread || unit.id === this.#unit));
    const at = all.findIndex((unit) => unit.id === this.#unit);
    const to = all[(at + by + all.length) % all.length];
    if (to) location.hash = `#/u/${to.id}`;
  }

  /** @param {CustomEvent<{ key: string, entry: import("../api").MessageFacts, row: HTMLElement }>} event */
  #lineKey(event) {
    const { key, entry, row } = event.detail;
    const what = { r: "reply", t: "thread", e: "edit", "+": "react", Delete: "delete", Enter: "more" }[key];
    if (!what || ((what === "edit" || what === "delete") && !entry.is_mine)) return;
    event.preventDefault();
    act(what, entry, row, this.timeline);
  }
}

customElements.define("mf-workspace", WorkspaceView);
