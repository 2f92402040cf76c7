// The door. Into a workspace without a terminal: a link, who one is, how the device is locked, the recovery
// sheet; or one more device, or back after all were lost. And the lock.

import { ask, call, checkOf, choiceOf, Declined, emit, field, fill, focusFirst, formOf, h, icon, Part, profileName, said, speak, store, t } from "../lib/index.js";

export class FirstRunView extends Part {
  #link = store.invited;
  #kind = "";
  #address = "";
  #facts = { code: "", name: "", title: "", device: "" };

  begin() {
    this.#askForLink();
    if (this.#link) this.#look().catch(() => {});
  }

  /** @param {string} title @param {string} text @param {import("../lib/dom.js").Child[]} body */
  #card(title, text, ...body) {
    fill(this, h("main.door", h("div.door-card",
      h("div.seal", icon("unit")), h("h1", title), h("p.muted", text), ...body, languageChoice())));
    focusFirst(this);
  }

  /** @param {() => void} back */
  #back(back) {
    return h("button", { onclick: back }, t("Back"));
  }

  /** @param {unknown} [problem] why one is here again */
  #askForLink(problem) {
    const link = h("textarea", { rows: 3, value: this.#link, spellcheck: false, autofocus: true, placeholder: "mifeng:join#…", required: true });
    this.#card(t("Welcome to Mifeng"), t("Paste the invite that you were given. It begins with mifeng: and is for you alone."),
      problem !== undefined && h("p.bad", { role: "alert" }, said(problem)),
      formOf(t("Go on"), [field(t("Invite"), link, t("Or what your other device shows, or your recovery sheet."))], () => {
        this.#link = link.value;
        return this.#look();
      }),
      this.hasAttribute("data-another") && h("button.bare.link", { onclick: () => this.#leave() }, t("Back")));
  }

  #leave() {
    store.invited = "";
    emit(this, "back");
  }

  async #look() {
    const found = await call("look_at_link", { link: this.#link });
    [this.#kind, this.#address] = [found.kind, found.address];
    if (found.kind === "link") this.#askForLock();
    else if (found.kind === "recover") found.has_code ? this.#askForLock() : this.#askForCode();
    else this.#askWho();
  }

  #askForCode() {
    const code = h("input", { required: true, autofocus: true, autocomplete: "off", spellcheck: false, placeholder: Array(7).fill("XXXX").join("-") });
    this.#card(t("Your recovery sheet"), t("All your older devices will be out, and your colleagues see that."),
      formOf(t("Go on"), [field(t("The code: seven groups of four"), code)], async () => {
        this.#facts.code = code.value.trim();
        this.#askForLock();
      }, this.#back(() => this.#askForLink())));
  }

  #askWho() {
    const name = h("input", { required: true, maxLength: 64, value: this.#facts.name, autocomplete: "name", autofocus: true });
    const title = h("input", { maxLength: 64, value: this.#facts.title, autocomplete: "organization-title" });
    this.#card(this.#kind === "found" ? t("Found your workspace") : t("Who are you?"),
      t("Your colleagues see this. The server at {address} does not.", { address: new URL(this.#address).host }),
      formOf(t("Go on"), [field(t("Name"), name), field(t("Position (if you like)"), title)], async () => {
        Object.assign(this.#facts, { name: name.value.trim(), title: title.value.trim() });
        this.#askForLock();
      }, this.#back(() => this.#askForLink())));
  }

  #askForLock() {
    const word = h("input", { type: "password", autocomplete: "new-password", minLength: 8, autofocus: true }), again = h("input", { type: "password", autocomplete: "new-password" });
    const device = h("input", { maxLength: 64, value: this.#facts.device });
    let keyring = false;
    const action = { found: t("Found the workspace"), join: t("Join"), link: t("Link this device"), recover: t("Recover") }[this.#kind] ?? t("Go on");
    this.#card(t("Lock this device"), t("A passphrase seals your keys and messages on this device. Nobody can give it back to you."),
      formOf(action, [field(t("Passphrase"), word, t("Several words are better than a few odd letters.")), field(t("Once more"), again),
        checkOf(t("Use my system's keyring instead"), false, (is) => { keyring = word.disabled = again.disabled = is; }), field(t("What this device is called (if you like)"), device)],
      async () => {
        this.#facts.device = device.value.trim();
        if (!keyring && !word.value) throw new Declined("", t("Choose a passphrase, or the system's keyring."));
        if (!keyring && word.value !== again.value) throw new Declined("", t("The two are not the same."));
        await this.#step(call("enrol", { link: this.#link, passphrase: keyring ? null : word.value, ...this.#facts }));
      }, this.#back(() => (this.#kind === "found" || this.#kind === "join" ? this.#askWho() : this.#askForLink()))));
  }

  /** Whatever comes next; if it fails once its form is gone, one begins anew. @param {Promise<import("../api").EnrolStep>} next @returns {Promise<void>} */
  async #step(next) {
    const form = this.querySelector("form");
    let step;
    try {
      step = await next;
    } catch (error) {
      if (form?.isConnected) throw error;
      return this.#askForLink(error);
    }
    if (step.step === "sheet") return this.#sheet(step);
    if (step.step === "digits") {
      this.#card(t("Compare"), t("Type these digits on your other device. It lets this one in."), h("p.digits", { role: "status" }, step.code));
      return this.#step(call("enrol_next", {}));
    }
    this.#leave();
    await store.loadState();
    await store.show(step.profile);
  }

  /** The sheet, and two of its groups asked back. @param {import("../api").EnrolStep} step */
  #sheet(step) {
    const groups = step.code.split("-"), asked = [1, 4];
    const text = `Mifeng 密封\n\n${step.link}\n\n${step.code}\n`;
    const kept = h("a.quiet", { download: "mifeng-recovery.txt", href: URL.createObjectURL(new Blob([text], { type: "text/plain" })) }, icon("download"), t("Save as a file"));
    this.#card(t("Your recovery sheet"), t("If you lose all your devices, this brings you back, and nothing else does. Write it down or print it, and keep it off your devices."),
      h("div.digits.sheet", groups.map((group) => h("span", group))),
      h("p.sheet-link", step.link), h("div.row", kept, h("button.quiet", { onclick: () => print() }, t("Print"))),
      h("button.primary.wide", { autofocus: true, onclick: () => this.#askBack(step, groups, asked) }, t("I have it")));
  }

  /** @param {import("../api").EnrolStep} step @param {string[]} groups @param {number[]} asked */
  #askBack(step, groups, asked) {
    const inputs = asked.map((n) => h("input", { required: true, autocomplete: "off", spellcheck: false, maxLength: 4, autofocus: n === asked[0] }));
    this.#card(t("Do you have it?"), t("Read these two groups from your sheet."),
      formOf(t("Go on"), [h("div.two", inputs.map((one, n) => field(t("Group {n}", { n: (asked[n] ?? 0) + 1 }), one)))], async () => {
        if (!inputs.every((one, n) => one.value.trim().toUpperCase() === groups[asked[n] ?? 0])) throw new Declined("", t("That is not what stands on the sheet."));
        await this.#step(call("enrol_next", {}));
      }, this.#back(() => this.#sheet(step))));
  }
}

customElements.define("mf-first-run", FirstRunView);

/** A locked profile: nothing of it is in the process. */
export class LockedView extends Part {
  begin() {
    const profile = store.profile;
    if (!profile) return;
    const word = h("input", { type: "password", autocomplete: "current-password", required: true, autofocus: true });
    const others = (store.state?.profiles ?? []).filter((one) => one.id !== profile.id && one.state !== "empty");
    fill(this, h("main.door", h("div.door-card", h("div.seal", icon("lock")), h("h1", t("Locked")),
      h("p.muted", profile.needs_passphrase
        ? t("Your messages and keys are sealed on this device. Your passphrase opens them.")
        : t("Your messages and keys are sealed on this device. Your system's keyring opens them.")),
      h("p.bad", profile.problem),
      formOf(t("Unlock"), [profile.needs_passphrase && field(t("Passphrase"), word)], async () => {
        try {
          await ask("unlock", { passphrase: profile.needs_passphrase ? word.value : null });
        } finally {
          word.select();
        }
        await store.loadAll();
      }),
      h("div.row.between.door-foot",
        others.length ? choiceOf([profile, ...others].map((one) => [one.id, profileName(one)]), profile.id, (id) => store.show(id), { "aria-label": t("Profile") }) : h("span"),
        h("button.bare.link", { onclick: () => emit(this, "another") }, t("Another workspace"))),
      languageChoice())));
    /** @type {HTMLElement | null} */ (this.querySelector("form input, form button"))?.focus();
  }
}

customElements.define("mf-locked", LockedView);

/** Two words, each in its own language. */
function languageChoice() {
  const now = store.state?.language;
  const choice = (/** @type {string} */ language, /** @type {string} */ lang, /** @type {string} */ name) =>
    h("button", { class: "bare link", lang, "aria-pressed": String(now === language), onclick: () => speak(language) }, name);
  return h("p.languages", choice("en", "en", "English"), choice("zh_CN", "zh-CN", "简体中文"));
}
