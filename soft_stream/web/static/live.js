// Keeps a picture live: the stream, asked for again whenever it ends, or single snapshots where no stream gets through.

import { parts } from "./multipart.js";
import { client, get } from "./server.js";

// A stream that sends nothing for so long is dead: the portal itself sends something every second. Milliseconds.
const SILENCE = 5000;
const PAUSE = 1000;
const SNAPSHOT_INTERVAL = 500;
const SNAPSHOTS_FOR = 60000;
// So many streams in a row without a fresh picture, of a camera that has some: something between us holds them back.
const FAILURES = 2;
// Seconds; an older picture is not fresh.
const FRESH = 5;
const FPS_WINDOW = 3000;

export class Live {
  mode = "stream";
  fault = ""; // the server's sentence, while there is no stream
  capturedAt = null; // Unix seconds by the server's clock, of the newest frame that is shown
  #show;
  #status;
  #running = null;
  #wake = () => {};
  #failures = 0;
  #arrivals = [];
  #next = null;
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

  // Try again now: the network is back, or the server.
  hurry() {
    this.#wake();
  }

  // Seconds since the picture was taken that is shown; Infinity while there is none.
  get age() {
    return this.capturedAt === null ? Infinity : Math.max(0, this.#status.serverTime() - this.capturedAt);
  }

  // Frames a second that arrive here.
  get fps() {
    const now = performance.now();
    this.#arrivals = this.#arrivals.filter((at) => at > now - FPS_WINDOW);
    const [first, last] = [this.#arrivals[0], this.#arrivals.at(-1)];
    return last > first ? ((this.#arrivals.length - 1) * 1000) / (last - first) : 0;
  }

  async #run(signal) {
    while (!signal.aborted) {
      try {
        await (this.mode === "stream" ? this.#stream(signal) : this.#snapshots(signal));
      } catch (error) {
        if (signal.aborted) return;
        this.fault = error.status ? error.message : "";
        if (!error.status && this.#status.flows) this.#failures += 1;
      }
      this.mode = this.mode === "stream" && this.#failures >= FAILURES ? "snapshots" : "stream";
      if (this.mode === "stream") await this.#pause(PAUSE, signal);
    }
  }

  async #stream(signal) {
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    let heardAt = performance.now();
    let isOpen = false;
    const watch = setInterval(() => {
      if (!isOpen && !this.#status.flows) heardAt = performance.now(); // the camera takes its time, not the way
      if (performance.now() - heardAt > SILENCE) stop();
    }, PAUSE);
    signal.addEventListener("abort", stop);
    try {
      const answer = await get("stream.mjpg", { client, t: Date.now() }, { signal: attempt.signal });
      for await (const part of parts(answer.body, () => (heardAt = performance.now()))) {
        isOpen = true;
        this.fault = "";
        if (part.headers["x-frame"]) continue; // a repeat is known, and what a notice says the page says itself
        this.#arrivals.push(performance.now());
        this.#take(part.bytes, Number(part.headers["x-timestamp"]));
        if (this.age < FRESH) this.#failures = 0;
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
      const answer = await get("snapshot.jpg", { size: "stream", focus: "never", client, t: Date.now() }, { signal });
      const bytes = await answer.arrayBuffer();
      this.fault = "";
      this.#arrivals.push(performance.now());
      this.#take(bytes, Number(answer.headers.get("X-Timestamp")));
      await this.#pause(SNAPSHOT_INTERVAL - (performance.now() - began), signal);
    }
  }

  // Decode one after the other; of those that come meanwhile, the newest counts.
  async #take(bytes, capturedAt) {
    this.#next = { bytes, capturedAt };
    if (this.#decoding) return;
    this.#decoding = true;
    while (this.#next) {
      const { bytes, capturedAt } = this.#next;
      this.#next = null;
      try {
        const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
        this.#show(bitmap);
        this.capturedAt = capturedAt;
      } catch (error) {
        this.fault = error.message; // a webcam's damaged JPEG: the next one may be whole
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
