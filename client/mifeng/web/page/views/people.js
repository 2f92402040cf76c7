// The company's people, found by characters, pinyin, initials, position or department.

import { arrows, ask, avatar, blockOf, emit, fill, fillWith, h, icon, pageHead, Part, personText, roleName, searchOf, shortTime, store, t, tag, tn } from "../lib/index.js";

export class PeopleView extends Part {
  #input = searchOf(t("Name, pinyin, position or department"), () => this.look());
  #list = h("ul.people.wide-people");
  #found = h("div");
  #log = h("div");
  #count = h("p.muted.small", { "aria-live": "polite" });

  begin() {
    this.on(store, "changed", () => this.look());
    arrows(this.#list, ".person-main");
    fill(this, h("div.page", pageHead(t("People")),
      h("div.page-find", icon("search"), this.#input), this.#count, this.#found,
      blockOf("shield", t("What has happened"), t("Everything that was signed about who belongs to this workspace. Every device has the same list."), this.#log)));
    this.#input.focus();
    this.look();
  }

  async look() {
    await fillWith(this.#found, async () => {
      const { people } = await ask("people", { query: this.#input.value.trim() });
      fill(this.#log, await changeLog());
      this.#count.textContent = tn("{n} person", "{n} people", people.length);
      fill(this.#list, people.slice(0, 500).map((person) => h("li.person",
        h("button.bare.person-main.grow", { onclick: () => emit(this, "open-person", person.id) },
          avatar(person), personText(person, ["owner", "admin", "guest"].includes(person.role) && tag(roleName(person.role)))))));
      return [this.#list];
    });
  }
}

customElements.define("mf-people", PeopleView);

/** What was signed about who belongs to the workspace: the same list on every device. */
async function changeLog() {
  const { changes } = await ask("changes", {});
  return h("ul.rows.log", changes.slice(0, 30).map((one) => h("li.row", h("span.grow", one.told), h("span.muted.small", `${one.author.name}, ${shortTime(one.at)}`))));
}
