// The keys, on one sheet.

import { h, openDialog, t } from "../lib/index.js";

export function openShortcuts() {
  const rows = (/** @type {[string, string][]} */ all) => h("dl.keys", all.map(([keys, what]) => h("div",
    h("dt", keys.split(" ").map((key) => h("kbd", key))), h("dd", what))));
  openDialog(t("Keys"), () => [
    h("h3", t("Everywhere")),
    rows([["Ctrl K", t("Search or go to")], ["Alt ↑", t("The unit above")], ["Alt ↓", t("The unit below")], ["Alt Shift ↓", t("The next with something unread")],
      ["Ctrl ,", t("Profile and settings")], ["Alt M", t("Who is in here")], ["Alt L", t("Lock")], ["Ctrl /", t("This sheet")], ["Esc", t("Close what is open; back to writing")]]),
    h("h3", t("Writing")),
    rows([["Enter", t("Send")], ["Shift Enter", t("A new line")], ["@", t("Mention somebody, by name or pinyin")], ["↑", t("Edit the last message of your own")]]),
    h("h3", t("On a message")),
    rows([["↑", t("The message above")], ["↓", t("The message below")], ["R", t("Answer")], ["T", t("Open the thread")], ["+", t("React")], ["E", t("Edit")], ["Del", t("Take back")], ["Enter", t("More")]]),
  ], { wide: true });
}
