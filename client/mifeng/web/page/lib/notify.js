// System notifications. Without content, unless the user wants it otherwise.

import { ask, gist, store, whence } from "./store.js";
import { t } from "./words.js";

/** Ask the browser once. @returns {Promise<boolean>} */
export async function allowed() {
  if (Notification.permission === "default") await Notification.requestPermission();
  return Notification.permission === "granted";
}

/** @param {{ profile: string, unit: string, sequence: number, notify: boolean }} event of any profile */
export async function notify(event) {
  const { profile, unit, sequence } = event, state = store.state, isShown = profile === store.id;
  if (!event.notify || !state?.notify || !document.hidden || Notification.permission !== "granted") return;
  let title = "Mifeng 密封", body = t("Something new has come.");
  if (state.preview && isShown) {
    const page = await ask("timeline", { unit, after: sequence - 1 });
    const entry = page.entries.find((one) => one.sequence === sequence);
    title = entry ? whence(entry) : title;
    body = (entry && gist(entry).slice(0, 200)) || body;
  }
  const shown = new Notification(title, { body, tag: unit, icon: "/icon.svg" });
  shown.onclick = async () => {
    window.focus();
    shown.close();
    if (profile !== store.id) await store.show(profile);
    location.hash = `#/u/${unit}`;
  };
}
