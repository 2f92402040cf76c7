// What the page knows: the profile that it shows, its units, and what changes. One object; parts
// listen to its events and draw themselves.

import { announce } from "./dom.js";
import { call, Declined, isNew, listen } from "./api.js";
import { plain } from "./markdown.js";
import { t, useWords } from "./words.js";

/** @typedef {import("../api").UnitFacts} UnitFacts */
/** @typedef {import("../api").StateReply} StateReply */
/** @typedef {import("../api").ProfileFacts} ProfileFacts */
/** @typedef {import("../api").UploadFacts} UploadFacts */

class Store extends EventTarget {
  /** @type {StateReply | null} */ state = null;
  /** @type {UnitFacts[]} */ units = [];
  /** @type {Map<string, UploadFacts>} */ uploads = new Map();
  /** What was begun and not sent, by profile, unit and thread. @type {Map<string, string>} */ drafts = new Map();
  /** Whether the client process itself is there. */
  isHere = true;
  shown = sessionStorage.getItem("profile") ?? "";
  /** A link that this window begins with. */
  invited = "";
  #asked = 0;

  /** The profile that is shown. @returns {ProfileFacts | undefined} */
  get profile() {
    const all = this.state?.profiles ?? [];
    return all.find((one) => one.id === this.shown) ?? all[0];
  }

  get id() {
    return this.profile?.id ?? "";
  }

  get me() {
    return this.profile?.me ?? null;
  }

  /** Whether one has a say in a unit, without being in it. @param {UnitFacts} unit */
  hasSayIn(unit) {
    return !unit.is_member && (this.me?.may_invite || !!this.unit(unit.parent ?? "")?.may_govern);
  }

  get myId() {
    return this.me?.me.id;
  }

  /** @param {string} name @param {any} [detail] */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  async begin() {
    await listen((event) => this.take(event), (isUp) => {
      const changed = this.isHere !== isUp;
      this.isHere = isUp;
      if (changed) this.tell("line");
      if (changed && isUp) this.loadAll();
    });
    await this.loadAll(isNew ? call("begin", {}) : null);
    setInterval(() => this.tell("minute"), 30000);
  }

  /** All at once: each answer would be a way to and fro. @param {Promise<import("../api").BeginReply> | null} [beginning] */
  async loadState(beginning) {
    const [begun, state, words] = await Promise.all([beginning, call("state", {}), this.state ? null : call("words", {})]);
    const said = words ?? (this.state?.language !== state.language ? await call("words", {}) : null);
    if (said) useWords(said.language, said.words);
    this.state = state;
    if (begun) this.invited = begun.link;
    if (begun?.profile) this.#remember(begun.profile);
    if (!this.me) {
      this.units = [];
      for (const kept of [this.people, this.uploads, this.drafts]) kept.clear();
    }
    document.documentElement.dataset.theme = this.state.theme || "auto";
    this.tell("state");
  }

