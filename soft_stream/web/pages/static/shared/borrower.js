// Says in words which program, page or file has borrowed a camera.

import { t } from "./i18n.js";

// `isOwn` says whether this browser has lent the camera, `pause` is that of a status.
export function describeBorrower({ kind, name, address, user, owner }, isOwn) {
  if (isOwn) return t("lend.own");
  if (kind === "page") return isHere(address) ? t("lend.browser.here") : t("lend.browser", { address });
  if (kind === "file") return name ? t("lend.file", { name }) : t("lend.file.user", { user: user || owner });
  if (name) return t("lend.program", { name });
  return isHere(address) ? t("lend.program.here") : t("lend.program.at", { address });
}

// Whether an address is that of the machine with the camera, which programs on it use.
const isHere = (address) => !/^[0-9a-f]+[.:]/.test(address) || /^(127\.|::1$)/.test(address);
