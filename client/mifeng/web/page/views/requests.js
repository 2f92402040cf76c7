// Requests: what waits for one's own decision, and what one has asked for.

import { ask, said, store } from "../lib/store.js";
import { fill, h, Part } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { t } from "../lib/words.js";
import { work } from "../parts/work.js";

export class RequestsView extends Part {
  #body = h("div", { class: "page" });

  begin() {
    fill(this, this.#body);
    this.on(store, "line-changed", () => this.look());
    this.on(store, "entry", () => this.look());
    this.look();
  }

  async look() {
    const list = (/** @type {string} */ title, /** @type {import("../api").MessageFacts[]} */ all, /** @type {string} */ none) =>
      h("section", { class: "request-list" }, h("h2", null, title), all.length ? all.map((one) => h("div", null,
        h("button", { class: "bare link", onclick: () => this.dispatchEvent(new CustomEvent("go-to", { bubbles: true, detail: one })) }, `${one.sender?.name ?? ""} · ${store.unit(one.unit)?.title ?? ""}`), work(one))) : h("p", { class: "muted" }, none));
    try {
      const { waiting, mine } = await ask("requests", {});
      fill(this.#body, h("header", { class: "page-head" }, h("a", { class: "quiet square to-list", href: "#/", "aria-label": t("To the list") }, icon("back")), h("h1", null, t("Requests"))),
        list(t("Waiting for you"), waiting, t("Nothing waits for you.")), list(t("Sent by you"), mine, t("You have asked for nothing that is still here.")));
    } catch (error) {
      fill(this.#body, h("p", { class: "empty" }, said(error)));
    }
  }
}

customElements.define("mf-requests", RequestsView);
