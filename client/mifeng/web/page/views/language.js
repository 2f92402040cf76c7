// The one switch between the languages.

import { call, h, store } from "../lib/index.js";

/** @param {string} language */
export async function speak(language) {
  await call("set_settings", { language });
  await store.loadState();
}

/** Two words, each in its own language. */
export function languageChoice() {
  const now = store.state?.language;
  const choice = (/** @type {string} */ language, /** @type {string} */ lang, /** @type {string} */ name) =>
    h("button", { type: "button", class: "bare link", lang, "aria-pressed": String(now === language), onclick: () => speak(language) }, name);
  return h("p.languages", choice("en", "en", "English"), choice("zh_CN", "zh-CN", "简体中文"));
}
