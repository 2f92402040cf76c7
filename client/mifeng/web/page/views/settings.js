// What the others see of oneself, and how the screen looks.

import { allowed } from "../lib/notify.js";
import { ask, said, store } from "../lib/store.js";
import { busy, field, notice, openDialog } from "../lib/dialog.js";
import { call } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { speak } from "./language.js";
import { t } from "../lib/words.js";

export function openSettings() {
  const me = store.me?.me, state = store.state;
  if (!me || !state || document.querySelector("dialog.settings")) return;
  const name = h("input", { value: me.name, maxLength: 64, required: true, "data-first": true });
  const title = h("input", { value: me.title, maxLength: 64 });
  const department = h("input", { value: me.department, maxLength: 64 });
  const keep = h("button", { class: "primary" }, t("Save"));
  const set = async (/** @type {import("../api").SettingsRequest} */ facts) => {
    await call("set_settings", facts);
    await store.loadState();
  };
  const choice = (/** @type {string} */ label, /** @type {[string, string][]} */ options, /** @type {string} */ now, /** @type {(value: string) => void} */ act) => {
    const select = h("select", { onchange: () => act(select.value) }, options.map(([value, text]) => h("option", { value, selected: value === now }, text)));
    return field(label, select);
  };
  const check = (/** @type {string} */ label, /** @type {boolean} */ now, /** @type {(value: boolean) => void} */ act) => {
    const box = h("input", { type: "checkbox", checked: now, onchange: () => act(box.checked) });
    return h("label", { class: "check" }, box, label);
  };
  openDialog(t("Profile and settings"), (close) => [
    h("form", {
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        busy(keep, async () => {
          try {
            await ask("set_card", { name: name.value, title: title.value, department: department.value });
            notice(t("Your colleagues see it now."));
          } catch (error) {
            notice(said(error), "bad");
          }
        });
      },
    }, h("h3", null, t("What your colleagues see")), field(t("Name"), name),
      h("div", { class: "two" }, field(t("Position"), title), field(t("Department"), department)), h("div", { class: "row end" }, keep)),
    h("button", { class: "wide", onclick: () => { close(); document.querySelector("mf-workspace")?.dispatchEvent(new CustomEvent("open-person", { detail: me.id })); } }, icon("key"), t("Your devices and safety number")),
    h("h3", null, t("This screen")),
    h("div", { class: "two" },
      choice(t("Language"), [["en", "English"], ["zh_CN", "简体中文"]], state.language, (value) => { close(); speak(value); }),
      choice(t("Colours"), [["", t("As the system")], ["light", t("Light")], ["dark", t("Dark")]], state.theme, (theme) => set({ theme }))),
    choice(t("Lock when nobody is there for"), [["5", t("{m} min", { m: 5 })], ["30", t("{m} min", { m: 30 })], ["120", t("{h} h", { h: 2 })], ["0", t("never")]], String(state.lock_after_min), (value) => set({ lock_after_min: Number(value) })),
    check(t("Say so when something comes"), state.notify && "Notification" in window && Notification.permission === "granted", async (notify) => { if (!notify || (await allowed())) set({ notify }); }),
    check(t("and what it says"), state.preview, (preview) => set({ preview })),
    h("p", { class: "hint" }, t("Other people see notifications on your screen; without this they only see that there is one.")),
    h("p", { class: "muted version" }, `Mifeng ${state.version}`),
  ], { kind: "settings" });
}
