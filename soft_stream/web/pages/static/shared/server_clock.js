// Estimates the monotonic clock of the server, to which the ages of frames refer.

const DRIFT = 0.002; // seconds: of clocks between two answers, and the rounding of the server

export class ServerClock {
  #limits = null; // the least and the most seconds that it may be ahead of ours

  // An answer with the server's `time` arrives; it was requested at `requestedAt`, in ms of our clock.
  onAnswer(time, requestedAt) {
    if (!time) return; // an older release
    const [least, most] = [time - Date.now() / 1000, time - requestedAt / 1000];
    const [low, high] = this.#limits ?? [-Infinity, Infinity];
    // the quickest answers have the best limits; they count until an answer contradicts them
    const [newLow, newHigh] = [Math.max(least, low - DRIFT), Math.min(most, high + DRIFT)];
    this.#limits = newLow <= newHigh ? [newLow, newHigh] : [least, most];
  }

  // Return the seconds since a time of the server; NaN if its clock is unknown, or if a proxy has dropped the time.
  since(time) {
    if (!this.#limits || !time) return NaN;
    return Math.max(0, Date.now() / 1000 + (this.#limits[0] + this.#limits[1]) / 2 - time);
  }
}
