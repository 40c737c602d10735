// Draws the newest frame, rotated, mirrored and enlarged as this browser wants it.

// A part of the picture: its left upper corner and its size, as fractions of the whole picture.
export const WHOLE = { x: 0, y: 0, size: 1 };

export class Canvas {
  rotation = 0; // degrees clockwise
  mirror = false; // mirrors the frame after its rotation
  view = WHOLE; // the part that this browser wants to show
  frame = WHOLE; // the part that the newest frame shows: all, unless the sensor enlarges one for everybody
  onDraw = () => {};
  onPart = () => {}; // called when the frames begin to show another part
  #canvas;
  #context;
  #expected; // the size in the HTML
  #bitmap = null;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#expected = { width: canvas.width, height: canvas.height };
    this.#context = canvas.getContext("2d", { alpha: false });
  }

  show(bitmap, frame = WHOLE) {
    this.#bitmap?.close();
    this.#bitmap = bitmap;
    const isOther = ["x", "y", "size"].some((name) => frame[name] !== this.frame[name]);
    if (isOther) this.frame = frame;
    this.draw();
    if (isOther) this.onPart();
  }

  // The part that is visible: what this browser wants to show, as far as the frames have it.
  get visible() {
    return fitInto(this.frame, this.view);
  }

  // Draw the frame again; called after a change of rotation, mirror or view too. Before the first frame the canvas gets
  // the aspect ratio that the frame is expected to have.
  draw() {
    const bitmap = this.#bitmap;
    const { width: w, height: h } = bitmap ?? this.#expected;
    const canvas = this.#canvas;
    const isOnSide = this.rotation % 180 !== 0;
    const [width, height] = isOnSide ? [h, w] : [w, h];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    if (!bitmap) return;
    canvas.hidden = false;
    const { frame, visible } = this;
    const [x, y, size] = [visible.x - frame.x, visible.y - frame.y, visible.size].map((each) => each / frame.size);
    this.#context.setTransform(this.mirror ? -1 : 1, 0, 0, 1, width / 2, height / 2);
    this.#context.rotate((this.rotation * Math.PI) / 180);
    this.#context.drawImage(bitmap, x * w, y * h, size * w, size * h, -w / 2, -h / 2, w, h);
    this.onDraw();
  }

  // Return the point of the visible part that a point of the screen shows, as fractions from its upper left corner.
  pointAt(clientX, clientY) {
    const box = this.#canvas.getBoundingClientRect();
    const { width, height } = this.#canvas;
    const scale = Math.min(box.width / width, box.height / height); // object-fit: contain
    const u = (clientX - box.left - box.width / 2) / (width * scale) + 0.5;
    const v = (clientY - box.top - box.height / 2) / (height * scale) + 0.5;
    return this.inFrame(u, v);
  }

  // Return the point of the visible part that a point of the canvas shows; both are fractions.
  inFrame(u, v) {
    return rotateBack(this.mirror ? 1 - u : u, v, this.rotation);
  }
}

// Return a part that is moved and reduced to be within another one; that itself if it is nearly all of it.
export function fitInto(outer, { x, y, size }) {
  if (size > 0.999 * outer.size) return outer;
  const move = (at, begin) => Math.min(Math.max(begin, at), begin + outer.size - size);
  return { x: move(x, outer.x), y: move(y, outer.y), size };
}

// Return where a point was before a clockwise rotation.
function rotateBack(u, v, rotation) {
  return { 0: [u, v], 90: [v, 1 - u], 180: [1 - u, 1 - v], 270: [1 - v, u] }[rotation];
}
