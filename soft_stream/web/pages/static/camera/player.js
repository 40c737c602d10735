// Keeps a picture live: the stream, asked for again whenever it ends, or single snapshots where no stream gets through.

import { parts } from "./multipart.js";
import { client, get } from "../shared/api.js";

// A stream that sends nothing for so long is dead: the portal itself sends something every second, or as often as a
// browser may have frames. Milliseconds.
const SILENCE = 5000;
const PAUSE = 1000;
const SNAPSHOT_INTERVAL = 500;
const SNAPSHOTS_FOR = 60000;
// So many streams in a row without a fresh picture, of a camera that has some: something between us holds them back.
const FAILURES = 2;
const SNAPSHOT_DEADLINE = 8000;
// Seconds; an older picture is not fresh.
const FRESH = 5;
const FPS_WINDOW = 3000;
const SHORTEST = 200; // what comes all at once tells nothing of a rate
const OVERDUE = 1000;
const ARRIVALS = 400;

export class Live {
  mode = "stream";
  fault = ""; // the server's sentence, while there is no stream
  #show;
  #status;
  #running = null;
  #wake = () => {};
  #giveUp = () => {};
  #failures = 0;
  #arrivals = [];
  #next = null;
  #shown = null; // when the frame that is shown arrived, by both clocks (ms), and how old it was then (s)
  #decoding = false;

  // `show` draws an ImageBitmap; `status` knows the server's time, and whether the camera gives frames.
  constructor(show, status) {
    this.#show = show;
    this.#status = status;
  }

  start() {
    if (this.#running) return;
    this.#running = new AbortController();
    this.#run(this.#running.signal);
  }

  stop() {
    this.#running?.abort();
    this.#running = null;
    this.#arrivals = [];
  }

  // Try again now: the network is back, and what was asked for over the one before may be lost.
  hurry() {
    this.#wake();
    if (this.age > FRESH) this.#giveUp();
  }

  get hasPicture() {
    return this.#shown !== null;
  }

  // Seconds since the picture was taken that is shown; Infinity while there is none. Both clocks of the browser count:
  // one may stand still while the machine sleeps, the other be set.
  get age() {
    if (!this.#shown) return Infinity;
    const { delay, at, time } = this.#shown;
    return delay + Math.max(performance.now() - at, Date.now() - time) / 1000;
  }

  // Frames a second that arrive here; 0 when the next one is long overdue.
  get fps() {
    const now = performance.now();
    const recent = this.#arrivals.filter((at) => at > now - FPS_WINDOW);
    const counted = recent.length > 2 ? recent : this.#arrivals.slice(-3);
    const span = counted.at(-1) - counted[0];
    const interval = span / (counted.length - 1);
    const isKnown = span > SHORTEST && now - counted.at(-1) < Math.max(OVERDUE, 2 * interval);
    return isKnown ? 1000 / interval : 0;
  }

  async #run(signal) {
    while (!signal.aborted) {
      try {
        await (this.mode === "stream" ? this.#stream(signal) : this.#snapshots(signal));
      } catch (error) {
        if (signal.aborted) return;
        this.fault = error.status ? error.message : "";
        if (!error.status && this.#status.isReachable && !this.#status.facts?.fault) this.#failures += 1;
      }
      this.mode = this.mode === "stream" && this.#failures >= FAILURES ? "snapshots" : "stream";
      if (this.mode === "stream") await this.#pause(PAUSE, signal);
    }
  }

  async #stream(signal) {
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    this.#giveUp = stop;
    let heardAt = performance.now();
    let isOpen = false;
    const watch = setInterval(() => {
      const isCameraSlow = this.#status.knowsUs && !this.#status.flows; // else the way is, or the request was lost
      if (!isOpen && isCameraSlow) heardAt = performance.now();
      if (performance.now() - heardAt > Math.max(SILENCE, 3000 * this.#status.interval)) stop();
    }, PAUSE);
    signal.addEventListener("abort", stop);
    try {
      const answer = await get("stream.mjpg", { client, t: Date.now() }, { signal: attempt.signal });
      for await (const part of parts(answer.body, () => (heardAt = performance.now()))) {
        isOpen = true;
        this.fault = "";
        if (part.headers["x-frame"]) continue; // a repeat is known, and what a notice says the page says itself
        if (this.#take(part.bytes, part.headers["x-timestamp"]) < FRESH) this.#failures = 0;
      }
    } finally {
      clearInterval(watch);
      signal.removeEventListener("abort", stop);
    }
  }

  async #snapshots(signal) {
    const until = performance.now() + SNAPSHOTS_FOR;
    this.#failures = FAILURES - 1; // one more try for the stream, then
    while (performance.now() < until) {
      const began = performance.now();
      const late = AbortSignal.any([signal, AbortSignal.timeout(SNAPSHOT_DEADLINE + SILENCE)]);
      const asked = { size: "stream", focus: "never", deadline_ms: SNAPSHOT_DEADLINE, client, t: Date.now() };
      const answer = await get("snapshot.jpg", asked, { signal: late });
      const bytes = await answer.arrayBuffer();
      this.fault = "";
      this.#take(bytes, answer.headers.get("X-Timestamp"));
      await this.#pause(SNAPSHOT_INTERVAL - (performance.now() - began), signal);
    }
  }

  // Returns how old a frame was when it arrived, in seconds, as far as is known: a proxy may drop what tells.
  #take(bytes, capturedAt) {
    const [at, time] = [performance.now(), Date.now()];
    const delay = capturedAt ? Math.max(0, this.#status.serverTime() - Number(capturedAt)) : 0;
    this.#arrivals = [...this.#arrivals.slice(-ARRIVALS), at];
    this.#next = { bytes, arrived: { delay, at, time } };
    if (!this.#decoding) this.#decode();
    return delay;
  }

  // One after the other; of those that come meanwhile, the newest counts.
  async #decode() {
    this.#decoding = true;
    while (this.#next) {
      const { bytes, arrived } = this.#next;
      this.#next = null;
      try {
        this.#show(await createImageBitmap(new Blob([bytes], { type: "image/jpeg" })));
        this.#shown = arrived;
      } catch (error) {
        console.debug(error); // a webcam's damaged JPEG: the next one may be whole, and until then the picture ages
      }
    }
    this.#decoding = false;
  }

  #pause(milliseconds, signal) {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, Math.max(0, milliseconds));
      signal.addEventListener("abort", end);
      this.#wake = end;
    });
  }
}
