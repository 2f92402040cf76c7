// The company's people, found by characters, pinyin, initials, position or department.

import { arrows, fill, h, Part } from "../lib/dom.js";
import { ask, said, store } from "../lib/store.js";
import { avatar } from "../parts/avatar.js";
import { changeLog } from "../parts/changes.js";
import { icon } from "../lib/icons.js";
import { roleName } from "../parts/panel.js";
import { t, tn } from "../lib/words.js";

export class PeopleView extends Part {
  #input = h("input", { type: "search" });
  #list = h("ul", { class: "people wide-people" });
  #log = h("div");
  #count = h("p", { class: "muted small", "aria-live": "polite" });

  begin() {
    this.#input.placeholder = t("Name, pinyin, position or department");
    this.#input.setAttribute("aria-label", this.#input.placeholder);
    this.on(this.#input, "input", () => this.look());
    this.on(store, "changed", () => this.look());
    arrows(this.#list, ".person-main");
    fill(this, h("div", { class: "page" },
      h("header", { class: "page-head" }, h("a", { class: "quiet square to-list", href: "#/", "aria-label": t("To the list") }, icon("back")), h("h1", null, t("People"))),
      h("div", { class: "page-find" }, icon("search"), this.#input), this.#count, this.#list,
      h("section", { class: "admin-block" }, h("header", null, icon("shield"), h("div", { class: "grow" }, h("h2", null, t("What has happened")), h("p", { class: "muted" }, t("Everything that was signed about who belongs to this workspace. Every device has the same list.")))), this.#log)));
    this.#input.focus();
    this.look();
  }

  async look() {
    try {
      const { people } = await ask("people", { query: this.#input.value.trim() });
      fill(this.#log, await changeLog());
      this.#count.textContent = tn("{n} person", "{n} people", people.length);
      fill(this.#list, people.slice(0, 500).map((person) => h("li", { class: "person" },
        h("button", { class: "bare person-main", onclick: () => this.dispatchEvent(new CustomEvent("open-person", { bubbles: true, detail: person.id })) },
          avatar(person, "medium"),
          h("span", { class: "person-text" }, h("span", { class: "row tight" }, h("bdi", { class: "name cut" }, person.name), person.is_bot && h("span", { class: "tag" }, t("bot")), ["owner", "admin", "guest"].includes(person.role) && h("span", { class: "tag" }, roleName(person.role))),
            h("span", { class: "muted cut" }, [person.title, person.department].filter(Boolean).join(" · ")))))));
    } catch (error) {
      fill(this.#list, h("li", { class: "empty" }, said(error)));
    }
  }
}

customElements.define("mf-people", PeopleView);
