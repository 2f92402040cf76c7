// Files on their way: how far, pause, go on, give up.

import { ask, said, store } from "../lib/store.js";
import { fill, h, Part } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { notice } from "../lib/dialog.js";
import { size } from "../lib/format.js";
import { t } from "../lib/words.js";

export class UploadsPart extends Part {
  begin() {
    this.on(store, "upload", () => this.draw());
    this.on(store, "state", () => this.draw());
    this.draw();
  }

  draw() {
    for (const [id, one] of store.uploads) if (["done", "cancelled"].includes(one.state)) store.uploads.delete(id);
    fill(this, [...store.uploads.values()].map((one) => this.#row(one)));
  }

  /** @param {import("../api").UploadFacts} one */
  #row(one) {
    const failed = one.state === "failed", paused = one.state === "paused";
    const act = (/** @type {"pause_upload" | "resume_upload" | "cancel_upload"} */ name) =>
      ask(name, { upload: one.id }).catch((error) => notice(said(error), "bad"));
    const button = (/** @type {string} */ drawn, /** @type {string} */ name, /** @type {() => void} */ press) =>
      h("button", { class: "quiet square", title: name, "aria-label": `${name}: ${one.name}`, onclick: press }, icon(drawn));
    return h("div", { class: `upload ${one.state}` }, icon("file"),
      h("div", { class: "grow" },
        h("div", { class: "row between" }, h("bdi", { class: "cut" }, one.name),
          h("span", { class: "muted" }, failed ? "" : `${size(one.sent)} / ${size(one.size)}`)),
        failed ? h("p", { class: "bad" }, one.problem)
          : h("progress", { max: Math.max(one.size, 1), value: one.sent, "aria-label": one.name })),
      failed ? button("close", t("Close"), () => { store.uploads.delete(one.id); this.draw(); })
        : [paused ? button("play", t("Go on"), () => act("resume_upload")) : button("pause", t("Pause"), () => act("pause_upload")),
          button("close", t("Give up"), () => act("cancel_upload"))]);
  }
}

customElements.define("mf-uploads", UploadsPart);
