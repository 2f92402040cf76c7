// Elements are made here and nowhere else: text becomes text nodes, never markup.

/** @typedef {Node | string | number | false | null | undefined} Child */

/**
 * Make an element: `h("p.muted.small", { title }, "text")`. Facts that begin with `on` are listeners;
 * `--*` are properties of its style, `class`, `aria-*`, `data-*` and other words with a hyphen are attributes; the rest are properties.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T | `${T}.${string}`} tag
 * @param {...(Record<string, any> | Child | Child[])} rest
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, ...rest) {
  const [name = "", ...classes] = tag.split(".");
  const made = /** @type {any} */ (document.createElement(name));
  const facts = rest[0]?.constructor === Object ? /** @type {Record<string, any>} */ (rest.shift()) : {};
  if (facts.class) classes.push(facts.class);
  if (name === "button") made.type = "button";
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(facts)) {
    if (value == null || value === false || name === "class") continue;
    if (name.startsWith("--")) made.style.setProperty(name, String(value));
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for" || name === "list")
      made.setAttribute(name, value === true ? "" : String(value));
    else made[name] = value;
  }
  add(made, /** @type {Child[]} */ (rest));
  return made;
}

/** @param {Element | DocumentFragment} parent @param {(Child | Child[])[]} children */
export function add(parent, children) {
  for (const child of children.flat()) {
    if (child == null || child === false || child === "") continue;
    parent.append(child instanceof Node ? child : String(child));
  }
}

/** @param {Element} parent @param {...(Child | Child[])} children */
export function fill(parent, ...children) {
  const rest = document.createDocumentFragment();
  add(rest, children);
  parent.replaceChildren(rest);
}

/** Bytes in base64 as a blob of this page's own. @param {string} content */
export function blobOf(content) {
  return URL.createObjectURL(new Blob([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))]));
}

/** What was typed is done with. @param {Event} event */
export function stop(event) {
  event.preventDefault();
  event.stopPropagation();
}

/** Tell whoever is around an element. @param {Element | null} from @param {string} name @param {any} [detail] */
export function emit(from, name, detail) {
  from?.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
}

/** The base of all elements of ours: listeners that end with the element. */
export class Part extends HTMLElement {
  #ends = new AbortController();

  connectedCallback() {
    this.#ends = new AbortController();
    this.begin();
  }

  disconnectedCallback() {
    this.#ends.abort();
    this.end();
  }

  begin() {}
  end() {}

  /**
   * @param {EventTarget} target @param {string} names with blanks between them
   * @param {(event: any) => void} act @param {AddEventListenerOptions} [options]
   */
  on(target, names, act, options) {
    for (const name of names.split(" ")) target.addEventListener(name, act, { ...options, signal: this.#ends.signal });
  }
}

/** Where one begins to write. @param {Element} root */
export function focusFirst(root) {
  /** @type {HTMLElement | null} */ (root.querySelector("[autofocus]"))?.focus();
}

let silence = 0;

/** Say something to those who do not see the screen; nothing of it stays. @param {string} text */
export function announce(text) {
  const region = document.getElementById("live");
  if (!region) return;
  region.textContent = text;
  clearTimeout(silence);
  silence = window.setTimeout(() => region.replaceChildren(), 5000);
}

/**
 * Draw anew and keep the focus on the element of the same `data-key`.
 * @param {Element} root @param {() => void} draw
 */
export function keepingFocus(root, draw) {
  const focused = document.activeElement;
  const key = focused && root.contains(focused) ? focused.getAttribute("data-key") : null;
  draw();
  if (key === null) return;
  const again = root.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
}

/** Arrow keys move through the items of a list. @param {HTMLElement} list @param {string} items */
export function arrows(list, items) {
  list.addEventListener("keydown", (event) => {
    const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll(items)]);
    const at = all.indexOf(/** @type {any} */ (document.activeElement));
    const to = all[{ ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key] ?? -1];
    if (at < 0 || !to) return;
    event.preventDefault();
    to.focus();
  });
}
