// Notices that the frames of a stream are late, and measures how fast bytes arrive then.

// A frame is late if its delay is longer than this many seconds, and than this many intervals of the camera.
const MAX_DELAY = 1;
const MAX_INTERVALS = 2;
// Milliseconds: how long frames must be late, and a stream must last, before it is replaced.
const PATIENCE = 1500;
const MIN_DURATION = 3000;
// The trial of a higher step, at its beginning, is replaced this many times as soon.
const HASTE = 3;
const TRIAL_DURATION = 15000;

export class Lateness {
  #beganAt;
  #isTrial;
  #since = null;
  #bytes = 0;

  // The stream is requested at `now`, in milliseconds of a monotonic clock.
  constructor(now, isTrial) {
    [this.#beganAt, this.#isTrial] = [now, isTrial];
  }

  onBytes(count) {
    this.#bytes += count;
  }

  // A frame arrives, perhaps not all of it yet, `delay` seconds after its capture; the camera delivers `fps` frames.
  // Return for how long the stream lasts, and at what `rate` bytes arrive if it must be replaced, otherwise 0.
  onFrame(now, delay, fps) {
    const isLate = delay > Math.max(MAX_DELAY, MAX_INTERVALS / fps);
    if (!isLate) this.#since = null;
    else if (this.#since === null) [this.#since, this.#bytes] = [now, 0];
    const [duration, late] = [now - this.#beganAt, now - this.#since];
    const haste = this.#isTrial && duration < TRIAL_DURATION ? HASTE : 1;
    const isTooLate = isLate && haste * late >= PATIENCE && haste * duration >= MIN_DURATION;
    return { isLate, duration, rate: isTooLate ? (1000 * this.#bytes) / late : 0 };
  }
}
