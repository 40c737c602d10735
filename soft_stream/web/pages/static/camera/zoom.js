// Enlarges a part of the picture: by the camera's ScalerCrop, for all clients; without one in this browser.

import { attempt } from "./attempt.js";
import { CAMERA_TIMEOUT, getJson, post } from "../shared/api.js";
import { rotateBack } from "./canvas.js";
import { formatNumber, t } from "../shared/i18n.js";
import { listenToGestures } from "./gestures.js";

const WHOLE = { x: 0, y: 0, size: 1 };
const MAX_ZOOM = 10;
const SEND_INTERVAL = 100; // ms between two requests

const resetButton = document.getElementById("zoom-reset");

export class Zoom {
  #canvas;
  #status;
  #part = WHOLE; // of the frame without zoom: the corner, and the size of both sides, as fractions
  #camera = null; // { session, crop, orientation }; null until known; crop is undefined without ScalerCrop
  #isSending = false;

  constructor(canvas, status) {
    [this.#canvas, this.#status] = [canvas, status];
    status.addEventListener("change", () => this.#onStatus());
    resetButton.addEventListener("click", () => this.#set(WHOLE));
    listenToGestures(canvas, this);
  }

  get isZoomed() {
    return this.#part !== WHOLE;
  }

  // Zoom by a factor (0: show all), and move one point of the crop (see Canvas.pointAt) to the place of another.
  move([u, v], [toU, toV], factor) {
    const { x, y, size: oldSize } = this.#part;
    const size = Math.min(1, Math.max(1 / MAX_ZOOM, this.#minSize, oldSize / factor));
    this.#set({ x: x + u * oldSize - toU * size, y: y + v * oldSize - toV * size, size });
  }

  get #minSize() {
    const { min, whole } = this.#camera?.crop ?? {};
    return min ? Math.max(min[2] / whole[2], min[3] / whole[3]) : 0;
  }

  #set(part) {
    if (!this.#camera) return;
    this.#part = clamp(part);
    this.#show();
    if (this.#camera.crop) this.#send();
  }

  #show() {
    const crop = this.#camera.crop;
    const { x, y, size } = crop ? WHOLE : this.#part;
    this.#canvas.crop = { x, y, width: size, height: size };
    this.#canvas.draw();
    resetButton.hidden = !this.isZoomed;
    document.getElementById("view").classList.toggle("zoomed", this.isZoomed);
    resetButton.textContent = t(crop ? "zoom.everybody" : "zoom.browser", { zoom: formatNumber(1 / this.#part.size) });
  }

  // Send the newest part to the camera, one request at a time.
  async #send() {
    if (this.#isSending) return;
    this.#isSending = true;
    let sent;
    do {
      sent = this.#part;
      const pause = new Promise((resolve) => setTimeout(resolve, SEND_INTERVAL));
      const ScalerCrop = sent === WHOLE ? null : toSensor(sent, this.#camera);
      await attempt(() => post("controls", {}, { ScalerCrop }));
      await pause;
    } while (sent !== this.#part);
    this.#isSending = false;
    await this.#status.refresh();
  }

  // Show the crop of the camera, which other clients can change too.
  async #onStatus() {
    const { facts } = this.#status;
    if (facts?.negotiated && sessionOf(facts) !== this.#camera?.session) await this.#loadCamera(facts);
    if (!this.#camera?.crop || this.#isSending || !facts) return;
    const { ScalerCrop } = facts.controls;
    this.#part = ScalerCrop ? fromSensor(ScalerCrop, this.#camera) : WHOLE;
    this.#show();
  }

  // Each session of the camera may have another sensor mode, with other limits.
  async #loadCamera(facts) {
    const controls = await getJson("controls.json", {}, CAMERA_TIMEOUT).catch(() => null);
    if (!controls) return;
    const { ScalerCrop } = controls;
    const crop = ScalerCrop && { ...ScalerCrop, whole: ScalerCrop.default ?? ScalerCrop.max };
    this.#camera = { session: sessionOf(facts), crop, orientation: facts.negotiated.orientation };
  }
}

// Keep a part within the frame.
function clamp({ x, y, size }) {
  if (size > 0.999) return WHOLE;
  return { x: Math.min(Math.max(0, x), 1 - size), y: Math.min(Math.max(0, y), 1 - size), size };
}

// Identify a session of the camera, also after a restart of the server.
function sessionOf({ started, counters }) {
  return `${started} ${counters.opened}`;
}

// Convert a part of the frame to a rectangle on the sensor, in pixels.
function toSensor({ x, y, size }, { crop, orientation }) {
  const [left, top, width, height] = crop.whole;
  const [u, v] = mirror(rotateBack(x + size / 2, y + size / 2, orientation.rotation), orientation);
  const [w, h] = [Math.round(size * width), Math.round(size * height)];
  const begin = (middle, whole, length) => Math.min(Math.max(0, Math.round(middle * whole - length / 2)), whole - length);
  return [left + begin(u, width, w), top + begin(v, height, h), w, h];
}

function fromSensor([x, y, w, h], { crop, orientation }) {
  const [left, top, width, height] = crop.whole;
  const middle = mirror([(x + w / 2 - left) / width, (y + h / 2 - top) / height], orientation);
  const [u, v] = rotateBack(...middle, (360 - orientation.rotation) % 360);
  const size = Math.max(w / width, h / height);
  return clamp({ x: u - size / 2, y: v - size / 2, size });
}

function mirror([u, v], { hflip, vflip }) {
  return [hflip ? 1 - u : u, vflip ? 1 - v : v];
}
