// Which of the views is shown: the door, the lock, the first run or the workspace.

import { ask, fill, h, icon, notify, Part, said, store, t } from "../lib/index.js";
import "./first-run.js";
import "./locked.js";
import "./workspace.js";

const ACTIVE_MS = 30000;

export class AppView extends Part {
  #shown = "";
  #another = false;

  begin() {
    fill(this, h("div", { id: "view" }),
      h("div", { id: "live", class: "sr", "aria-live": "polite" }), h("div", { id: "notices", role: "status" }));
    this.on(store, "state", () => this.draw());
    this.on(store, "units", () => this.#title());
    this.on(store, "entry", (event) => notify(event.detail));
    this.on(this, "another", () => { this.#another = true; this.draw(); });
    this.on(this, "back", () => { this.#another = false; this.draw(); });
    this.#touch();
  }

  /** Whoever types or points is there: the profile stays open. */
  #touch() {
    let last = 0;
    for (const name of ["pointerdown", "keydown"])
      this.on(document, name, () => {
        if (Date.now() - last < ACTIVE_MS || !store.me) return;
        last = Date.now();
        ask("active", {}).catch(() => {});
      }, { passive: true });
  }

  #title() {
    const n = store.unread;
    document.title = n ? `(${n > 99 ? "99+" : n}) Mifeng 密封` : "Mifeng 密封";
  }

  draw() {
    const profile = store.profile;
    const view = !profile || this.#another || profile.state === "empty" ? "mf-first-run"
      : profile.state === "locked" ? "mf-locked" : "mf-workspace";
    const key = `${view} ${this.#another ? "" : profile?.id} ${store.state?.language}`;
    if (this.#shown === key) return;
    this.#shown = key;
    const made = document.createElement(view);
    if (this.#another) made.setAttribute("data-another", "");
    fill(/** @type {Element} */ (this.querySelector("#view")), made);
  }

  /** This page has no secret, or the process is gone. @param {unknown} error */
  refused(error) {
    fill(/** @type {Element} */ (this.querySelector("#view")),
      h("main.door", h("div.door-card", icon("lock"), h("h1", "Mifeng 密封"),
        h("p", said(error)),
        h("p.muted", t("Only `mifeng ui` opens this page: each tab gets a key of its own, which no other page has.")))));
  }
}

customElements.define("mf-app", AppView);
