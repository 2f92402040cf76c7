// One picture, as large as the window.

import { h } from "../lib/dom.js";
import { left, size } from "../lib/format.js";
import { openDialog } from "../lib/dialog.js";
import { t } from "../lib/words.js";
import { save } from "./file.js";

/**
 * @param {import("../api").MessageFacts} entry @param {import("../api").FileFacts} file
 * @param {string} blob
 */
export function openLightbox(entry, file, blob) {
  openDialog(file.name, () => [
    h("img", { class: "large", src: blob, alt: file.name }),
    h("div", { class: "row between" },
      h("span", { class: "muted" }, `${entry.sender?.name ?? ""} · ${size(file.size)} · ${left(entry.until)}`),
      h("button", { "data-first": true, onclick: () => save(entry, file) }, t("Save"))),
  ], { kind: "lightbox" });
}
