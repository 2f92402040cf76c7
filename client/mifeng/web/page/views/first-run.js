// Into a workspace without a terminal: a link, who one is, how the device is locked.

import { busy, field } from "../lib/dialog.js";
import { call, Declined } from "../lib/api.js";
import { fill, h, Part } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { languageChoice } from "./language.js";
import { said, store } from "../lib/store.js";
import { t } from "../lib/words.js";

export class FirstRunView extends Part {
  #link = store.state?.invited ?? "";
  #kind = "";
  #address = "";

  begin() {
    this.#askForLink();
    if (this.#link) this.#look();
  }

  /** @param {import("../lib/dom.js").Child[]} body @param {string} step */
  #card(body, step) {
    fill(this, h("main", { class: "door" }, h("div", { class: "door-card" },
      h("div", { class: "seal" }, icon("unit")), h("p", { class: "step muted" }, step), ...body, languageChoice())));
    /** @type {HTMLElement | null} */ (this.querySelector("[data-first]"))?.focus();
  }

  #askForLink() {
    const link = h("textarea", { rows: 3, value: this.#link, spellcheck: false, "data-first": true, placeholder: "mifeng:join#…", required: true });
    const problem = h("p", { class: "bad", role: "alert" });
    const next = h("button", { class: "primary wide" }, t("Go on"));
    this.#card([
      h("h1", null, t("Welcome to Mifeng")),
      h("p", { class: "muted" }, t("Paste the invite that you were given. It begins with mifeng: and is for you alone.")),
      h("form", {
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          this.#link = link.value;
          busy(next, () => this.#look().catch((error) => { problem.textContent = said(error); }));
        },
      }, field(t("Invite"), link), problem, next),
      this.hasAttribute("data-another") && h("button", { class: "bare link", onclick: () => this.dispatchEvent(new CustomEvent("back", { bubbles: true })) }, t("Back")),
    ], t("Step {n} of {of}", { n: 1, of: 3 }));
  }

  async #look() {
    const found = await call("look_at_link", { link: this.#link });
    [this.#kind, this.#address] = [found.kind, found.address];
    this.#askWho("", "");
  }

  /** @param {string} before @param {string} title */
  #askWho(before, title) {
    const name = h("input", { required: true, maxLength: 64, value: before, autocomplete: "name", "data-first": true });
    const position = h("input", { maxLength: 64, value: title, autocomplete: "organization-title" });
    this.#card([
      h("h1", null, this.#kind === "found" ? t("Found your workspace") : t("Who are you?")),
      h("p", { class: "muted" }, t("Your colleagues see this. The server at {address} does not.", { address: new URL(this.#address).host })),
      h("form", {
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          this.#askForLock(name.value.trim(), position.value.trim());
        },
      }, field(t("Name"), name), field(t("Position (if you like)"), position),
        h("div", { class: "row between" }, h("button", { type: "button", onclick: () => this.#askForLink() }, t("Back")),
          h("button", { class: "primary" }, t("Go on")))),
    ], t("Step {n} of {of}", { n: 2, of: 3 }));
  }

  /** @param {string} name @param {string} title */
  #askForLock(name, title) {
    const word = h("input", { type: "password", autocomplete: "new-password", minLength: 8, "data-first": true });
    const again = h("input", { type: "password", autocomplete: "new-password" });
    const keyring = h("input", { type: "checkbox", onchange: () => { word.disabled = again.disabled = keyring.checked; } });
    const problem = h("p", { class: "bad", role: "alert" });
    const go = h("button", { class: "primary" }, this.#kind === "found" ? t("Found the workspace") : t("Join"));
    this.#card([
      h("h1", null, t("Lock this device")),
      h("p", { class: "muted" }, t("A passphrase seals your keys and messages on this device. Nobody can give it back to you.")),
      h("form", {
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          if (!keyring.checked && !word.value) problem.textContent = t("Choose a passphrase, or the system's keyring.");
          else if (!keyring.checked && word.value !== again.value) problem.textContent = t("The two are not the same.");
          else busy(go, () => this.#enrol(name, title, keyring.checked ? null : word.value, problem));
        },
      }, field(t("Passphrase"), word, t("Several words are better than a few odd letters.")), field(t("Once more"), again),
        h("label", { class: "check" }, keyring, t("Use my system's keyring instead")), problem,
        h("div", { class: "row between" }, h("button", { type: "button", onclick: () => this.#askWho(name, title) }, t("Back")), go)),
    ], t("Step {n} of {of}", { n: 3, of: 3 }));
  }

  /** @param {string} name @param {string} title @param {string | null} passphrase @param {HTMLElement} problem */
  async #enrol(name, title, passphrase, problem) {
    try {
      const { profile } = await call("enrol", { link: this.#link, name, title, passphrase });
      this.dispatchEvent(new CustomEvent("back", { bubbles: true }));
      await store.loadState();
      await store.show(profile);
    } catch (error) {
      if (!(error instanceof Declined)) throw error;
      problem.textContent = said(error);
    }
  }
}

customElements.define("mf-first-run", FirstRunView);
