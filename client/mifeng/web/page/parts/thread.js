// A thread at the right: the message that began it, what was answered, and where to answer.

import { ask, said, store } from "../lib/store.js";
import { doAction, lineActions } from "./actions.js";
import { fill, h, Part } from "../lib/dom.js";
import { line } from "./message.js";
import { panelHead } from "./panel.js";
import { t } from "../lib/words.js";
import "./composer.js";

/** @typedef {import("../api").MessageFacts} MessageFacts */

export class ThreadPart extends Part {
  unit = "";
  /** @type {MessageFacts} */ about = /** @type {any} */ (null);
  /** @type {MessageFacts[]} */ entries = [];
  #lines = h("div", { class: "panel-body thread-lines", tabIndex: 0 });
  #composer = /** @type {import("./composer.js").ComposerPart} */ (document.createElement("mf-composer"));

  begin() {
    fill(this, panelHead(t("Thread"), this), this.#lines, this.#composer);
    this.on(this.#lines, "click", (event) => doAction(event, this));
    this.on(this.#lines, "pointerover", (event) => this.#offer(event));
    this.on(this.#lines, "focusin", (event) => this.#offer(event));
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
      fill(this.#lines, h("p", { class: "empty" }, said(error)));
    }
  }

  /** @param {Element | null} row */
  entry(row) {
    return this.entries.find((one) => one.sequence === Number(row?.getAttribute("data-sequence")));
  }

  /** @param {Event} event */
  #offer(event) {
    const row = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest?.(".line"));
    const entry = this.entry(row);
    if (!row || !entry || row.querySelector(".actions")) return;
    this.querySelector(".actions")?.remove();
    const bar = lineActions(entry);
    if (bar) row.querySelector(".line-grid")?.append(bar);
  }
}

customElements.define("mf-thread", ThreadPart);
