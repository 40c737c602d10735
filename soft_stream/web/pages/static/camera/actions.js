// The buttons below the picture: each does its thing, and shows what the server says of it.

import { attempt } from "./attempt.js";
import { post } from "../shared/api.js";
import { recall, remember } from "../shared/storage.js";
import { number, t } from "../shared/i18n.js";

const AF_MANUAL = 0;
const KEYS = { s: "snapshot", r: "rotate", m: "mirror", f: "fullscreen" };

const button = (id) => document.getElementById(id);
const said = button("said");

export function offerActions(view, status) {
  const take = async (size) => (await import("./snapshot_dialog.js")).take(size, view.rotation, status);

  function offer(id, work) {
    button(id).addEventListener("click", async () => {
      said.textContent = "";
      await attempt(work, button(id));
      await status.ask();
    });
  }

  offer("snapshot", () => take("stream"));
  offer("still", () => take("full"));
  offer("focus", async () => {
    const cycle = await post("focus");
    said.textContent = t(`focus.${cycle.result}`, { seconds: number(cycle.seconds) });
  });
  offer("hold", () => post("controls", {}, { AfMode: isHeld(status.facts?.controls) ? null : AF_MANUAL }));
  offer("pause", () => post(status.facts?.pause ? "resume" : "pause"));

  status.addEventListener("change", () => status.facts && show(status.facts));
  offerTurns(view);
  document.addEventListener("keydown", press);
  button("actions").hidden = false;
}

const isHeld = (controls) => controls?.AfMode === AF_MANUAL;

// A pressed button says what holds at the server, whoever wanted it.
function show({ negotiated, controls, pause }) {
  button("hold").ariaPressed = isHeld(controls);
  button("pause").classList.toggle("paused", Boolean(pause));
  label("pause", pause ? "resume" : "pause");
  if (!negotiated) return; // what the lens can do is not known while the camera is closed
  const none = !negotiated.has_autofocus && "focus.none";
  allow("focus", none || (isHeld(controls) && "focus.held"));
  allow("hold", none);
}

function label(id, name, values) {
  button(id).querySelector("span").textContent = t(`action.${name}`, values);
  button(id).title = t(`action.${name}.title`);
}

// Let a button be pressed, unless there is a reason why it cannot.
function allow(id, reason) {
  button(id).disabled = Boolean(reason) || button(id).ariaBusy === "true";
  button(id).title = t(reason || `action.${id}.title`);
}

function press(event) {
  const { key, ctrlKey, altKey, metaKey, shiftKey, repeat, target } = event;
  if (ctrlKey || altKey || metaKey || shiftKey || repeat || target.closest("input, select, textarea, dialog")) return;
  button(KEYS[key.toLowerCase()])?.click();
}

// Turning and mirroring cost nothing and concern this browser only, which remembers them for each camera.
function offerTurns(view) {
  const key = `view of ${location.pathname} ${button("view").dataset.name}`;

  function turned() {
    label("rotate", view.rotation ? "turned" : "rotate", { degrees: view.rotation });
    button("mirror").ariaPressed = view.mirror;
    view.draw();
    remember(key, [view.rotation, view.mirror]);
  }

  const [rotation, mirror] = recall(key) ?? [];
  view.rotation = [90, 180, 270].includes(rotation) ? rotation : 0;
  view.mirror = mirror === true;
  turned();
  button("rotate").addEventListener("click", () => {
    view.rotation = (view.rotation + (view.mirror ? 270 : 90)) % 360; // clockwise also as a mirror shows it
    turned();
  });
  button("mirror").addEventListener("click", () => {
    view.mirror = !view.mirror;
    turned();
  });
}
