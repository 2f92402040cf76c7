// Which of the views is shown: the door, the lock, the first run or the workspace.

import { ask, few, fill, h, icon, notify, Part, said, store, t } from "../lib/index.js";
import "./door.js";
import "./workspace.js";

const ACTIVE_MS = 30000;

export class AppView extends Part {
  #shown = "";
  #another = false;
  #view = h("div", { id: "view" });

  begin() {
    fill(this, this.#view,
      h("div", { id: "live", class: "sr", "aria-live": "polite" }), h("div", { id: "notices", role: "status" }));
    this.on(store, "state", () => this.draw());
    this.on(store, "units", () => this.#title());
    this.on(store, "came", (event) => notify(event.detail));
    this.on(this, "another back", ({ type }) => { this.#another = type === "another"; this.draw(); });
    this.#touch();
  }

  /** Whoever types or points is there: the profile stays open. */
  #touch() {
    let last = 0;
    this.on(document, "pointerdown keydown", () => {
      if (Date.now() - last < ACTIVE_MS || !store.me) return;
      last = Date.now();
      ask("active", {}).catch(() => {});
    }, { passive: true });
  }

  #title() {
    document.title = `${store.unread ? `(${few(store.unread)}) ` : ""}Mifeng 密封`;
  }

  draw() {
    const profile = store.profile;
    const isNone = !profile || profile.state === "empty", another = this.#another || !!store.invited;
    const view = isNone || another ? "mf-first-run"
      : profile.state === "locked" ? "mf-locked" : "mf-workspace";
    const key = `${view} ${another ? "" : profile?.id} ${store.state?.language}`;
    if (this.#shown === key) return;
    this.#shown = key;
    fill(this.#view, h(/** @type {any} */ (view), { "data-another": another && !isNone }));
  }

  /** This page has no secret, or the process is gone. @param {unknown} error */
  refused(error) {
    fill(this.#view,
      h("main.door", h("div.door-card", h("div.seal", icon("lock")), h("h1", "Mifeng 密封"),
        h("p", said(error)),
        h("p.muted", t("Only `mifeng ui` opens this page: each tab gets a key of its own, which no other page has.")))));
  }
}

customElements.define("mf-app", AppView);
