// Draws the newest frame, rotated, mirrored and enlarged as this browser wants it.

const FULL_FRAME = { x: 0, y: 0, width: 1, height: 1 };

export class Canvas {
  rotation = 0; // degrees clockwise
  mirror = false; // mirrors the frame after its rotation
  crop = FULL_FRAME; // the part of the frame that is shown, as fractions of the frame
  onDraw = () => {};
  #canvas;
  #context;
  #bitmap = null;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
  }

  show(bitmap) {
    this.#bitmap?.close();
    this.#bitmap = bitmap;
    this.draw();
  }

  // Draw the frame again; called after a change of rotation, mirror or crop too.
  draw() {
    const bitmap = this.#bitmap;
    if (!bitmap) return;
    const canvas = this.#canvas;
    const isOnSide = this.rotation % 180 !== 0;
    const [width, height] = isOnSide ? [bitmap.height, bitmap.width] : [bitmap.width, bitmap.height];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.hidden = false;
    const { width: w, height: h } = bitmap;
    const { x, y, width: part, height: partHeight } = this.crop;
    this.#context.setTransform(this.mirror ? -1 : 1, 0, 0, 1, width / 2, height / 2);
    this.#context.rotate((this.rotation * Math.PI) / 180);
    this.#context.drawImage(bitmap, x * w, y * h, part * w, partHeight * h, -w / 2, -h / 2, w, h);
    this.onDraw();
  }

  // Return the point of the crop that a point of the screen shows, as fractions from its upper left corner.
  pointAt(clientX, clientY) {
    const box = this.#canvas.getBoundingClientRect();
    const { width, height } = this.#canvas;
    const scale = Math.min(box.width / width, box.height / height); // object-fit: contain
    const u = (clientX - box.left - box.width / 2) / (width * scale) + 0.5;
    const v = (clientY - box.top - box.height / 2) / (height * scale) + 0.5;
    return this.inFrame(u, v);
  }

  // Return the point of the crop that a point of the visible picture shows; both are fractions.
  inFrame(u, v) {
    return rotateBack(this.mirror ? 1 - u : u, v, this.rotation);
  }
}

// Return where a point was before a clockwise rotation.
export function rotateBack(u, v, rotation) {
  return { 0: [u, v], 90: [v, 1 - u], 180: [1 - u, 1 - v], 270: [1 - v, u] }[rotation];
}
