// Requests are written here: a form, its files, who decides in which order; and forms of a unit's own.

import { ask, checkOf, choiceOf, field, fill, h, iconButton, linesOf, notice, openForm, store, t, upload } from "../lib/index.js";

/** @typedef {import("../api").PersonFacts} PersonFacts */

/** Ask for an approval. @param {string} unit */
export async function openRequest(unit) {
  const [{ templates }, { members }] = await Promise.all([ask("templates", { unit }), ask("members", { unit })]);
  const people = members.map((one) => one.person).filter((one) => one.id !== store.myId);
  const kind = choiceOf(templates.map((one) => [one.name, one.words[one.name] ?? one.name]), "", () => draw(), { autofocus: true });
  const title = h("input", { required: true, maxLength: 200 }), more = h("input", { type: "file", multiple: true });
  const place = h("div.request-list"), chain = h("div.request-list");
  /** @type {Step[]} */ const steps = [];
  const addStep = () => {
    steps.push(stepOf(people, steps.length + 1));
    fill(chain, steps.map((one) => one.drawn));
  };
  /** @type {{ label: string, input: HTMLElement, value: () => string }[]} */ let inputs = [];
  const draw = () => {
    const { fields = [], words = {} } = templates.find((one) => one.name === kind.value) ?? {};
    inputs = fields.map((one) => ({ label: one.label, ...fieldInput(one, people, words) }));
    fill(place, inputs.map((one) => field(words[one.label] ?? one.label, one.input)));
  };
  draw();
  addStep();
  openForm(t("Request"), t("Send it"), [
    h("div.row.bottom", field(t("Form"), kind), store.unit(unit)?.may_rename && h("button", { onclick: () => openTemplate(unit) }, t("New form"))),
    field(t("Title"), title), place, field(t("Files that come with it"), more), h("h3", t("Who decides, one step after the other")), chain,
    h("div", h("button", { onclick: addStep }, t("Another step"))),
  ], async () => {
    const named = inputs.flatMap((one) => (one.input instanceof HTMLInputElement ? [...(one.input.files ?? [])] : []));
    const files = [];
    for (const file of [...named, ...(more.files ?? [])]) files.push(await upload(store.id, unit, file, true));
    await ask("request_approval", {
      unit, template: kind.value, title: title.value, files,
      fields: Object.fromEntries(inputs.map((one) => [one.label, one.value()]).filter(([, value]) => value)),
      steps: steps.map((one) => one.facts()).filter((one) => one.people.length),
    });
  });
}

/** @typedef {{ drawn: HTMLElement, facts: () => import("../api").StepRequest }} Step */

/** A step: whoever is chosen stands in a row; of several, all or any decide. @param {PersonFacts[]} people @param {number} n @returns {Step} */
function stepOf(people, n) {
  /** @type {PersonFacts[]} */ const chosen = [];
  const rule = choiceOf([["all", t("all of them")], ["any", t("any of them")]], "all", undefined, { "aria-label": t("Who of them?") });
  const row = h("div.row.wrap");
  const add = choiceOf([["", t("Choose somebody")], ...people.map((one) => /** @type {[string, string]} */ ([one.id, one.name]))], "", (id) => {
    const found = people.find((one) => one.id === id);
    if (found && !chosen.includes(found)) chosen.push(found);
    add.value = "";
    draw();
  });
  const draw = () => {
    rule.hidden = chosen.length < 2;
    fill(row, chosen.map((one) => h("span.tag.chip", one.name, iconButton("close", t("Without {name}", { name: one.name }), () => { chosen.splice(chosen.indexOf(one), 1); draw(); }, { class: "small" }))), rule);
  };
  draw();
  return {
    drawn: h("div", field(t("Step {n}", { n }), add), row),
    facts: () => ({ rule: chosen.length > 1 ? rule.value : "one", people: chosen.map((one) => one.id) }),
  };
}

/**
 * What a field is filled in with, and how it is written.
 * @param {import("../api").FieldFacts} one @param {PersonFacts[]} people @param {Record<string, string>} words
 * @returns {{ input: HTMLElement, value: () => string }}
 */
function fieldInput(one, people, words) {
  const input = (/** @type {string} */ type) => h("input", { type, required: one.required });
  if (one.kind === "choice" || one.kind === "person") {
    const select = choiceOf(one.kind === "choice" ? one.choices.map((choice) => [choice, words[choice] ?? choice]) : people.map((person) => [person.id, person.name]), "");
    return { input: select, value: () => select.value };
  }
  if (one.kind === "range" || one.kind === "amount") {
    const isRange = one.kind === "range", first = input(isRange ? "date" : "text"), second = input(isRange ? "date" : "text");
    if (!isRange) [first.value, first.maxLength, second.inputMode] = ["CNY", 3, "decimal"];
    first.setAttribute("aria-label", isRange ? t("from") : t("Currency"));
    second.setAttribute("aria-label", isRange ? t("to") : t("Amount"));
    return { input: h("div.row", { role: "group" }, first, second), value: () => (first.value && second.value ? first.value + (isRange ? ".." : " ") + second.value : "") };
  }
  const made = input({ date: "date", file: "file" }[one.kind] ?? "text");
  if (one.kind === "number") made.inputMode = "decimal";
  return { input: made, value: () => made.files?.[0]?.name ?? made.value };
}

/** A form of the unit's own. @param {string} unit */
function openTemplate(unit) {
  const name = h("input", { required: true, maxLength: 100, autofocus: true }), rows = h("div.request-list");
  /** @type {(() => import("../api").FieldFacts)[]} */ const fields = [];
  const add = () => {
    let required = true;
    const label = h("input", { required: true, maxLength: 100 }), choices = h("textarea", { rows: 3 });
    const kind = choiceOf([["text", t("Text")], ["number", t("Number")], ["amount", t("Amount")], ["date", t("Day")], ["range", t("From … to")], ["choice", t("Choice")], ["person", t("Person")], ["file", t("File")]], "text", (value) => { list.hidden = value !== "choice"; });
    const list = field(t("Choices, one a line"), choices);
    list.hidden = true;
    rows.append(h("div.work", h("div.two", field(t("Field"), label), field(t("Kind"), kind)), list, checkOf(t("It must be filled in"), true, (is) => { required = is; })));
    fields.push(() => ({ label: label.value, kind: kind.value, required, choices: kind.value === "choice" ? linesOf(choices.value) : [] }));
  };
  add();
  openForm(t("New form"), t("Save"), [field(t("Title"), name), rows, h("div", h("button", { onclick: add }, t("Another field")))],
    () => ask("add_template", { unit, name: name.value, fields: fields.map((one) => one()) }).then(() => notice(t("Everybody in here can fill it in now."))));
}
