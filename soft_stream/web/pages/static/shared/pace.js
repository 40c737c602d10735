// Decides what the page asks of the stream: fewer or smaller frames after they were late, and more again later.
//
// A proxy can keep megabytes of old frames for a slow network. A new stream begins with the newest frame, and it stays
// live if it needs less than the network carries.

// From the whole stream down. First fewer frames: a fault of a print shows in the details, and five frames a second are
// enough to see movement. Then narrower ones. The widths are few, because the server encodes each once for all clients.
const STEPS = [
  {},
  { fps: 10 },
  { fps: 5 },
  { fps: 5, width: 960 },
  { fps: 5, width: 640 },
  { fps: 2, width: 640 },
  { fps: 2, width: 320 },
  { fps: 1, width: 320 },
];
// The steps if the server refuses a width.
const RATES = [{}, { fps: 10 }, { fps: 5 }, { fps: 2 }, { fps: 1 }, { fps: 0.5 }];

// A step may need this part of what the network carries. A frame of half the width has about 0.5 ** 1.7 of the bytes.
const HEADROOM = 0.75;
const WIDTH_EXPONENT = 1.7;
// Milliseconds that a stream is in time until a higher step is tried. They double each time that the step is late soon.
const FIRST_WAIT = 15000;
const MAX_WAIT = 600000;

export class Pace {
  isTrial = false; // whether the page has gone up to this step
  #steps = STEPS;
  #step = 0;
  #waits = []; // for each step that was late, until it is tried again
  #hasActed = false;

  // What to ask of the next stream: { fps, width }; without them, the whole stream.
  get query() {
    return this.#steps[this.#step];
  }

  get isReduced() {
    return this.#step > 0;
  }

  // The frames of a stream are in time; it began `duration` ms ago. Return true if a new stream must try a higher step.
  onTime(duration) {
    if (!this.isReduced || duration < this.#wait(this.#step - 1)) return false;
    this.#step -= 1;
    this.isTrial = true;
    if (!this.isReduced) this.#steps = STEPS; // the server may accept a width the next time
    return true;
  }

  // The frames of a stream are late; it began `duration` ms ago. `rate` is the bytes per second that arrive, `size` the
  // bytes of a frame; `fps` and `width` are those of the camera.
  onLate(duration, { rate, size, fps, width }) {
    const wait = this.#wait(this.#step);
    const isSoon = duration < 2 * wait;
    this.#waits[this.#step] = isSoon ? Math.min(2 * wait, MAX_WAIT) : FIRST_WAIT;
    const scale = (step) => Math.min(1, step.width / width || 1) ** WIDTH_EXPONENT;
    const wholeSize = size / scale(this.query);
    const fits = (step) => wholeSize * scale(step) * Math.min(fps, step.fps ?? fps) <= HEADROOM * rate;
    // the same step is enough once, if only an interruption of the network has made the frames late
    const first = this.#step + Number(this.#hasActed && duration < FIRST_WAIT);
    const best = this.#steps.findIndex((step, i) => i >= first && fits(step));
    if (isSoon && this.isTrial) this.#step += 1; // back to the step before
    else this.#step = best < 0 ? this.#steps.length - 1 : best;
    this.isTrial = false;
    this.#hasActed = true;
  }

  // The server has refused the query: without a width, only the frame rate can be reduced.
  refuseWidth() {
    const { fps, width } = this.query;
    if (!width) return;
    this.#steps = RATES;
    this.#step = RATES.findIndex((step) => step.fps <= fps);
    this.#waits = [];
  }

  #wait(step) {
    return this.#waits[step] ?? FIRST_WAIT;
  }
}
