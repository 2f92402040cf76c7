// The devices of a person: how each came, and what to do about one that is lost; one more of one's own.

import { ask, complain, confirmed, field, fill, formOf, h, icon, notice, openDialog, shortTime, store, t } from "../lib/index.js";
import { qr } from "./qr.js";

/** @param {string} person @param {boolean} mine */
export async function deviceList(person, mine) {
  const { devices } = await ask("devices", { person });
  const may = mine || store.me?.may_invite;
  const words = /** @type {Record<string, string>} */ ({
    found: t("founded the workspace"), add_member: t("came by an invite"), add_device: t("linked by another device"), recover: t("by the recovery sheet"),
  });
  return h("section.block", h("h4", icon("key"), t("Devices")), h("ul.rows", devices.map((one) => h("li.row",
    h("span.grow", h("span.row.tight", h("span.mono", one.id.slice(0, 8)), one.is_this && h("span.tag.ok", t("this one")), one.ended_at > 0 && h("span.tag", t("out since {time}", { time: shortTime(one.ended_at) }))),
      h("span.muted.small", `${words[one.how] ?? one.how}, ${shortTime(one.added_at)}`)),
    may && !one.ended_at && !one.is_this && h("button.danger-quiet", { onclick: () => revoke(person, one.id) }, t("Take out"))))),
  mine && h("button.wide", { onclick: openLink }, icon("plus"), t("Link another device")));
}

/** @param {string} person @param {string} device */
async function revoke(person, device) {
  if (await confirmed(t("Take this device out?"), t("It reads nothing more, for good. Every unit makes new keys."), t("Take out")))
    ask("revoke_device", { person, device }).then(() => store.tell("changed"), complain);
}

/** Offer a link, see what asks, and let it in by the digits that it shows. */
async function openLink() {
  try {
    const offer = await ask("offer_device", {});
    const place = h("div.linking", h("p", t("On the new device, open Mifeng and paste or scan this. It is good for ten minutes.")),
      h("div.invite", qr(offer.qr), h("textarea", { readOnly: true, rows: 6, value: offer.link, "aria-label": t("The link") })), h("p.muted", { role: "status" }, t("Waiting for the new device …")));
    const dialog = openDialog(t("Link another device"), () => [place]);
    dialog.addEventListener("close", () => ask("withdraw_device", {}).catch(() => {}));
    const asks = await ask("offered_device", {});
    if (!dialog.isConnected) return;
    const code = h("input", { required: true, inputMode: "numeric", autocomplete: "off" });
    fill(place, h("p", t("{name} ({system}) asks to be your device. Type the twelve digits that it shows. If it shows none, or others, it is not yours: close this.", { name: asks.name, system: asks.system })),
      formOf(t("Let it in"), [field(t("Digits"), code)], async () => {
        await ask("approve_device", { code: code.value });
        dialog.close();
        notice(t("Your new device is in."));
        store.tell("changed");
      }));
    code.focus();
  } catch (error) {
    complain(error);
  }
}
