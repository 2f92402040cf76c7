// A thread at the right: the message that began it, what was answered, and where to answer.

import { ask, fill, fillWith, h, panelHead, Part, store, t } from "../lib/index.js";
import { serveActions } from "./actions.js";
import { run } from "./message.js";
import "./composer.js";

/** @typedef {import("../api").MessageFacts} MessageFacts */

export class ThreadPart extends Part {
  unit = "";
  /** @type {MessageFacts} */ about = /** @type {any} */ (null);
  /** @type {MessageFacts[]} */ entries = [];
  #lines = h("div.panel-body.thread-lines", { tabIndex: 0 });
  #composer = h("mf-composer");

  begin() {
    fill(this, panelHead(t("Thread"), this), this.#lines, this.#composer);
    serveActions(this, this.#lines);
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
    await fillWith(this.#lines, async () => {
      this.entries = (await ask("thread", { unit: this.unit, sequence: this.about.sequence })).entries;
      return run(this.entries, null, { inThread: true });
    });
    this.#lines.scrollTop = this.#lines.scrollHeight;
  }

  /** @param {Element | null} row */
  entry(row) {
    return this.entries.find((one) => one.sequence === Number(row?.getAttribute("data-sequence")));
  }
}

customElements.define("mf-thread", ThreadPart);