  async loadUnits() {
    if (!this.me) return;
    const asked = ++this.#asked;
    const [{ units }] = await Promise.all([call("units", { profile: this.id }), this.people.size ? null : this.loadPeople()]);
    if (asked !== this.#asked) return;
    this.units = units;
    this.tell("units");
  }

  /** @type {Promise<void> | null} */ #loads = null;
  #again = false;

  /** What changes while all is loaded is loaded after that, once. @param {Parameters<Store["loadState"]>[0]} [beginning] */
  loadAll(beginning) {
    this.#again = !!this.#loads;
    return (this.#loads ??= this.#load(beginning).finally(() => { this.#loads = null; }));
  }

  /** @param {Parameters<Store["loadState"]>[0]} beginning */
  async #load(beginning) {
    try {
      do {
        this.#again = false;
        await this.loadState(beginning);
        await this.loadUnits();
        beginning = null;
      } while (this.#again);
    } catch (error) {
      if (!(error instanceof Declined && this.state)) throw error;
    }
  }

  /** @param {string} id */
  #remember(id) {
    this.shown = id;
    sessionStorage.setItem("profile", id);
  }

  /** @param {string} id */
  async show(id) {
    if (id !== this.id) location.hash = "#/";
    this.#remember(id);
    this.units = [];
    this.people.clear();
    this.tell("state");
    await this.loadUnits();
  }

  /** @param {string} id */
  unit(id) {
    return this.units.find((one) => one.id === id);
  }

  /** @type {Map<string, import("../api").PersonFacts>} */ people = new Map();

  /** Everybody's names, for mentions. */
  async loadPeople() {
    const { people } = await call("people", { profile: this.id, query: "" });
    this.people = new Map(people.map((one) => [one.id, one]));
  }

  /** @param {string} id */
  nameOf(id) {
    return this.people.get(id)?.name ?? id.slice(0, 8);
  }

  get unread() {
    return this.units.reduce((sum, unit) => sum + unit.unread, 0);
  }

  /** @param {any} event */
  take(event) {
    if (event.kind === "profiles") return void this.loadAll();
    if (event.kind === "entry") this.tell("came", event);
    if (event.profile !== this.id) return;
    if (event.kind === "line") this.tell("line-changed", event.line);
    else if (event.kind === "entry") {
      this.tell("entry", event);
      this.#soon();
    } else if (event.kind === "renewed") this.tell("renewed", event.unit);
    else if (event.kind === "alarm") this.tell("alarm", event.message);
    else if (event.kind === "upload") {
      this.uploads.set(event.upload.id, event.upload);
      this.tell("upload");
    } else if (event.kind === "ended") {
      announce(event.message);
      this.loadAll();
    } else if (event.kind === "units") this.loadUnits().then(() => this.tell("changed"), () => {});
    else {
      this.people.clear();
      this.loadAll().then(() => this.tell("changed"));
    }
  }

  #waiting = 0;

  /** Many entries at once are one look at the units. */
  #soon() {
    if (this.#waiting) return;
    this.#waiting = window.setTimeout(() => {
      this.#waiting = 0;
      this.loadUnits().catch(() => {});
    }, 60);
  }
}

export const store = new Store();

/**
 * Call about the profile that is shown.
 * @template {keyof import("../api").Calls} N
 * @param {N} name @param {Omit<import("../api").Calls[N][0], "profile">} facts
 * @returns {Promise<import("../api").Calls[N][1]>}
 */
export function ask(name, facts) {
  return call(name, /** @type {any} */ ({ profile: store.id, ...facts }));
}

/**
 * Call about a message of the profile that is shown.
 * @template {keyof import("../api").Calls} N
 * @param {N} name @param {{ unit: string, sequence: number }} entry
 * @param {Omit<import("../api").Calls[N][0], "profile" | "unit" | "sequence">} [more]
 * @returns {Promise<import("../api").Calls[N][1]>}
 */
export function askOf(name, { unit, sequence }, more) {
  return ask(name, /** @type {any} */ ({ unit, sequence, ...more }));
}

/** Whose profile it is; what is locked only says where it lies. @param {ProfileFacts} one */
export function profileName(one) {
  return one.me ? `${one.me.me.name} · ${new URL(one.me.server).host}` : one.folder.split("/").at(-1) || one.folder;
}

/** Who wrote it. @param {import("../api").MessageFacts} entry */
export function by(entry) {
  return entry.sender?.name ?? "?";
}

/** What it says, or is called, in a line. @param {import("../api").MessageFacts} entry */
export function gist(entry) {
  return plain(entry.text) || (entry.announcement ?? entry.approval)?.title || entry.poll?.question || entry.files[0]?.name || "";
}

/** Who wrote it, and where. @param {import("../api").MessageFacts} entry */
export function whence(entry) {
  return `${by(entry)} · ${store.unit(entry.unit)?.title ?? ""}`;
}

/** Speak another language. @param {string} language */
export async function speak(language) {
  await call("set_settings", { language });
  await store.loadState();
}

/** What an error says. @param {unknown} error */
export function said(error) {
  if (error instanceof Declined && error.message) return error.message;
  if (error instanceof Declined && error.error === "Refused") return t("This page was not opened by `mifeng ui`; run it again.");
  return t("Mifeng itself has ended on this machine; start it again with `mifeng ui`.");
}
