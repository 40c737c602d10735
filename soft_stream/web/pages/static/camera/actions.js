// The buttons below the picture. Each sends its request, and shows the answer of the server.

import { attempt } from "./attempt.js";
import { loadMessages, loadPart } from "./lazy.js";
import { post } from "../shared/api.js";
import { load, save } from "../shared/storage.js";
import { formatNumber, t } from "../shared/i18n.js";

const AF_MANUAL = 0;

const button = (id) => document.getElementById(id);

export function setUpActions(canvas, status) {
  const take = async (size) => {
    const { takeSnapshot } = await loadPart(() => import("./snapshot_dialog.js"), "snapshot_dialog");
    await takeSnapshot(size, canvas.rotation, status);
  };

  function onClick(id, action) {
    button(id)?.addEventListener("click", async () => {
      await attempt(action, button(id));
      await status.refresh();
    });
  }

  onClick("snapshot", () => take("stream"));
  onClick("still", () => take("full"));
  onClick("focus", async () => {
    const [cycle] = await Promise.all([post("focus"), loadMessages()]);
    return t(`focus.${cycle.result}`, { seconds: formatNumber(cycle.seconds) });
  });
  onClick("hold", () => post("controls", {}, { AfMode: isHeld(status.facts?.controls) ? null : AF_MANUAL }));
  onClick("lend", async () => {
    const { askDuration, takeBack } = await loadPart(() => import("./lend.js"), "lend");
    await (status.facts?.pause ? takeBack : askDuration)(status);
  });

  if (button("lend")) status.addEventListener("change", () => status.facts && update(status.facts));
  setUpRotation(canvas);
  button("actions").hidden = false;
}

const isHeld = (controls) => controls?.AfMode === AF_MANUAL;

// The buttons show the state of the server, which other clients can change too.
function update({ negotiated, controls, pause }) {
  button("hold").ariaPressed = isHeld(controls);
  button("lend").classList.toggle("lent", Boolean(pause));
  setLabel("lend", pause ? "resume" : "lend");
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
