// Where one writes: a text that grows, mentions by pinyin, files by drag, paste or button, a draft.

import { ask, avatar, by, complain, Declined, emit, fill, h, hitsOf, icon, iconButton, menuButton, notice, Part, plain, readable, said, stop, store, t, upload } from "../lib/index.js";
import { openAnnounce, openPoll } from "./work.js";
import { openRequest } from "./forms.js";

/** @typedef {import("../api").MessageFacts} MessageFacts */
/** @typedef {import("../api").PersonFacts} PersonFacts */

const AT_ONCE = 2;
const KEEP_MS = 500;

/** Send files, two at a time. @param {string} unit @param {File[]} files */
export async function sendFiles(unit, files) {
  const queue = [...files], profile = store.id;
  const work = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      try {
        await upload(profile, unit, file);
      } catch (error) {
        if (!(error instanceof Declined)) throw error;
        notice(`${file.name}: ${said(error)}`, "bad");
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** A pasted picture has no name of its own. @param {File} file */
function withName(file) {
  if (file.name && file.name !== "image.png") return file;
  const now = new Date().toISOString().slice(0, 16).replace("T", " ").replace(":", ".");
  return new File([file], `${t("Picture")} ${now}.${file.type.split("/")[1] ?? "png"}`, { type: file.type });
}

/** @typedef {{ unit: string, thread: number }} Place where one writes; thread: its first message, or 0 */

/** @param {Place} place */
function draftOf({ unit, thread }) {
  return `${store.id}/${unit}/${thread}`;
}

/** What was begun and not sent. @param {Place} place */
function begun(place) {
  return store.drafts.get(draftOf(place)) ?? "";
}

/** The page has it as long as it lives; the process keeps it beyond that. @param {Place} place @param {string} text */
function keepDraft(place, text) {
  const draft = text.trim() && text;
  if (draft === begun(place)) return;
  store.drafts.set(draftOf(place), draft);
  ask("keep_draft", { unit: place.unit, thread: place.thread, text: draft }).catch(() => {});
}

export class ComposerPart extends Part {
  unit = "";
  /** The first message of the thread that this writes into; 0 for none. */
  thread = 0;
  /** @type {MessageFacts | null} */ #about = null;
  #edits = false;
  #text = h("textarea", { rows: 1, spellcheck: true });
  #above = h("div.composer-about");
  #choices = h("div.choices", { role: "listbox", hidden: true, "aria-label": t("People") });
  #send = h("button.primary.square.send", { title: t("Send"), "aria-label": t("Send"), onclick: () => this.send() }, icon("send"));
  #files = h("input", { type: "file", multiple: true, hidden: true, tabIndex: -1 });
  #found = hitsOf(this.#choices, this.#text, (/** @type {PersonFacts} */ person) =>
    [avatar(person, "small"), h("bdi", person.name), h("span.muted.cut", person.title || person.department)], (person) => this.#take(person));
  // Who was mentioned, by the name that stands in the text.
  /** @type {Map<string, string>} */ #called = new Map();

  begin() {
    this.on(this.#text, "input", () => this.#changed());
    this.on(this.#text, "keydown", (event) => this.#key(event));
    this.on(this.#text, "paste", (event) => this.#pasted(event));
    this.on(window, "pagehide", () => this.#keep());
    this.on(this.#files, "change", () => {
      sendFiles(this.unit, [...(this.#files.files ?? [])]);
      this.#files.value = "";
    });
    this.draw();
  }

  #drawn = "";

  /** What is being written is not touched while nothing changes. */
  draw() {
    const unit = store.unit(this.unit);
    const isIn = unit?.is_member && !store.me?.ended, may = isIn && (this.thread ? unit.may_comment : unit.may_post);
    const key = `${this.unit} ${this.thread} ${unit?.title} ${isIn} ${may} ${unit?.may_comment}`;
    if (key === this.#drawn) return;
    this.#drawn = key;
    if (unit && !may) {
      fill(this, h("p.composer-closed.muted", icon("info"), !isIn ? t("You are no longer in this unit.")
        : unit.may_comment ? t("You read here, and comment in the threads. Its managers and publishers write.") : t("You read here. Its managers and publishers write.")));
      return;
    }
    this.#text.placeholder = this.thread ? t("Answer in the thread") : t("Write to {unit}", { unit: unit?.title ?? "" });
    this.#text.setAttribute("aria-label", this.#text.placeholder);
    fill(this, this.#choices, h("div.composer-box", this.#above,
      h("div.composer-row",
        !this.thread && iconButton("attach", t("Attach files"), () => this.#files.click()),
        !this.thread && menuButton("plus", t("Announcement, poll, request"), () => [
          { name: t("Announcement"), icon: "channel", act: () => openAnnounce(this.unit) },
          { name: t("Poll"), icon: "help", act: () => openPoll(this.unit) },
          { name: t("Request"), icon: "text", act: () => openRequest(this.unit).catch(complain) },
        ]),
        this.#text, this.#send, this.#files)));
    this.#grow();
  }

  /** @param {string} unit @param {number} [thread] */
  open(unit, thread = 0) {
    this.#keep();
    [this.unit, this.thread] = [unit, thread];
    this.#called.clear();
    this.draw();
    this.#write(null, false, "");
    this.#goOn();
  }

  /** Go on with what was begun, unless something is being written already. */
  async #goOn() {
    const draft = draftOf(this);
    if (!store.drafts.has(draft)) {
      const kept = await ask("draft", { unit: this.unit, thread: this.thread }).catch(() => null);
      if (kept && !store.drafts.has(draft)) store.drafts.set(draft, kept.text);
    }
    if (draft === draftOf(this) && !this.#about && !this.#text.value) this.#write(null, false, begun(this));
  }

  #keeping = 0;

  #keep() {
    clearTimeout(this.#keeping);
    if (this.unit && !this.#edits) keepDraft(this, this.#text.value);
  }

  end() {
    this.#keep();
  }

  focusText() {
    this.#text.focus();
  }

  /** @param {MessageFacts} entry */
  reply(entry) {
    this.#write(entry, false, this.#text.value);
    this.focusText();
  }

  /** @param {MessageFacts} entry */
  edit(entry) {
    this.#keep();
    this.#write(entry, true, readable(entry.text, (name, id) => this.#called.set(name, id)));
    this.focusText();
  }

  /** What is written, and what it answers or changes. @param {MessageFacts | null} entry @param {boolean} edits @param {string} text */
  #write(entry, edits, text) {
    this.#about = entry;
    this.#edits = edits;
    this.#text.value = text;
    this.#grow();
    fill(this.#above, entry && h("div.about", icon(this.#edits ? "edit" : "reply"),
      h("span.cut.grow", this.#edits ? t("Editing: ") : "", h("bdi", this.#edits ? "" : `${by(entry)}: `), h("bdi", plain(entry.text).slice(0, 200))),
      iconButton("close", t("Cancel"), () => this.cancel())));
  }

  cancel() {
    this.#write(null, false, this.#edits ? begun(this) : this.#text.value);
    this.focusText();
  }

  #grow() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${Math.min(this.#text.scrollHeight, 280)}px`;
    this.#send.disabled = !this.#text.value.trim();
  }

  #changed() {
    this.#grow();
    this.#complete();
    clearTimeout(this.#keeping);
    this.#keeping = window.setTimeout(() => this.#keep(), KEEP_MS);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return;
    if (!this.#choices.hidden && this.#choose(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.send();
    } else if (event.key === "Escape" && this.#about) {
      stop(event);
      this.cancel();
    } else if (event.key === "ArrowUp" && !this.#text.value) {
      event.preventDefault();
      emit(this, "edit-last");
    }
  }

  /** @param {ClipboardEvent} event */
  #pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || this.thread) return;
    event.preventDefault();
    sendFiles(this.unit, files.map(withName));
  }

  // ------------------------------------------------------------ mentions

  #wordAt() {
    const before = this.#text.value.slice(0, this.#text.selectionStart);
    return /(?:^|[\s(（])@([\p{L}\p{N}]{0,30})$/u.exec(before)?.[1] ?? null;
  }

  async #complete() {
    const word = this.#wordAt();
    if (word === null) return void this.#hide();
    const { people } = await ask("mentionable", { unit: this.unit, query: word });
    if (this.#wordAt() !== word) return;
    this.#found.show(people.slice(0, 8));
    this.#choices.hidden = !people.length;
  }

  #hide() {
    this.#choices.hidden = true;
    this.#text.removeAttribute("aria-activedescendant");
  }

  /** @param {KeyboardEvent} event */
  #choose(event) {
    if (event.key === "Escape") this.#hide();
    else if (!this.#found.key(event, event.key === "Enter" || event.key === "Tab")) return false;
    stop(event);
    return true;
  }

  /** @param {PersonFacts} person */
  #take(person) {
    const at = this.#text.selectionStart, word = this.#wordAt() ?? "";
    const shown = `@${person.name}`;
    this.#called.set(shown, person.id);
    this.#text.setRangeText(`${shown} `, at - word.length - 1, at, "end");
    this.#hide();
    this.#changed();
  }

  // ------------------------------------------------------------ sending

  async send() {
    const text = this.#text.value.trim();
    if (!text) return;
    const mentions = [...this.#called].filter(([shown]) => text.includes(shown)).map(([shown, person]) => ({ shown, person }));
    const about = this.#about, edits = this.#edits, { unit, thread } = this;
    this.#write(null, false, edits ? begun(this) : "");
    this.#keep();
    try {
      if (edits && about) await ask("edit", { unit, sequence: about.sequence, text, mentions });
      else await ask("send", { unit, text, mentions, reply_to: thread ? 0 : about?.sequence ?? 0, thread });
    } catch (error) {
      complain(error);
      if (this.unit !== unit || this.thread !== thread) return edits || keepDraft({ unit, thread }, text);
      this.#write(about, edits, edits || !this.#text.value ? text : `${text}\n${this.#text.value}`);
      this.#keep();
    }
  }
}

customElements.define("mf-composer", ComposerPart);
