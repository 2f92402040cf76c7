// System notifications. Without content, unless the user wants it otherwise.

import { readable } from "./markdown.js";
import { ask, store, whence } from "./store.js";
import { t } from "./words.js";

/** Ask the browser once. @returns {Promise<boolean>} */
export async function allowed() {
  if (Notification.permission === "default") await Notification.requestPermission();
  return Notification.permission === "granted";
}

/** @param {{ unit: string, sequence: number, notify: boolean }} event */
export async function notify(event) {
  const state = store.state;
  if (!event.notify || !state?.notify || !document.hidden || Notification.permission !== "granted") return;
  let title = "Mifeng 密封", body = t("Something new has come.");
  if (state.preview) {
    const page = await ask("timeline", { unit: event.unit, after: event.sequence - 1 });
    const entry = page.entries.find((one) => one.sequence === event.sequence);
    title = entry ? whence(entry) : title;
    body = (entry && readable(entry.text).slice(0, 200)) || entry?.files[0]?.name || body;
  }
  const shown = new Notification(title, { body, tag: event.unit, icon: "/icon.svg" });
  shown.onclick = () => {
    window.focus();
    location.hash = `#/u/${event.unit}`;
    shown.close();
  };
}
