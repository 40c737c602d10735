// Enlarges a part of the picture in this browser. On request the sensor enlarges it, more sharply, for all clients.

import { attempt } from "./attempt.js";
import { fitInto, WHOLE } from "./canvas.js";
import { listenToGestures } from "./gestures.js";
import { client, post } from "../shared/api.js";
import { formatNumber, setText, t } from "../shared/i18n.js";

const MIDDLE = [0.5, 0.5];
const MAX_ZOOM = 10;
// From this zoom on the sensor has more details than the frame. Rounding must not make it a little less.
const MIN_SHARPER = 1.99;

const part = (id) => document.getElementById(id);
const resetButton = part("zoom-reset");
const sharperButton = part("zoom-sharper"); // missing if the user may only view, as the button that ends it
const sharedChip = part("zoom-shared");

export class Zoom {
  #canvas;
  #status;

  constructor(canvas, status) {
    [this.#canvas, this.#status] = [canvas, status];
    canvas.onPart = () => this.#show();
    status.addEventListener("change", () => this.#show());
    resetButton.addEventListener("click", () => this.move(MIDDLE, MIDDLE, 0));
    part("zoom").addEventListener("click", () => this.move(MIDDLE, MIDDLE, this.isZoomed ? 0 : 2));
    sharperButton?.addEventListener("click", () => this.#share(this.#canvas.visible, sharperButton));
    if (sharperButton) sharedChip.addEventListener("click", () => this.#share({}, sharedChip));
    listenToGestures(canvas, this);
  }

  get isZoomed() {
    return this.#zoom > 1;
  }

  // How many times this browser enlarges the frame.
  get #zoom() {
    const { frame, visible } = this.#canvas;
    return visible === frame ? 1 : frame.size / visible.size;
  }

  // Zoom by a factor (0: show all), and move one point of the visible part (see Canvas.pointAt) to the place of another.
  move([u, v], [toU, toV], factor) {
    const { frame, visible } = this.#canvas;
    const { x, y, size: oldSize } = visible;
    const size = Math.min(frame.size, Math.max(frame.size / MAX_ZOOM, oldSize / factor));
    const view = fitInto(frame, { x: x + u * oldSize - toU * size, y: y + v * oldSize - toV * size, size });
    this.#canvas.view = view === frame ? WHOLE : view;
    this.#canvas.draw();
    this.#show();
  }

  #show() {
    const { max = 1, shared } = this.#status.facts?.zoom ?? {};
    const zoom = this.#zoom;
    part("zoom").ariaPressed = zoom > 1;
    part("view").classList.toggle("zoomed", zoom > 1);
    showChip(resetButton, zoom > 1 && t("zoom.browser", { zoom: formatNumber(zoom) }));
    const isPossible = zoom > MIN_SHARPER && max > MIN_SHARPER && this.#canvas.frame.size * max > 1.01;
    if (sharperButton) sharperButton.hidden = !isPossible;
    showChip(sharedChip, shared && describe(shared));
  }

  // Let the sensor enlarge a part for everybody, or nothing any more. The frames say from when on.
  async #share(query, button) {
    await attempt(async () => {
      await post("zoom", query);
    }, button);
    await this.#status.refresh();
  }
}

function showChip(chip, text) {
  chip.hidden = !text;
  setText(chip, text || "");
}

function describe({ size, client: owner, peer }) {
  const values = { zoom: formatNumber(1 / size), address: peer };
  const who = owner === client ? "zoom.shared.own" : "zoom.shared.other";
  return t(sharperButton ? who : "zoom.shared", values);
}
