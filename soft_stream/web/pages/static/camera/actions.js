// The buttons below the picture. Each sends its request, and shows the answer of the server.

import { attempt } from "./attempt.js";
import { post } from "../shared/api.js";
import { load, save } from "../shared/storage.js";
import { formatNumber, t } from "../shared/i18n.js";

const AF_MANUAL = 0;
const KEYS = { s: "snapshot", r: "rotate", m: "mirror", f: "fullscreen" };

const button = (id) => document.getElementById(id);
const result = document.getElementById("result");

export function setUpActions(canvas, status) {
  const take = async (size) => (await import("./snapshot_dialog.js")).takeSnapshot(size, canvas.rotation, status);

  function onClick(id, action) {
    button(id).addEventListener("click", async () => {
      result.textContent = "";
      await attempt(action, button(id));
      await status.refresh();
    });
  }

  onClick("snapshot", () => take("stream"));
  onClick("still", () => take("full"));
  onClick("focus", async () => {
    const cycle = await post("focus");
    result.textContent = t(`focus.${cycle.result}`, { seconds: formatNumber(cycle.seconds) });
  });
  onClick("hold", () => post("controls", {}, { AfMode: isHeld(status.facts?.controls) ? null : AF_MANUAL }));
  onClick("pause", () => post(status.facts?.pause ? "resume" : "pause"));

  status.addEventListener("change", () => status.facts && update(status.facts));
  setUpRotation(canvas);
  document.addEventListener("keydown", onKey);
  button("actions").hidden = false;
}

const isHeld = (controls) => controls?.AfMode === AF_MANUAL;

// The buttons show the state of the server, which other clients can change too.
function update({ negotiated, controls, pause }) {
  button("hold").ariaPressed = isHeld(controls);
  button("pause").classList.toggle("paused", Boolean(pause));
  setLabel("pause", pause ? "resume" : "pause");
  if (!negotiated) return; // while the camera is closed it is not known whether it has autofocus
  const none = !negotiated.has_autofocus && "focus.none";
  setEnabled("focus", none || (isHeld(controls) && "focus.held"));
  setEnabled("hold", none);
}

function setLabel(id, name, values) {
  button(id).querySelector("span").textContent = t(`action.${name}`, values);
  button(id).title = t(`action.${name}.title`);
}

// Enable a button, or disable it with the key of a reason as its title.
function setEnabled(id, reason) {
  button(id).disabled = Boolean(reason) || button(id).ariaBusy === "true";
  button(id).title = t(reason || `action.${id}.title`);
}

function onKey(event) {
  const { key, ctrlKey, altKey, metaKey, shiftKey, repeat, target } = event;
  if (ctrlKey || altKey || metaKey || shiftKey || repeat || target.closest("input, select, textarea, dialog")) return;
  button(KEYS[key.toLowerCase()])?.click();
}

// Rotation and mirroring happen in this browser only, which stores them for each camera.
function setUpRotation(canvas) {
  const key = `view of ${location.pathname} ${document.getElementById("view").dataset.name}`;

  function apply() {
    setLabel("rotate", canvas.rotation ? "rotated" : "rotate", { degrees: canvas.rotation });
    button("mirror").ariaPressed = canvas.mirror;
    canvas.draw();
    save(key, [canvas.rotation, canvas.mirror]);
  }

  const [rotation, mirror] = load(key) ?? [];
  canvas.rotation = [90, 180, 270].includes(rotation) ? rotation : 0;
  canvas.mirror = mirror === true;
  apply();
  button("rotate").addEventListener("click", () => {
    canvas.rotation = (canvas.rotation + (canvas.mirror ? 270 : 90)) % 360; // clockwise in the mirrored picture too
    apply();
  });
  button("mirror").addEventListener("click", () => {
    canvas.mirror = !canvas.mirror;
    apply();
  });
}
