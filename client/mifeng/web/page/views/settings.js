// What the others see of oneself, and how the screen looks.

import { allowed, ask, avatar, call, checkOf, choiceOf, complain, emit, field, fill, formOf, h, icon, notice, openDialog, speak, store, t } from "../lib/index.js";

const SIDE = 256;

/** A square out of a picture's middle, small enough to be sent, in base64. @param {File} file */
async function square(file) {
  const picture = await createImageBitmap(file);
  const side = Math.min(picture.width, picture.height), canvas = h("canvas", { width: SIDE, height: SIDE });
  canvas.getContext("2d")?.drawImage(picture, (picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  return canvas.toDataURL("image/jpeg", 0.9).split(",")[1] ?? "";
}

export function openSettings() {
  const me = store.me?.me, state = store.state;
  if (!me || !state || document.querySelector("dialog.settings")) return;
  const name = h("input", { value: me.name, maxLength: 64, required: true, autofocus: true });
  const title = h("input", { value: me.title, maxLength: 64 }), department = h("input", { value: me.department, maxLength: 64 });
  /** @type {string | null} */ let picture = null;
  const face = h("span", avatar(me, "large"));
  const chosen = h("input", {
    type: "file", accept: "image/*", hidden: true, tabIndex: -1, onchange: async () => {
      const [file] = chosen.files ?? [];
      if (!file) return;
      try {
        picture = await square(file);
        fill(face, h("img.avatar.large", { src: URL.createObjectURL(file), alt: "" }));
      } catch {
        notice(t("This is no picture that can be read."), "bad");
      }
    },
  });
  const set = async (/** @type {import("../api").SettingsRequest} */ facts) => {
    await call("set_settings", facts);
    await store.loadState();
  };
  const version = h("p.muted.version", "Mifeng");
  call("about", {}).then((about) => { version.textContent = `Mifeng ${about.version}`; }, complain);
  openDialog(t("Profile and settings"), (close) => [
    h("h3", t("What your colleagues see")),
    formOf(t("Save"), [
      h("div.row", face, chosen, h("button", { onclick: () => chosen.click() }, t("Choose a picture")),
        h("button.danger-quiet", { onclick: () => { picture = ""; fill(face, avatar({ ...me, picture: "" }, "large")); } }, t("No picture"))),
      field(t("Name"), name), h("div.two", field(t("Position"), title), field(t("Department"), department))],
    async () => {
      await ask("set_card", { name: name.value, title: title.value, department: department.value, picture });
      notice(t("Your colleagues see it now."));
    }),
    h("a.button.wide", { href: `#/feed/${me.id}`, onclick: close }, icon("feed"), t("Your page")),
    h("button.wide", { onclick: () => { close(); emit(document.querySelector("mf-sidebar"), "open-person", me.id); } }, icon("key"), t("Your devices and safety number")),
    h("h3", t("This screen")),
    h("div.two",
      field(t("Language"), choiceOf([["en", "English"], ["zh_CN", "简体中文"]], state.language, (language) => { close(); speak(language); })),
      field(t("Colours"), choiceOf([["", t("As the system")], ["light", t("Light")], ["dark", t("Dark")]], state.theme, (theme) => set({ theme })))),
    field(t("Lock when nobody is there for"), choiceOf([["5", t("{m} min", { m: 5 })], ["30", t("{m} min", { m: 30 })], ["120", t("{h} h", { h: 2 })], ["0", t("never")]], String(state.lock_after_min), (value) => set({ lock_after_min: Number(value) }))),
    checkOf(t("Say so when something comes"), state.notify && Notification.permission === "granted", async (notify) => { if (!notify || (await allowed())) set({ notify }); }),
    checkOf(t("and what it says"), state.preview, (preview) => set({ preview })),
    h("p.hint", t("Other people see notifications on your screen; without this they only see that there is one.")),
    version,
  ], { kind: "settings" });
}
