// A thread at the right: the message that began it, what was answered, and where to answer.

import { ask, fill, h, Part, said, store, t } from "../lib/index.js";
import { serveActions } from "./actions.js";
import { line } from "./message.js";
import { panelHead } from "./panel.js";
import "./composer.js";

/** @typedef {import("../api").MessageFacts} MessageFacts */

export class ThreadPart extends Part {
  unit = "";
  /** @type {MessageFacts} */ about = /** @type {any} */ (null);
  /** @type {MessageFacts[]} */ entries = [];
  #lines = h("div.panel-body.thread-lines", { tabIndex: 0 });
  #composer = /** @type {import("./composer.js").ComposerPart} */ (document.createElement("mf-composer"));

  begin() {
    fill(this, panelHead(t("Thread"), this), this.#lines, this.#composer);
    serveActions(this);
    this.on(store, "line-changed", (event) => event.detail.unit === this.unit && this.draw());
    this.on(this, "edit", (event) => { event.stopPropagation(); this.#composer.edit(event.detail); });
    this.on(this, "reply", (event) => { event.stopPropagation(); this.#composer.focusText(); });
    this.#composer.open(this.unit, this.about.thread || this.about.sequence);
    this.draw();
  }

  focusFirst() {
    this.#composer.focusText();
  }

  async draw() {
    try {
      const { entries } = await ask("thread", { unit: this.unit, sequence: this.about.sequence });
      this.entries = entries;
      /** @type {MessageFacts | null} */ let before = null;
      const rows = entries.map((entry) => {
        const row = line(entry, before, { inThread: true });
        before = entry;
        return row;
      });
      fill(this.#lines, rows);
      this.#lines.scrollTop = this.#lines.scrollHeight;
    } catch (error) {
      fill(this.#lines, h("p.empty", said(error)));
    }
  }

  /** @param {Element | null} row */
  entry(row) {
    return this.entries.find((one) => one.sequence === Number(row?.getAttribute("data-sequence")));
  }
}

customElements.define("mf-thread", ThreadPart);
