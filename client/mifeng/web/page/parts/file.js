// A file in a message: a picture as such, sound and video with a player, all else as a card; and files
// on their way.

import { ask, askOf, blobOf, by, complain, emit, fill, h, icon, iconButton, left, notice, openDialog, Part, picture, size, store, t, tn } from "../lib/index.js";

/** @typedef {import("../api").FileFacts} FileFacts */
/** @typedef {import("../api").MessageFacts} MessageFacts */

const SHOWN_AT_ONCE = 8 << 20;

/** The way to a file, to show it or to save it. @param {MessageFacts} entry @param {FileFacts} file @param {boolean} save */
function wayTo(entry, file, save) {
  return askOf("show_file", entry, { file: file.id, save });
}

/** Save a file by the browser's own download. @param {MessageFacts} entry @param {FileFacts} file */
export function save(entry, file) {
  wayTo(entry, file, true).then(({ url }) => h("a", { href: url, download: file.name }).click(), complain);
}

/** Its clock starts anew, and nothing is uploaded. @param {MessageFacts} entry @param {FileFacts} file */
function keep(entry, file) {
  askOf("keep_file", entry, { file: file.id })
    .then(() => notice(t("Posted again; it lives as long as a new file.")), complain);
}

/** @param {MessageFacts} entry @param {FileFacts} file */
export function keepButton(entry, file) {
  const unit = store.unit(entry.unit);
  return entry.sequence > 0 && unit?.policy?.keep === "allowed" && unit.may_post
    && iconButton("keep", t("Keep {name} longer", { name: file.name }), () => keep(entry, file));
}

/** Size, length, pages: what one wants to know before. @param {FileFacts} file */
export function facts(file) {
  const seconds = Math.round(file.duration_ms / 1000);
  const length = seconds && `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  return [size(file.size), length, file.pages && tn("{n} page", "{n} pages", file.pages)].filter(Boolean).join(" · ");
}

/** @param {FileFacts} file */
function thumbnailOf(file) {
  return file.thumbnail && blobOf(file.thumbnail);
}

/** The small picture of a film or document; else the icon of its kind. @param {FileFacts} file */
export function fileIcon(file) {
  const url = thumbnailOf(file);
  if (!url) return h("span", { class: `file-icon ${file.kind}` }, icon(file.kind));
  return h("img.file-icon", { src: url, alt: "", onload: () => URL.revokeObjectURL(url) });
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
    for (const url of [this.#blob, this.#thumbnail]) URL.revokeObjectURL(url);
    this.#blob = this.#thumbnail = "";
    this.#coming = null;
  }

  draw() {
    const { file, entry } = this;
    const plays = file.kind === "video" || file.kind === "audio";
    if (file.kind === "image" && file.width && file.size <= SHOWN_AT_ONCE) return this.#placeHolder();
    fill(this, h("div.file-card", fileIcon(file),
      h("span.person-text.grow.file-text",
        h("bdi.cut.file-name", { title: file.name }, file.name),
        h("span.muted", `${facts(file)} · `, h("span.until", left(entry.until)))),
      h("span.row", keepButton(entry, file),
      plays && iconButton("play", t("Play {name}", { name: file.name }), () => this.play()),
      iconButton("download", t("Save {name}", { name: file.name }), () => save(entry, file)))));
  }

  /** The sender's small picture at the size of the large one: nothing moves when that comes. */
  #placeHolder() {
    const { file } = this;
    const scale = Math.min(1, 420 / file.width, 300 / file.height);
    const shown = h("img", { alt: file.name, width: Math.round(file.width * scale), height: Math.round(file.height * scale) });
    this.#thumbnail = thumbnailOf(file);
    if (this.#thumbnail) shown.src = this.#thumbnail;
    this.#draw(shown);
  }

  #thumbnail = "";

  /** @param {HTMLElement} shown */
  #draw(shown) {
    fill(this, h("button.picture", { "aria-label": t("Open {name}", { name: this.file.name }), onclick: () => this.#open() }, shown), this.#caption());
  }

  #caption() {
    const { file, entry } = this;
    return h("span.muted.small", h("bdi", file.name), ` · ${facts(file)} · `, h("span.until", left(entry.until)));
  }

  /** @type {Promise<void> | null} */ #coming = null;

  /** The large picture, in large; whoever presses before it is there gets it once it is. */
  async #open() {
    await this.show();
    if (this.#blob) openLightbox(this.entry, this.file, this.#blob);
  }

  show() {
    return (this.#coming ??= this.#fetch());
  }

  async #fetch() {
    try {
      const way = await wayTo(this.entry, this.file, false);
      if (!way.content_type.startsWith("image/")) return;
      this.#blob = await picture(way.url);
      if (!this.isConnected) return this.end();
      const shown = h("img", { alt: this.file.name, src: this.#blob });
      await shown.decode().catch(() => {});
      const before = this.offsetHeight, held = this.querySelector("img");
      if (held?.width) [shown.width, shown.height] = [held.width, held.height];
      this.#draw(shown);
      emit(this, "grown", this.offsetHeight - before);
    } catch {
      // The card stays: it says what there is, and saving says why it cannot be had.
      this.#coming = null;
    }
  }

  async play() {
    try {
      const way = await wayTo(this.entry, this.file, false);
      const kind = way.content_type.split("/")[0];
      if (kind !== "video" && kind !== "audio") return void notice(t("This file is not what its name says; it can only be saved."), "bad");
      const player = h(kind, { controls: true, preload: "metadata", src: way.url, "aria-label": this.file.name, class: "player" });
      const before = this.offsetHeight;
      fill(this, player, this.#caption());
      emit(this, "grown", this.offsetHeight - before);
      player.focus();
      player.play().catch(() => {});
    } catch (error) {
      complain(error);
    }
  }
}

customElements.define("mf-file", FilePart);

/** @param {MessageFacts} entry @param {FileFacts} file */
export function filePart(entry, file) {
  return h("mf-file", { entry, file });
}

/**
 * One picture, as large as the window.
 * @param {import("../api").MessageFacts} entry @param {import("../api").FileFacts} file
 * @param {string} blob
 */
function openLightbox(entry, file, blob) {
  openDialog(file.name, (close) => [
    h("img.large", { src: blob, alt: file.name }),
    h("div.row.between",
      h("span.muted.grow", `${by(entry)} · ${size(file.size)} · ${left(entry.until)}`), h("span", { onclick: close }, keepButton(entry, file)),
      h("button", { autofocus: true, onclick: () => save(entry, file) }, t("Save"))),
  ], { kind: "lightbox" });
}

/** Files on their way: how far, pause, go on, give up. */
export class UploadsPart extends Part {
  begin() {
    this.on(store, "upload state", () => this.draw());
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
