// Files on their way: how far, pause, go on, give up.

import { ask, complain, fill, h, icon, iconButton, Part, size, store, t } from "../lib/index.js";

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
      ask(name, { upload: one.id }).catch(complain);
    const button = (/** @type {string} */ drawn, /** @type {string} */ name, /** @type {() => void} */ press) =>
      iconButton(drawn, `${name}: ${one.name}`, press);
    return h("div", { class: `upload ${one.state}` }, icon("file"),
      h("div.grow",
        h("div.row.between", h("bdi.cut", one.name),
          h("span.muted", failed ? "" : `${size(one.sent)} / ${size(one.size)}`)),
        failed ? h("p.bad", one.problem)
          : h("progress", { max: Math.max(one.size, 1), value: one.sent, "aria-label": one.name })),
      failed ? button("close", t("Close"), () => { store.uploads.delete(one.id); this.draw(); })
        : [paused ? button("play", t("Go on"), () => act("resume_upload")) : button("pause", t("Pause"), () => act("pause_upload")),
          button("close", t("Give up"), () => act("cancel_upload"))]);
  }
}

customElements.define("mf-uploads", UploadsPart);
