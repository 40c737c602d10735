// Draws the newest frame into the canvas: turned, mirrored and enlarged as this browser wants to see it.

const WHOLE = { x: 0, y: 0, width: 1, height: 1 };

export class View {
  rotation = 0; // degrees clockwise
  mirror = false; // what is seen is mirrored, after it was turned
  window = WHOLE; // the part of the frame that is shown, as fractions of it
  drawn = () => {}; // is called whenever the canvas has changed
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

  // Also when something about the view has changed.
  draw() {
    const bitmap = this.#bitmap;
    if (!bitmap) return;
    const canvas = this.#canvas;
    const isOnSide = this.rotation % 180 !== 0;
    const [width, height] = isOnSide ? [bitmap.height, bitmap.width] : [bitmap.width, bitmap.height];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.hidden = false;
    const { width: w, height: h } = bitmap;
    const { x, y, width: part, height: partHeight } = this.window;
    this.#context.setTransform(this.mirror ? -1 : 1, 0, 0, 1, width / 2, height / 2);
    this.#context.rotate((this.rotation * Math.PI) / 180);
    this.#context.drawImage(bitmap, x * w, y * h, part * w, partHeight * h, -w / 2, -h / 2, w, h);
    this.drawn();
  }

  // The point of the frame's shown part that lies under a point of the screen, as fractions from its upper left corner.
  pointAt(clientX, clientY) {
    const box = this.#canvas.getBoundingClientRect();
    const { width, height } = this.#canvas;
    const scale = Math.min(box.width / width, box.height / height); // object-fit: contain
    const u = (clientX - box.left - box.width / 2) / (width * scale) + 0.5;
    const v = (clientY - box.top - box.height / 2) / (height * scale) + 0.5;
    return this.inFrame(u, v);
  }

  // The same for a point of what is seen, as fractions.
  inFrame(u, v) {
    return turnedBack(this.mirror ? 1 - u : u, v, this.rotation);
  }
}

// Where a point of a picture that was turned clockwise had been before.
export function turnedBack(u, v, rotation) {
  return { 0: [u, v], 90: [v, 1 - u], 180: [1 - u, 1 - v], 270: [1 - v, u] }[rotation];
}
