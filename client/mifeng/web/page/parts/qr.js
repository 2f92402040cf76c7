// A QR code, drawn.

import { t } from "../lib/index.js";

/** @param {string[]} rows */
export function qr(rows) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", `0 0 ${rows.length} ${rows.length}`);
  svg.setAttribute("class", "qr");
  svg.setAttribute("width", String(rows.length * 3));
  svg.setAttribute("height", String(rows.length * 3));
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", t("QR code of the link"));
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", rows.flatMap((row, y) => [...row].map((dark, x) => (dark === "1" ? `M${x} ${y}h1v1h-1z` : ""))).join(""));
  svg.append(path);
  return svg;
}
