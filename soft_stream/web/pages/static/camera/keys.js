// Letters that press buttons, and `?` for the dialog that lists them. A switch in that dialog turns them off, because
// speech input and unsteady hands press them by mistake.
// https://www.w3.org/WAI/WCAG22/Understanding/character-key-shortcuts

import { attempt } from "./attempt.js";
import { loadPart } from "./lazy.js";
import { load, save } from "../shared/storage.js";

// For each key the id of its button.
export const KEYS = { s: "snapshot", z: "zoom", r: "rotate", m: "mirror", f: "fullscreen", "?": "keys" };
const STORED = "keys";

let areOn = load(STORED) !== false;

export const areKeysOn = () => areOn;

export function switchKeys(on) {
  areOn = on;
  save(STORED, on);
}

export function setUpKeys() {
  const button = document.getElementById("keys");
  button.addEventListener("click", () => attempt(async () => {
    const { showKeys } = await loadPart(() => import("./keys_dialog.js"), "keys_dialog");
    showKeys();
  }, button));
  document.addEventListener("keydown", onKey);
}

function onKey(event) {
  const { key, ctrlKey, altKey, metaKey, shiftKey, repeat, isComposing, target } = event;
  const isTyped = repeat || isComposing || target.closest("input, select, textarea, dialog");
  // some keyboards have `?` only with Shift, and some with AltGr, which Windows reports as Ctrl and Alt
  const isModified = key === "?" ? metaKey || ctrlKey !== altKey : ctrlKey || altKey || metaKey || shiftKey;
  if (!areOn || isTyped || isModified) return;
  document.getElementById(KEYS[key.toLowerCase()])?.click();
}
