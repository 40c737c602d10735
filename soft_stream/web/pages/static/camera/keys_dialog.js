// The dialog that lists the keys, with the switch for single letters.

import { element } from "./dom.js";
import { areKeysOn, KEYS, switchKeys } from "./keys.js";
import { t } from "../shared/i18n.js";

let dialog;

export function showKeys() {
  dialog ??= createDialog();
  dialog.showModal();
}

function createDialog() {
  const title = element("h2", { id: "keys-title" }, t("action.keys"));
  const rows = Object.entries(KEYS).map(([key, id]) => createRow(key.toUpperCase(), t(`action.${id}`)));
  const letters = element("dl", { hidden: !areKeysOn() }, ...rows);
  const close = element("button", { type: "button" }, t("panel.close"));
  const created = element("dialog", { id: "keys-dialog", "aria-labelledby": title.id },
    title,
    createSwitch(letters),
    letters,
    element("h3", {}, t("keys.picture")),
    element("dl", {},
      createRow("+ −", t("keys.zoom")),
      createRow("← → ↑ ↓", t("keys.move")),
      createRow("0", t("keys.whole")),
    ),
    close,
  );
  close.addEventListener("click", () => created.close());
  document.body.append(created);
  return created;
}

function createSwitch(letters) {
  const why = element("small", { id: "keys-why" }, t("keys.why"));
  const box = element("input", { type: "checkbox", role: "switch", "aria-describedby": why.id, checked: areKeysOn() });
  box.addEventListener("change", () => {
    letters.hidden = !box.checked;
    switchKeys(box.checked);
  });
  return element("p", {}, element("label", {}, box, t("keys.letters")), why);
}

function createRow(keys, does) {
  const boxes = keys.split(" ").map((key) => element("kbd", {}, key));
  return element("div", {}, element("dt", {}, ...boxes), element("dd", {}, does));
}
