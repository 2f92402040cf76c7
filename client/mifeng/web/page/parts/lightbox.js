// One picture, as large as the window.

import { h, left, openDialog, size, t } from "../lib/index.js";
import { save } from "./file.js";

/**
 * @param {import("../api").MessageFacts} entry @param {import("../api").FileFacts} file
 * @param {string} blob
 */
export function openLightbox(entry, file, blob) {
  openDialog(file.name, () => [
    h("img.large", { src: blob, alt: file.name }),
    h("div.row.between",
      h("span.muted", `${entry.sender?.name ?? ""} · ${size(file.size)} · ${left(entry.until)}`),
      h("button", { "data-first": true, onclick: () => save(entry, file) }, t("Save"))),
  ], { kind: "lightbox" });
}
