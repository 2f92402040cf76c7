// The list at the left: oneself, the tree of units, channels, groups and conversations of two.

import { arrows, avatar, emit, few, fill, h, icon, iconButton, keepingFocus, openMenu, Part, profileName, store, t, tn, unitIcon } from "../lib/index.js";

/** @typedef {import("../api").UnitFacts} UnitFacts */

/** What is folded in, by unit. @type {Set<string>} */
const folded = new Set();

export class SidebarPart extends Part {
  current = "";

  begin() {
    this.on(store, "units state line", () => this.draw());
    arrows(this, ".unit-link");
    this.draw();
  }

  /** @param {string} current */
  mark(current) {
    this.current = current;
    this.draw();
  }

  draw() {
    const scroll = this.querySelector(".side-scroll")?.scrollTop ?? 0;
    keepingFocus(this, () => fill(this, this.#head(), this.#lists(), this.#foot()));
    const list = this.querySelector(".side-scroll");
    if (list) list.scrollTop = scroll;
  }

  #head() {
    const me = store.me;
    if (!me) return null;
    return h("header.side-head",
      h("button.bare.myself", { "data-key": "me", "aria-haspopup": "menu", onclick: (/** @type {any} */ event) => this.#mine(event.currentTarget) },
        avatar(me.me),
        h("span.person-text.grow", h("bdi.name.cut", me.me.name),
          h("span.muted.cut.small", new URL(me.server).host)),
        icon("down")),
      h("button.search-box", { "data-key": "search", onclick: () => emit(this, "search") }, icon("search"),
        h("span.grow", t("Search or go to")), h("kbd", "Ctrl K")));
  }

  /** @param {HTMLElement} at */
  #mine(at) {
    const others = (store.state?.profiles ?? []).filter((one) => one.state !== "empty" && one.id !== store.id);
    openMenu(at, [
      { name: t("Profile and settings"), icon: "gear", act: () => emit(this, "settings") },
      ...others.map((one) => ({ name: profileName(one), icon: "person", act: () => { store.show(one.id); } })),
      { name: t("Another workspace"), icon: "plus", act: () => emit(this, "another") },
      { name: t("Lock"), icon: "lock", act: () => emit(this, "lock") },
    ]);
  }

  #lists() {
    const tree = store.units.filter((unit) => unit.kind === "business");
    const of = (/** @type {string} */ kind) => store.units.filter((unit) => unit.kind === kind && unit.title);
    return h("nav.side-scroll", { "aria-label": t("Units") },
      this.#section(t("Units"), this.#open(tree), () => emit(this, "new-unit")),
      this.#section(t("Channels"), of("channel")),
      this.#section(t("Groups"), of("group")),
      this.#section(t("Direct"), of("direct")),
      !store.units.length && h("p.empty", t("You are in no unit yet. Whoever manages one can let you in.")));
  }

  /** Without what stands under a unit that is folded in. @param {UnitFacts[]} tree */
  #open(tree) {
    /** @type {UnitFacts[]} */ const shown = [];
    let closed = Infinity;
    for (const unit of tree) {
      if (unit.depth > closed) continue;
      closed = folded.has(unit.id) ? unit.depth : Infinity;
      shown.push(unit);
    }
    return shown;
  }

  /** @param {string} title @param {UnitFacts[]} units @param {() => void} [add] */
  #section(title, units, add) {
    if (!units.length && !add) return null;
    return h("section.side-section",
      h("div.row.between", h("h2", title),
        add && store.me?.may_create.length ? iconButton("plus", t("New unit"), add, { "data-key": "add", class: "small" }) : ""),
      h("ul", units.map((unit) => this.#unit(unit))));
  }

  /** @param {UnitFacts} unit */
  #unit(unit) {
    const mark = (/** @type {`span.${string}`} */ kind, /** @type {Node | string | false} */ shown, more = "") => shown && h(kind, { "aria-hidden": "true" }, shown, more);
    const hasMore = store.units.some((other) => other.parent === unit.id);
    const name = unit.title || t("a unit that you are not in");
    const states = [
      unit.unread ? tn("{n} unread", "{n} unread", unit.unread) : "",
      unit.calls ? t("you are mentioned") : "",
      unit.asks ? tn("{n} waits for your confirmation", "{n} wait for your confirmation", unit.asks) : "",
      unit.waiting ? t("waits for the server") : "",
      unit.problem ? t("needs attention") : "",
    ].filter(Boolean).join(", ");
    return h("li.unit", { "--depth": unit.kind === "business" ? Math.min(unit.depth, 5) : 0 },
      hasMore && unit.kind === "business"
        ? h("button", {
          class: `bare fold ${folded.has(unit.id) ? "closed" : ""}`, tabIndex: -1, "aria-label": t("Fold {unit}", { unit: name }), "aria-expanded": String(!folded.has(unit.id)),
          onclick: () => { if (!folded.delete(unit.id)) folded.add(unit.id); this.draw(); },
        }, icon("down")) : "",
      h("a", {
        class: `unit-link ${unit.unread ? "unread" : ""} ${unit.sequence ? "" : "unknown"} ${unit.is_member ? "" : "gone"}`,
        href: unit.sequence ? `#/u/${unit.id}` : store.hasSayIn(unit) ? `#/g/${unit.id}` : undefined, "data-key": unit.id,
        "aria-current": unit.id === this.current ? "page" : undefined, title: unit.topic || undefined,
      }, unitIcon(unit), h("bdi.cut.grow", name), states && h("span.sr", `(${states})`),
      mark("span.mark.bad", !!unit.problem && icon("warn")),
      mark("span.mark", !!unit.waiting && icon("clock")),
      mark("span.mark.asks", unit.asks > 0 && icon("check"), String(unit.asks)),
      mark("span.count", unit.unread > 0 && (unit.calls ? "@ " : "") + few(unit.unread))));
  }

  /** @param {string} place @param {string} drawn @param {string} name */
  #link(place, drawn, name) {
    return h("a.foot-link", { href: `#/${place}`, "data-key": place, "aria-current": this.current === place ? "page" : undefined }, icon(drawn), name);
  }

  #foot() {
    const online = store.isHere && store.me?.is_online;
    const line = !store.isHere ? t("Mifeng has ended on this machine") : online ? t("Connected") : store.me?.ended ? t("This device is out") : t("Offline; what you write is sent later");
    return h("footer.side-foot",
      this.#link("feed", "feed", t("Feed")), this.#link("people", "group", t("People")), this.#link("requests", "text", t("Requests")),
      store.me?.may_invite && this.#link("admin", "shield", t("Administration")),
      h("p", { class: `line-state ${online ? "up" : "down"}` }, h("span.dot", { "aria-hidden": "true" }), line));
  }

}

customElements.define("mf-sidebar", SidebarPart);
