// Requests: what waits for one's own decision, and what one has asked for.

import { ask, complain, emit, fill, fillWith, h, icon, pageHead, Part, saveFile, store, t, whence } from "../lib/index.js";
import { work } from "../parts/work.js";

export class RequestsView extends Part {
  #body = h("div.page");

  begin() {
    fill(this, this.#body);
    this.on(store, "line-changed entry", () => this.look());
    this.look();
  }

  async look() {
    const list = (/** @type {string} */ title, /** @type {import("../api").MessageFacts[]} */ all, /** @type {string} */ none, /** @type {boolean} */ mine) =>
      h("section.request-list", h("div.row.between", h("h2", title), all.length > 0 && h("button", { "data-key": `table ${mine}`, onclick: () => ask("export_requests", { mine }).then(saveFile, complain) }, icon("download"), t("As a table (CSV)"))),
        all.length ? all.map((one) => h("div",
          h("button.bare.link", { onclick: () => emit(this, "go-to", one) }, whence(one)), work(one))) : h("p.muted", none));
    await fillWith(this.#body, async () => {
      const { waiting, mine } = await ask("requests", {});
      return [pageHead(t("Requests")),
        list(t("Waiting for you"), waiting, t("Nothing waits for you."), false), list(t("Sent by you"), mine, t("You have asked for nothing that is still here."), true)];
    });
  }
}

customElements.define("mf-requests", RequestsView);
