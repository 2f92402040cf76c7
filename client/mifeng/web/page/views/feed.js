// The feed: what was posted where one follows, newest first; or, with a person, what they have posted.

import { add, ask, avatar, checkOf, choiceOf, complain, emit, fill, fillWith, h, icon, menuButton, openDialog, pageHead, Part, personText, store, t, tn } from "../lib/index.js";
import { doAction } from "../parts/actions.js";
import { line } from "../parts/message.js";
import { openSettings } from "./settings.js";

/** @typedef {import("../api").MessageFacts} MessageFacts */

/** Where one wrote from here last. */
let lastUnit = "";

export class FeedView extends Part {
  /** Whose posts; empty for the feed. */
  person = "";
  /** @type {MessageFacts[]} */ posts = [];
  /** @type {import("../api").FeedReply | null} */ #found = null;
  #composer = h("mf-composer");
  #writing = h("section.writing", { hidden: true });
  #page = h("div.page-list");
  #soon = 0;

  begin() {
    fill(this, h("div.page", !this.person && pageHead(t("Feed"), h("button", { onclick: () => this.#chooseUnits() }, icon("gear"), t("What I follow"))), this.#writing, this.#page));
    this.on(this, "click", (event) => doAction(event, this));
    this.on(store, "entry line-changed changed", () => this.#later());
    this.on(store, "units", () => this.#offer());
    this.#offer();
    this.look();
  }

  /** Where one may write, one writes from here as well. */
  #offer() {
    const units = store.units.filter((unit) => unit.may_post && unit.kind !== "direct");
    this.#writing.hidden = !!this.person || !units.length;
    if (this.#writing.hidden || units.some((unit) => unit.id === this.#composer.unit)) return;
    const first = units.find((unit) => unit.id === lastUnit)?.id ?? units[0]?.id ?? "";
    fill(this.#writing, h("label.row", t("Post in"), choiceOf(units.map((unit) => [unit.id, unit.title]), first, (unit) => this.#composer.open((lastUnit = unit)))), h("mf-uploads"), this.#composer);
    this.#composer.open(first);
  }

  end() {
    clearTimeout(this.#soon);
  }

  /** Much at once is one look. */
  #later() {
    clearTimeout(this.#soon);
    this.#soon = window.setTimeout(() => this.look(), 150);
  }

  async look() {
    await fillWith(this.#page, async () => {
      const head = this.person ? await this.#someone() : await this.#everything();
      return [...head, ...this.posts.map((one) => this.#post(one)),
        !this.posts.length && h("div.empty", icon("feed"), h("p", t("Nothing was posted here that is still there."))),
        !this.person && !!this.#found?.more && h("button.wide", { "data-key": "older", onclick: () => this.#older() }, t("Older posts"))];
    });
  }

  async #everything() {
    const found = await ask("feed", { before: 0 });
    const last = found.posts.at(-1)?.at ?? 0;
    this.posts = [...found.posts, ...this.posts.filter((one) => one.at < last)];
    if (this.#found && this.posts.length > found.posts.length) found.more = this.#found.more;
    this.#found = found;
    return [];
  }

  async #older() {
    const found = await ask("feed", { before: this.posts.at(-1)?.at ?? 0 });
    this.posts.push(...found.posts);
    if (this.#found) this.#found.more = found.more;
    this.look();
  }

  async #someone() {
    const [{ person }, { posts, is_muted }] = await Promise.all([ask("person", { person: this.person }), ask("posts_of", { person: this.person })]);
    const mine = person.id === store.myId;
    this.posts = posts;
    return [pageHead(mine ? t("Your page") : person.name), h("section.admin-block.profile", avatar(person, "large"), personText(person),
      mine ? h("button", { "data-key": "edit", onclick: openSettings }, icon("edit"), t("Change it"))
        : h("button", { "data-key": "mute", "aria-pressed": String(is_muted), onclick: () => this.#mute(person.id, !is_muted) }, is_muted ? t("Take into the feed again") : t("Leave out of the feed")),
      h("button", { "data-key": "who", onclick: () => emit(this, "open-person", person.id) }, icon("verified"), t("Devices and safety number"))),
    h("p.muted.small", tn("{n} post in units that you share", "{n} posts in units that you share", posts.length))];
  }

  /** @param {MessageFacts} one */
  #post(one) {
    const unit = store.unit(one.unit), row = line(one, null, { inThread: true });
    const key = `${one.unit}/${one.sequence}`;
    row.setAttribute("data-unit", one.unit);
    add(row.querySelector(".line-body") ?? row, [h("footer.row",
      h("button.quiet", { "data-act": "react", "data-key": `${key}/react` }, icon("smile"), t("React")),
      (!!one.answers || unit?.may_comment) && h("button.quiet", { "data-act": "thread", "data-key": `${key}/comments` }, icon("thread"), one.answers ? tn("{n} comment", "{n} comments", one.answers) : t("Comment")))]);
    return h("section.post", h("header.row", h("button.bare.link", { "data-key": `${key}/unit`, onclick: () => emit(this, "go-to", one) }, h("bdi", unit?.title ?? "")), h("span.grow"),
      menuButton("more", t("More"), () => [
        { name: t("Follow {unit} no longer", { unit: unit?.title ?? "" }), icon: "leave", act: () => this.#follow(one.unit, false) },
        !one.is_mine && !!one.sender && { name: t("Leave out what {name} posts", { name: one.sender.name }), icon: "person", act: () => this.#mute(one.sender?.id ?? "", true) },
      ], { "data-key": `${key}/more` })), row);
  }

  /** @param {Element | null} row */
  entry(row) {
    const [unit, sequence] = [row?.getAttribute("data-unit"), Number(row?.getAttribute("data-sequence"))];
    return this.posts.find((one) => one.unit === unit && one.sequence === sequence);
  }

  /** @param {string} unit @param {boolean} on */
  #follow(unit, on) {
    this.#anew(ask("follow", { unit, on }));
  }

  /** @param {string} person @param {boolean} on */
  #mute(person, on) {
    this.#anew(ask("mute", { person, on }));
  }

  /** @param {Promise<unknown>} done */
  #anew(done) {
    done.then(() => {
      this.posts = [];
      return this.look();
    }).catch(complain);
  }

  #chooseUnits() {
    const followed = new Set(this.#found?.followed), muted = this.#found?.muted ?? [];
    openDialog(t("What I follow"), () => [
      h("p.muted", t("Nobody else learns of it. What you do not follow is still in its unit.")),
      h("div", store.units.filter((unit) => unit.is_member).map((unit) => checkOf(unit.title, followed.has(unit.id), (on) => this.#follow(unit.id, on)))),
      muted.length > 0 && h("h3", t("People who are left out")),
      h("div", muted.map((id) => checkOf(store.nameOf(id), true, (on) => this.#mute(id, on))))]);
  }
}

customElements.define("mf-feed", FeedView);
