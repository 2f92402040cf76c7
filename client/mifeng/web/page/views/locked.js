// A locked profile: nothing of it is in the process.

import { ask, choiceOf, emit, field, fill, formOf, h, icon, Part, store, t } from "../lib/index.js";
import { languageChoice } from "./language.js";

export class LockedView extends Part {
  begin() {
    const profile = store.profile;
    if (!profile) return;
    const word = h("input", { type: "password", autocomplete: "current-password", required: true, "data-first": true });
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
        others.length ? choiceOf([profile, ...others].map((one) => [one.id, one.folder]), profile.id, { "aria-label": t("Profile"), onchange: (/** @type {any} */ event) => store.show(event.target.value) }) : h("span"),
        h("button.bare.link", { onclick: () => emit(this, "another") }, t("Another workspace"))),
      languageChoice())));
    /** @type {HTMLElement | null} */ (this.querySelector("form input, form button"))?.focus();
  }
}

customElements.define("mf-locked", LockedView);
