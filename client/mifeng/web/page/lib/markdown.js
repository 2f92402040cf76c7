// A little Markdown as nodes: paragraphs, line breaks, strong, emphasis, strike, code, quotes,
// lists and links of safe schemes. What is not understood stays the text that it is.

import { h } from "./dom.js";
import { store } from "./store.js";
import { t } from "./words.js";

/** @typedef {import("./dom.js").Child} Piece */
/** @typedef {(id: string) => Node | null} Mention */

const SAFE = /^(https?:\/\/|mailto:)/i;
const INLINE =
  /(`+)([^`](?:.*?[^`])??)\1|\*\*(?=\S)(.+?\S??)\*\*|~~(?=\S)(.+?)~~|\*(?=\S)([^*]+?)\*|(?<![\p{L}\p{N}])_(?=\S)([^_]+?)_(?![\p{L}\p{N}])|\[([^\]\n]{1,500})\]\(([^\s()]{1,2000})\)|(https?:\/\/[^\s<>"'“”‘’（）()，。；：！？、]+)/gu;
/** What begins a line of a block. */
const MARKS = /^\s*(?:>\s?|[-*+]\s+(?=\S)|\d{1,9}[.)]\s+(?=\S)|#{1,6}\s+(?=\S)|(?:```|~~~).*)+/;

/** @param {string} text @param {Mention} [mention] @returns {Node[]} */
export function markdown(text, mention) {
  /** @type {Node[]} */
  const found = [];
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? "";
    const fence = /^\s*(```+|~~~+)/.exec(line);
    if (fence) {
      const code = [];
      for (at++; at < lines.length && !(lines[at] ?? "").trim().startsWith(fence[1] ?? "```"); at++)
        code.push(lines[at]);
      at++;
      found.push(h("pre", { tabIndex: 0 }, h("code", code.join("\n"))));
      continue;
    }
    const kind = kindOf(line);
    if (!line.trim()) {
      at++;
      continue;
    }
    const block = [line];
    for (at++; at < lines.length && (lines[at] ?? "").trim() && kindOf(lines[at] ?? "") === kind; at++)
      block.push(lines[at] ?? "");
    found.push(blockOf(kind, block, mention));
  }
  return found;
}

/** @param {string} line */
function kindOf(line) {
  if (/^\s*>/.test(line)) return "quote";
  if (/^\s*[-*+]\s+\S/.test(line)) return "list";
  if (/^\s*\d{1,9}[.)]\s+\S/.test(line)) return "numbers";
  if (/^#{1,6}\s+\S/.test(line)) return "heading";
  if (/^\s*(```|~~~)/.test(line)) return "fence";
  return "text";
}

/** @param {string} kind @param {string[]} lines @param {Mention} [mention] */
function blockOf(kind, lines, mention) {
  if (kind === "quote")
    return h("blockquote", markdown(lines.map((l) => l.replace(/^\s*>\s?/, "")).join("\n"), mention));
  if (kind === "list")
    return h("ul", lines.map((l) => h("li", inline(l.replace(/^\s*[-*+]\s+/, ""), mention))));
  if (kind === "numbers")
    return h("ol", { start: Number(/\d+/.exec(lines[0] ?? "")?.[0] ?? 1) },
      lines.map((l) => h("li", inline(l.replace(/^\s*\d+[.)]\s+/, ""), mention))));
  if (kind === "heading")
    return h("p.heading", lines.flatMap((l) => [...inline(l.replace(/^#+\s+/, ""), mention), h("br")]).slice(0, -1));
  return h("p", lines.flatMap((l, n) => [n ? h("br") : "", ...inline(l, mention)]));
}

/**
 * As one reads it: mentions by the names that people have here.
 * @param {string} text @param {(name: string, id: string) => void} [named] then only people are, since it is written again
 */
export function readable(text, named) {
  return text.replace(/\[@?[^\]\n]*\]\(mimi:\/\/[0-9a-f]{32}\/(?:u\/([0-9a-f]{32})|r\/[^\s)]+)\)/g, (all, id) => {
    if (!id) return named ? all : `@${t("all")}`;
    const name = `@${store.nameOf(id)}`;
    named?.(name, id);
    return name;
  });
}

/** As one reads it on one line, without the marks. @param {string} text */
export function plain(text) {
  const lines = readable(text).split("\n").map((line) => line.replace(MARKS, ""));
  return (h("p", inline(lines.join(" "))).textContent ?? "").replace(/\s+/g, " ").trim();
}

/** @param {string} text @param {Mention} [mention] @returns {Piece[]} */
function inline(text, mention) {
  /** @type {Piece[]} */
  const found = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    found.push(text.slice(at, match.index));
    at = (match.index ?? 0) + match[0].length;
    const [all, , code, strong, strike, star, under, label, target, bare] = match;
    const emphasis = star ?? under;
    if (code !== undefined) found.push(h("code", code));
    else if (strong !== undefined) found.push(h("strong", inline(strong, mention)));
    else if (strike !== undefined) found.push(h("s", inline(strike, mention)));
    else if (emphasis !== undefined) found.push(h("em", inline(emphasis, mention)));
    else if (target !== undefined) found.push(mention?.(target) ?? link(label ?? "", target) ?? all);
    else if (bare !== undefined) {
      const end = /[.,;:!?]+$/.exec(bare)?.[0] ?? "";
      const url = bare.slice(0, bare.length - end.length);
      found.push(link(url, url) ?? url, end);
    }
  }
  found.push(text.slice(at));
  return found;
}

/** A link says where it leads, whatever it is called. @param {string} label @param {string} target */
function link(label, target) {
  if (!SAFE.test(target)) return null;
  let host = "";
  try {
    const url = new URL(target);
    host = url.host || url.pathname;
  } catch {
    return null;
  }
  const tells = !label.includes(host) || label !== target;
  return h("a", { href: target, target: "_blank", rel: "noopener noreferrer nofollow", title: target },
    h("bdi", label), tells && h("span.host", ` (${host})`));
}
