// A file in a message: a picture as such, sound and video with a player, all else as a card.

import { ask, said } from "../lib/store.js";
import { h, Part, fill } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { left, size } from "../lib/format.js";
import { notice } from "../lib/dialog.js";
import { openLightbox } from "./lightbox.js";
import { picture } from "../lib/api.js";
import { t } from "../lib/words.js";

/** @typedef {import("../api").FileFacts} FileFacts */
/** @typedef {import("../api").MessageFacts} MessageFacts */

const SHOWN_AT_ONCE = 8 << 20;

/** Save a file by the browser's own download. @param {MessageFacts} entry @param {FileFacts} file */
export async function save(entry, file) {
  try {
    const way = await ask("show_file", { unit: entry.unit, sequence: entry.sequence, file: file.id, save: true });
    const link = h("a", { href: way.url, download: file.name });
    link.click();
  } catch (error) {
    notice(said(error), "bad");
  }
}

/** @param {MessageFacts} entry @param {FileFacts} file */
export async function wayTo(entry, file) {
  return ask("show_file", { unit: entry.unit, sequence: entry.sequence, file: file.id, save: false });
}

export class FilePart extends Part {
  /** @type {MessageFacts} */ entry = /** @type {any} */ (null);
  /** @type {FileFacts} */ file = /** @type {any} */ (null);
  #blob = "";

  begin() {
    this.draw();
    if (this.file.kind === "image" && this.file.size <= SHOWN_AT_ONCE) {
      const seen = new IntersectionObserver((all) => {
        if (!all.some((one) => one.isIntersecting)) return;
        seen.disconnect();
        this.show();
      }, { rootMargin: "300px" });
      seen.observe(this);
    }
  }

  end() {
    if (this.#blob) URL.revokeObjectURL(this.#blob);
    this.#blob = "";
  }

  draw() {
    const { file, entry } = this;
    const plays = file.kind === "video" || file.kind === "audio";
    fill(this, h("div", { class: "file-card" },
      h("span", { class: `file-icon ${file.kind}` }, icon(file.kind)),
      h("span", { class: "file-text" },
        h("bdi", { class: "file-name", title: file.name }, file.name),
        h("span", { class: "muted" }, size(file.size), h("span", { class: "until" }, ` · ${left(entry.until)}`))),
      plays && h("button", { class: "quiet square", title: t("Play"), "aria-label": t("Play {name}", { name: file.name }), onclick: () => this.play() }, icon("play")),
      h("button", { class: "quiet square", title: t("Save"), "aria-label": t("Save {name}", { name: file.name }), onclick: () => save(entry, file) }, icon("download"))));
  }

  async show() {
    try {
      const way = await wayTo(this.entry, this.file);
      if (!way.content_type.startsWith("image/")) return;
      this.#blob = await picture(way.url);
      if (!this.isConnected) return this.end();
      const shown = h("img", { alt: this.file.name, src: this.#blob });
      await shown.decode().catch(() => {});
      const before = this.offsetHeight;
      fill(this, h("button", {
        class: "picture", "aria-label": t("Open {name}", { name: this.file.name }),
        onclick: () => openLightbox(this.entry, this.file, this.#blob),
      }, shown), h("span", { class: "caption muted" }, h("bdi", null, this.file.name), ` · ${size(this.file.size)} · `, h("span", { class: "until" }, left(this.entry.until))));
      this.dispatchEvent(new CustomEvent("grown", { bubbles: true, detail: this.offsetHeight - before }));
    } catch {
      // The card stays: it says what there is, and saving says why it cannot be had.
    }
  }

  async play() {
    try {
      const way = await wayTo(this.entry, this.file);
      const kind = way.content_type.split("/")[0];
      if (kind !== "video" && kind !== "audio") return void notice(t("This file is not what its name says; it can only be saved."), "bad");
      const player = h(kind, { controls: true, preload: "metadata", src: way.url, "aria-label": this.file.name, class: "player" });
      const before = this.offsetHeight;
      fill(this, player, h("span", { class: "caption muted" }, h("bdi", null, this.file.name), ` · ${size(this.file.size)} · `, h("span", { class: "until" }, left(this.entry.until))));
      this.dispatchEvent(new CustomEvent("grown", { bubbles: true, detail: this.offsetHeight - before }));
      player.focus();
      player.play().catch(() => {});
    } catch (error) {
      notice(said(error), "bad");
    }
  }
}

customElements.define("mf-file", FilePart);

/** @param {MessageFacts} entry @param {FileFacts} file */
export function filePart(entry, file) {
  const made = /** @type {FilePart} */ (document.createElement("mf-file"));
  made.entry = entry;
  made.file = file;
  return made;
}
