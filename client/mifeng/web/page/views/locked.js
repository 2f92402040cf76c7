// A locked profile: nothing of it is in the process.

import { ask, said, store } from "../lib/store.js";
import { busy, field } from "../lib/dialog.js";
import { fill, h, Part } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { t } from "../lib/words.js";
import { languageChoice } from "./language.js";

export class LockedView extends Part {
  begin() {
    const profile = store.profile;
    if (!profile) return;
    const word = h("input", { type: "password", autocomplete: "current-password", required: true });
    const problem = h("p", { class: "bad", role: "alert" }, profile.problem);
    const open = h("button", { class: "primary wide", type: "submit" }, t("Unlock"));
    const others = (store.state?.profiles ?? []).filter((one) => one.id !== profile.id && one.state !== "empty");
    const form = h("form", {
      class: "door-card",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        problem.textContent = "";
        busy(open, async () => {
          try {
            await ask("unlock", { passphrase: profile.needs_passphrase ? word.value : null });
            await store.loadAll();
          } catch (error) {
            problem.textContent = said(error);
            word.select();
          }
        });
      },
    },
      h("div", { class: "seal" }, icon("lock")),
      h("h1", null, t("Locked")),
      h("p", { class: "muted" }, profile.needs_passphrase
        ? t("Your messages and keys are sealed on this device. Your passphrase opens them.")
        : t("Your messages and keys are sealed on this device. Your system's keyring opens them.")),
      profile.needs_passphrase && field(t("Passphrase"), word),
      problem, open,
      h("div", { class: "row between door-foot" },
        others.length ? h("select", {
          "aria-label": t("Profile"), onchange: (/** @type {any} */ event) => store.show(event.target.value),
        }, h("option", { value: profile.id }, profile.folder), others.map((one) => h("option", { value: one.id }, one.folder))) : h("span"),
        h("button", { type: "button", class: "bare link", onclick: () => this.dispatchEvent(new CustomEvent("another", { bubbles: true })) }, t("Another workspace"))),
      languageChoice());
    fill(this, h("main", { class: "door" }, form));
    (profile.needs_passphrase ? word : open).focus();
  }
}

customElements.define("mf-locked", LockedView);
