// What was signed about who belongs to the workspace: the same list on every device.

import { ask, h, shortTime, t } from "../lib/index.js";
import { roleName } from "./panel.js";

export async function changeLog() {
  const { changes } = await ask("changes", {});
  const words = (/** @type {import("../api").ChangeFacts} */ one) => {
    const facts = { by: one.author.name, name: one.subject?.name ?? "", role: roleName(one.role) };
    return /** @type {Record<string, string>} */ ({
      found: t("{by} founded the workspace", facts), invite: t("{by} invited somebody as {role}", facts), add_member: t("{name} joined", facts), set_role: t("{by} made {name} {role}", facts),
      remove_member: t("{by} removed {name}", facts), add_device: t("{by} linked another device", facts), revoke_device: t("{by} took a device of {name} out", facts), recover: t("{name} came back by the recovery sheet", facts),
      revoke_invite: t("{by} made an invite void", facts), set_server: t("{by} changed the server's address or keys", facts),
    })[one.kind] ?? one.kind;
  };
  return h("ul.rows.log", changes.slice(0, 30).map((one) => h("li.row", h("span.grow", words(one)), h("time.muted.small", shortTime(one.at)))));
}
