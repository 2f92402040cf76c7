// The company's people, found by characters, pinyin, initials, position or department.

import { arrows, ask, emit, fill, h, icon, Part, said, store, t, tn } from "../lib/index.js";
import { avatar } from "../parts/avatar.js";
import { changeLog } from "../parts/changes.js";
import { pageHead, personText, roleName } from "../parts/panel.js";

export class PeopleView extends Part {
  #input = h("input", { type: "search" });
  #list = h("ul.people.wide-people");
  #log = h("div");
  #count = h("p.muted.small", { "aria-live": "polite" });

  begin() {
    this.#input.placeholder = t("Name, pinyin, position or department");
    this.#input.setAttribute("aria-label", this.#input.placeholder);
    this.on(this.#input, "input", () => this.look());
    this.on(store, "changed", () => this.look());
    arrows(this.#list, ".person-main");
    fill(this, h("div.page", pageHead(t("People")),
      h("div.page-find", icon("search"), this.#input), this.#count, this.#list,
      h("section.admin-block", h("header", icon("shield"), h("div.grow", h("h2", t("What has happened")), h("p.muted", t("Everything that was signed about who belongs to this workspace. Every device has the same list.")))), this.#log)));
    this.#input.focus();
    this.look();
  }

  async look() {
    try {
      const { people } = await ask("people", { query: this.#input.value.trim() });
      fill(this.#log, await changeLog());
      this.#count.textContent = tn("{n} person", "{n} people", people.length);
      fill(this.#list, people.slice(0, 500).map((person) => h("li.person",
        h("button.bare.person-main", { onclick: () => emit(this, "open-person", person.id) },
          avatar(person, "medium"), personText(person, ["owner", "admin", "guest"].includes(person.role) && h("span.tag", roleName(person.role)))))));
    } catch (error) {
      fill(this.#list, h("li.empty", said(error)));
    }
  }
}

customElements.define("mf-people", PeopleView);
