// Plays the live picture: a stream that is requested again whenever it ends, or snapshots if no stream gets through.

import { parts } from "./multipart.js";
import { client, get } from "../shared/api.js";

// Milliseconds. A stream without data for 5 s is dead: the server sends something every second, or at the rate limit.
const STREAM_TIMEOUT = 5000;
const RETRY_PAUSE = 1000;
const SNAPSHOT_INTERVAL = 500;
const SNAPSHOT_TIMEOUT = 8000;
// After two streams in a row without a fresh frame, a proxy must be holding streams back: snapshots replace them.
const MAX_FAILURES = 2;
const SNAPSHOTS_DURATION = 60000;
// Seconds; an older frame is not fresh.
const FRESH = 5;
// A span shorter than 200 ms says nothing about the frame rate.
const FPS_WINDOW = 3000;
const MIN_FPS_SPAN = 200;
const OVERDUE = 1000;
const MAX_ARRIVALS = 400;

export class Player {
  mode = "stream";
  error = ""; // the message of the server while there is no stream
  #show;
  #status;
  #running = null;
  #endPause = () => {};
  #abortStream = () => {};
  #failures = 0;
  #arrivals = [];
  #next = null;
  #shown = null; // when the visible frame arrived, by both clocks (ms), and its age then (s)
  #isDecoding = false;

  // `show` draws an ImageBitmap; `status` is a Status.
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

  // Try again now: the network is back, and requests over the previous one may be lost.
  retryNow() {
    this.#endPause();
    if (this.age > FRESH) this.#abortStream();
  }

  get hasPicture() {
    return this.#shown !== null;
  }

  // Seconds since the visible frame was captured; Infinity if there is none. The larger of both clocks counts: the
  // monotonic one may stop while the machine sleeps, the other one may be set back.
  get age() {
    if (!this.#shown) return Infinity;
    const { delay, at, time } = this.#shown;
    return delay + Math.max(performance.now() - at, Date.now() - time) / 1000;
  }

  // Frames per second that arrive here; 0 if the next one is long overdue.
  get fps() {
    const now = performance.now();
    const recent = this.#arrivals.filter((at) => at > now - FPS_WINDOW);
    const counted = recent.length > 2 ? recent : this.#arrivals.slice(-3);
    const span = counted.at(-1) - counted[0];
    const interval = span / (counted.length - 1);
    const isKnown = span > MIN_FPS_SPAN && now - counted.at(-1) < Math.max(OVERDUE, 2 * interval);
    return isKnown ? 1000 / interval : 0;
  }

  async #run(signal) {
    while (!signal.aborted) {
      try {
        await (this.mode === "stream" ? this.#playStream(signal) : this.#playSnapshots(signal));
      } catch (error) {
        if (signal.aborted) return;
        this.error = error.status ? error.message : "";
        if (!error.status && this.#status.isReachable && !this.#status.facts?.fault) this.#failures += 1;
      }
      this.mode = this.mode === "stream" && this.#failures >= MAX_FAILURES ? "snapshots" : "stream";
      if (this.mode === "stream") await this.#pause(RETRY_PAUSE, signal);
    }
  }

  async #playStream(signal) {
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    this.#abortStream = abort;
    let lastData = performance.now();
    let isOpen = false;
    const watchdog = setInterval(() => {
      // a camera that starts slowly is no reason to give up; a lost request or a slow network is
      const isCameraSlow = this.#status.isClient && !this.#status.isStreaming;
      if (!isOpen && isCameraSlow) lastData = performance.now();
      if (performance.now() - lastData > Math.max(STREAM_TIMEOUT, 3000 * this.#status.interval)) abort();
    }, RETRY_PAUSE);
    signal.addEventListener("abort", abort);
    try {
      const response = await get("stream.mjpg", { client, t: Date.now() }, { signal: attempt.signal });
      for await (const part of parts(response.body, () => (lastData = performance.now()))) {
        isOpen = true;
        this.error = "";
        if (part.headers["x-frame"]) continue; // a repeated frame, or a placeholder: the page itself says why
        if (this.#onFrame(part.bytes, part.headers["x-timestamp"]) < FRESH) this.#failures = 0;
      }
    } finally {
      clearInterval(watchdog);
      signal.removeEventListener("abort", abort);
    }
  }

  async #playSnapshots(signal) {
    const end = performance.now() + SNAPSHOTS_DURATION;
    this.#failures = MAX_FAILURES - 1; // afterwards the stream gets one more try
    while (performance.now() < end) {
      const began = performance.now();
      const timeout = AbortSignal.any([signal, AbortSignal.timeout(SNAPSHOT_TIMEOUT + STREAM_TIMEOUT)]);
      const query = { size: "stream", focus: "never", deadline_ms: SNAPSHOT_TIMEOUT, client, t: Date.now() };
      const response = await get("snapshot.jpg", query, { signal: timeout });
      const bytes = await response.arrayBuffer();
      this.error = "";
      this.#onFrame(bytes, response.headers.get("X-Timestamp"));
      await this.#pause(SNAPSHOT_INTERVAL - (performance.now() - began), signal);
    }
  }

  // Return the age of a frame at its arrival, in seconds; 0 if a proxy has dropped its timestamp.
  #onFrame(bytes, capturedAt) {
    const [at, time] = [performance.now(), Date.now()];
    const delay = capturedAt ? Math.max(0, this.#status.serverTime() - Number(capturedAt)) : 0;
    this.#arrivals = [...this.#arrivals.slice(-MAX_ARRIVALS), at];
    this.#next = { bytes, arrived: { delay, at, time } };
    if (!this.#isDecoding) this.#decode();
    return delay;
  }

  // Decode one frame at a time; of those that arrive during that, only the newest is shown.
  async #decode() {
    this.#isDecoding = true;
    while (this.#next) {
      const { bytes, arrived } = this.#next;
      this.#next = null;
      try {
        this.#show(await createImageBitmap(new Blob([bytes], { type: "image/jpeg" })));
        this.#shown = arrived;
      } catch (error) {
        console.debug(error); // a damaged JPEG of a webcam: the visible frame stays, and ages
      }
    }
    this.#isDecoding = false;
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
      this.#endPause = end;
    });
  }
}
