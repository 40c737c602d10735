// How much this browser asks of the stream: what the network carries, or what a person has chosen for this camera.

import { load, save } from "../shared/storage.js";
import { setText, t } from "../shared/i18n.js";

const CHOICES = { full: {}, width: { width: 640 }, rate: { fps: 5 } };

const menu = document.getElementById("quality");
const chip = document.getElementById("quality-chip");
const key = `quality of ${location.pathname} ${document.getElementById("view").dataset.name}`;

// A Pace (see shared/pace.js) that does not adapt: a stream that is late is replaced by an equal one, which begins with
// the newest frame.
class FixedPace {
  isTrial = false;
  isReduced = false;
  isRefused = false; // whether the server does not make smaller frames now

  constructor(query) {
    this.query = query;
  }

  onTime() {
    return false;
  }

  onLate() {}

  refuseWidth() {
    if (!this.query.width) return;
    this.query = {};
    this.isRefused = true;
  }
}

export class Quality {
  #player;

  constructor(player) {
    this.#player = player;
    const stored = load(key);
    menu.value = stored in CHOICES ? stored : "auto";
    if (menu.value !== "auto") player.pace = createPace();
    menu.addEventListener("change", () => {
      player.setPace(createPace());
      save(key, menu.value);
      this.update();
    });
  }

  // Show what is less than the whole stream.
  update() {
    const { pace, mode } = this.#player;
    const { fps, width } = (mode === "stream" && pace?.query) || {};
    const parts = [fps && t("quality.fps", { fps }), width && t("quality.width", { width })].filter(Boolean);
    const text = pace?.isRefused ? "quality.refused" : menu.value === "auto" ? "quality.slow" : "quality.here";
    chip.hidden = !parts.length && !pace?.isRefused;
    setText(chip, chip.hidden ? "" : t(text, { what: parts.join(", ") }));
  }
}

const createPace = () => (menu.value === "auto" ? null : new FixedPace(CHOICES[menu.value]));
