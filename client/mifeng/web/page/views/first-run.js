// Into a workspace without a terminal: a link, who one is, how the device is locked, the recovery
// sheet; or one more device, or back after all were lost.

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
  #facts = { code: "", name: "", title: "", device: "" };

  begin() {
    this.#askForLink();
    if (this.#link) this.#look().catch(() => {});
  }

  /** @param {string} title @param {string} text @param {import("../lib/dom.js").Child[]} body */
  #card(title, text, ...body) {
    fill(this, h("main", { class: "door" }, h("div", { class: "door-card" },
      h("div", { class: "seal" }, icon("unit")), h("h1", null, title), h("p", { class: "muted" }, text), ...body, languageChoice())));
    /** @type {HTMLElement | null} */ (this.querySelector("[data-first]"))?.focus();
  }

  /** @param {() => void} act @param {import("../lib/dom.js").Child[]} body */
  #form(act, ...body) {
    return h("form", { onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); act(); } }, ...body);
  }

  #problem = h("p", { class: "bad", role: "alert" });

  #askForLink() {
    const link = h("textarea", { rows: 3, value: this.#link, spellcheck: false, "data-first": true, placeholder: "mifeng:join#…", required: true });
    const next = h("button", { class: "primary wide" }, t("Go on"));
    this.#problem.textContent = "";
    this.#card(t("Welcome to Mifeng"), t("Paste the invite that you were given. It begins with mifeng: and is for you alone."),
      this.#form(() => {
        this.#link = link.value;
        busy(next, () => this.#look().catch((error) => { this.#problem.textContent = said(error); }));
      }, field(t("Invite"), link, t("Or what your other device shows, or your recovery sheet.")), this.#problem, next),
      this.hasAttribute("data-another") && h("button", { class: "bare link", onclick: () => this.#leave() }, t("Back")));
  }

  #leave() {
    this.dispatchEvent(new CustomEvent("back", { bubbles: true }));
  }

  async #look() {
    const found = await call("look_at_link", { link: this.#link });
    [this.#kind, this.#address] = [found.kind, found.address];
    if (found.kind === "link") this.#askForLock();
    else if (found.kind === "recover") found.has_code ? this.#askForLock() : this.#askForCode();
    else this.#askWho();
  }

  /** @param {() => void} back @param {HTMLElement} go */
  #buttons(back, go) {
    return h("div", { class: "row between" }, h("button", { type: "button", onclick: back }, t("Back")), go);
  }

  #askForCode() {
    const code = h("input", { required: true, "data-first": true, autocomplete: "off", spellcheck: false, placeholder: "XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX" });
    this.#card(t("Your recovery sheet"), t("All your older devices will be out, and your colleagues see that."),
      this.#form(() => { this.#facts.code = code.value.trim(); this.#askForLock(); },
        field(t("The code: seven groups of four"), code), this.#buttons(() => this.#askForLink(), h("button", { class: "primary" }, t("Go on")))));
  }

  #askWho() {
    const name = h("input", { required: true, maxLength: 64, value: this.#facts.name, autocomplete: "name", "data-first": true });
    const title = h("input", { maxLength: 64, value: this.#facts.title, autocomplete: "organization-title" });
    this.#card(this.#kind === "found" ? t("Found your workspace") : t("Who are you?"),
      t("Your colleagues see this. The server at {address} does not.", { address: new URL(this.#address).host }),
      this.#form(() => { Object.assign(this.#facts, { name: name.value.trim(), title: title.value.trim() }); this.#askForLock(); },
        field(t("Name"), name), field(t("Position (if you like)"), title),
        this.#buttons(() => this.#askForLink(), h("button", { class: "primary" }, t("Go on")))));
  }

  #askForLock() {
    const word = h("input", { type: "password", autocomplete: "new-password", minLength: 8, "data-first": true });
    const again = h("input", { type: "password", autocomplete: "new-password" });
    const device = h("input", { maxLength: 64, value: this.#facts.device });
    const keyring = h("input", { type: "checkbox", onchange: () => { word.disabled = again.disabled = keyring.checked; } });
    const go = h("button", { class: "primary" }, { found: t("Found the workspace"), join: t("Join"), link: t("Link this device"), recover: t("Recover") }[this.#kind] ?? t("Go on"));
    this.#problem.textContent = "";
    this.#card(t("Lock this device"), t("A passphrase seals your keys and messages on this device. Nobody can give it back to you."),
      this.#form(() => {
        this.#facts.device = device.value.trim();
        if (!keyring.checked && !word.value) this.#problem.textContent = t("Choose a passphrase, or the system's keyring.");
        else if (!keyring.checked && word.value !== again.value) this.#problem.textContent = t("The two are not the same.");
        else busy(go, () => this.#enrol(keyring.checked ? null : word.value));
      }, field(t("Passphrase"), word, t("Several words are better than a few odd letters.")), field(t("Once more"), again),
        h("label", { class: "check" }, keyring, t("Use my system's keyring instead")), field(t("What this device is called (if you like)"), device), this.#problem,
        this.#buttons(() => (this.#kind === "found" || this.#kind === "join" ? this.#askWho() : this.#askForLink()), go)));
  }

  /** @param {string | null} passphrase */
  async #enrol(passphrase) {
    try {
      await this.#step(await call("enrol", { link: this.#link, passphrase, ...this.#facts }));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    if (!(error instanceof Declined)) throw error;
    const text = said(error);
    if (!this.#problem.isConnected) this.#askForLink();
    this.#problem.textContent = text;
  }

  /** @param {import("../api").EnrolStep} step @returns {Promise<void>} */
  async #step(step) {
    if (step.step === "sheet") return this.#sheet(step);
    if (step.step === "digits") {
      this.#card(t("Compare"), t("Type these digits on your other device. It lets this one in."), h("p", { class: "digits", role: "status" }, step.code));
      return this.#step(await call("enrol_next", {}));
    }
    this.#leave();
    await store.loadState();
    await store.show(step.profile);
  }

  /** The sheet, and two of its groups asked back. @param {import("../api").EnrolStep} step */
  #sheet(step) {
    const groups = step.code.split("-"), asked = [1, 4];
    const text = `Mifeng 密封\n\n${step.link}\n\n${step.code}\n`;
    const kept = h("a", { class: "quiet", download: "mifeng-recovery.txt", href: URL.createObjectURL(new Blob([text], { type: "text/plain" })) }, icon("download"), t("Save as a file"));
    this.#card(t("Your recovery sheet"), t("If you lose all your devices, this brings you back, and nothing else does. Write it down or print it, and keep it off your devices."),
      h("div", { class: "digits sheet" }, groups.map((group) => h("span", null, group))),
      h("p", { class: "sheet-link" }, step.link), h("div", { class: "row" }, kept, h("button", { class: "quiet", onclick: () => print() }, t("Print"))),
      this.#form(() => {}, h("button", { type: "button", class: "primary wide", "data-first": true, onclick: () => this.#askBack(step, groups, asked) }, t("I have it"))));
  }

  /** @param {import("../api").EnrolStep} step @param {string[]} groups @param {number[]} asked */
  #askBack(step, groups, asked) {
    const inputs = asked.map((n) => h("input", { required: true, autocomplete: "off", spellcheck: false, maxLength: 4, "data-first": n === asked[0] }));
    const go = h("button", { class: "primary" }, t("Go on"));
    this.#problem.textContent = "";
    this.#card(t("Do you have it?"), t("Read these two groups from your sheet."),
      this.#form(() => {
        if (!inputs.every((one, n) => one.value.trim().toUpperCase() === groups[asked[n] ?? 0])) this.#problem.textContent = t("That is not what stands on the sheet.");
        else busy(go, async () => {
          try {
            await this.#step(await call("enrol_next", {}));
          } catch (error) {
            this.#fail(error);
          }
        });
      }, h("div", { class: "two" }, inputs.map((one, n) => field(t("Group {n}", { n: (asked[n] ?? 0) + 1 }), one))), this.#problem, this.#buttons(() => this.#sheet(step), go)));
  }
}

customElements.define("mf-first-run", FirstRunView);
