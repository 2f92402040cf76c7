// The company's people, found by characters, pinyin, initials, position or department.

import { arrows, fill, h, Part } from "../lib/dom.js";
import { ask, said, store } from "../lib/store.js";
import { avatar } from "../parts/avatar.js";
import { icon } from "../lib/icons.js";
import { roleName } from "../parts/panel.js";
import { t, tn } from "../lib/words.js";

export class PeopleView extends Part {
  #input = h("input", { type: "search" });
  #list = h("ul", { class: "people wide-people" });
  #count = h("p", { class: "muted small", "aria-live": "polite" });

  begin() {
    this.#input.placeholder = t("Name, pinyin, position or department");
    this.#input.setAttribute("aria-label", this.#input.placeholder);
    this.on(this.#input, "input", () => this.look());
    this.on(store, "changed", () => this.look());
    arrows(this.#list, ".person-main");
    fill(this, h("div", { class: "page" },
      h("header", { class: "page-head" }, h("a", { class: "quiet square to-list", href: "#/", "aria-label": t("To the list") }, icon("back")), h("h1", null, t("People"))),
      h("div", { class: "page-find" }, icon("search"), this.#input), this.#count, this.#list));
    this.#input.focus();
    this.look();
  }

  async look() {
    try {
      const { people } = await ask("people", { query: this.#input.value.trim() });
      this.#count.textContent = tn("{n} person", "{n} people", people.length);
      fill(this.#list, people.slice(0, 500).map((person) => h("li", { class: "person" },
        h("button", { class: "bare person-main", onclick: () => this.dispatchEvent(new CustomEvent("open-person", { bubbles: true, detail: person.id })) },
          avatar(person, "medium"),
          h("span", { class: "person-text" }, h("span", { class: "row tight" }, h("bdi", { class: "name cut" }, person.name), ["owner", "admin", "guest"].includes(person.role) && h("span", { class: "tag" }, roleName(person.role))),
            h("span", { class: "muted cut" }, [person.title, person.department].filter(Boolean).join(" · ")))))));
    } catch (error) {
      fill(this.#list, h("li", { class: "empty" }, said(error)));
    }
  }
}

customElements.define("mf-people", PeopleView);
