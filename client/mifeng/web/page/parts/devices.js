// The devices of a person: how each came, and what to do about one that is lost; one more of one's own.

import { ask, said, store } from "../lib/store.js";
import { busy, confirmed, field, notice, openDialog } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { qr } from "./qr.js";
import { shortTime } from "../lib/format.js";
import { t } from "../lib/words.js";

/** @param {string} person @param {boolean} mine */
export async function deviceList(person, mine) {
  const { devices } = await ask("devices", { person });
  const may = mine || store.me?.may_invite;
  const words = /** @type {Record<string, string>} */ ({
    found: t("founded the workspace"), add_member: t("came by an invite"), add_device: t("linked by another device"), recover: t("by the recovery sheet"),
  });
  return h("section", { class: "block" }, h("h4", null, icon("key"), t("Devices")), h("ul", { class: "rows" }, devices.map((one) => h("li", { class: "row" },
    h("span", { class: "grow" }, h("span", { class: "row tight" }, h("span", { class: "mono" }, one.id.slice(0, 8)), one.is_this && h("span", { class: "tag ok" }, t("this one")), one.ended_at > 0 && h("span", { class: "tag" }, t("out since {time}", { time: shortTime(one.ended_at) }))),
      h("span", { class: "muted small" }, `${words[one.how] ?? one.how}, ${shortTime(one.added_at)}`)),
    may && !one.ended_at && !one.is_this && h("button", { class: "danger-quiet", onclick: () => revoke(person, one.id) }, t("Take out"))))),
  mine && h("button", { class: "wide", onclick: openLink }, icon("plus"), t("Link another device")));
}

/** @param {string} person @param {string} device */
async function revoke(person, device) {
  if (!(await confirmed(t("Take this device out?"), t("It reads nothing more, for good. Every unit makes new keys."), t("Take out")))) return;
  try {
    await ask("revoke_device", { person, device });
    store.tell("changed");
  } catch (error) {
    notice(said(error), "bad");
  }
}

/** Offer a link, see what asks, and let it in by the digits that it shows. */
async function openLink() {
  try {
    const offer = await ask("offer_device", {});
    const place = h("div", { class: "linking" }, h("p", null, t("On the new device, open Mifeng and paste or scan this. It is good for ten minutes.")),
      h("div", { class: "invite" }, qr(offer.qr), h("textarea", { readOnly: true, rows: 6, value: offer.link, "aria-label": t("The link") })), h("p", { class: "muted", role: "status" }, t("Waiting for the new device …")));
    const dialog = openDialog(t("Link another device"), () => [place]);
    dialog.addEventListener("close", () => ask("withdraw_device", {}).catch(() => {}));
    const asks = await ask("offered_device", {});
    if (!dialog.isConnected) return;
    const code = h("input", { required: true, inputMode: "numeric", autocomplete: "off", "data-first": true });
    const go = h("button", { class: "primary" }, t("Let it in"));
    const problem = h("p", { class: "bad", role: "alert" });
    fill(place, h("p", null, t("{name} ({system}) asks to be your device. Type the twelve digits that it shows. If it shows none, or others, it is not yours: close this.", { name: asks.name, system: asks.system })),
      h("form", {
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          busy(go, async () => {
            try {
              await ask("approve_device", { code: code.value });
              dialog.close();
              notice(t("Your new device is in."));
              store.tell("changed");
            } catch (error) {
              problem.textContent = said(error);
            }
          });
        },
      }, field(t("Digits"), code), problem, h("div", { class: "row end" }, go)));
    code.focus();
  } catch (error) {
    notice(said(error), "bad");
  }
}
