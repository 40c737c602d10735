// Plays the live picture: a stream that is requested again whenever it ends, or snapshots if no stream gets through.

import { client, get } from "../shared/api.js";
import { Lateness } from "../shared/lateness.js";
import { parts } from "../shared/multipart.js";

// Milliseconds. A stream without data for 5 s is dead: while the camera is silent, the server sends placeholders.
const STREAM_TIMEOUT = 5000;
const RETRY_PAUSE = 1000;
// With HTTP/2 all answers use one connection: until it has carried the old frames, a new stream would be late, too.
const DRAIN_TIMEOUT = 30000;
// After two streams in a row without a fresh frame, a proxy must be holding streams back: snapshots replace them.
const MAX_FAILURES = 2;
const SNAPSHOTS_DURATION = 60000;
// The answers to a width that is not allowed, or to one too many.
const NO_RENDITION = [403, 503];
// Seconds; an older frame is not fresh.
const FRESH = 5;
// A span shorter than 200 ms says nothing about the frame rate.
const FPS_WINDOW = 3000;
const MIN_FPS_SPAN = 200;
const OVERDUE = 1000;
const MAX_ARRIVALS = 400;

export class Player {
  mode = "stream";
  size = null; // of the visible frame
  pace = null; // a Pace, after frames were late, or what a person has chosen
  error = ""; // the message of the server while there is no stream
  isConnecting = true; // whether a stream was requested, and nothing of it has arrived; not after a stall
  #show;
  #status;
  #running = null;
  #endPause = () => {};
  #abortStream = () => {};
  #replaceStream = () => {};
  #failures = 0;
  #arrivals = [];
  #next = null;
  #shown = null; // when the visible frame arrived, by both clocks (ms), and its age then (s)
  #isDecoding = false;

  // `show` draws an ImageBitmap, and gets the part of the picture that it shows if that is not all; `status` is a Status.
  constructor(show, status) {
    this.#show = show;
    this.#status = status;
  }

  start() {
    if (this.#running) return;
    this.#running = new AbortController();
    this.isConnecting = true;
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

  // Request a new stream with another pace; null is the one that adapts to the network.
  setPace(pace) {
    this.pace = pace;
    this.#replaceStream();
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
        const isHealthy = this.#status.isReachable && !this.#status.facts?.fault;
        if (isHealthy && NO_RENDITION.includes(error.status)) this.pace?.refuseWidth();
        if (isHealthy && !error.status) this.#failures += 1;
        await this.#pause();
        if (signal.aborted) return;
      }
      this.mode = this.mode === "stream" && this.#failures >= MAX_FAILURES ? "snapshots" : "stream";
    }
  }

  // Play a stream until it fails, or until it must be replaced by a new one with another rate or width.
  async #playStream(signal) {
    const attempt = new AbortController();
    let hasStalled = false;
    const abort = () => attempt.abort();
    this.#abortStream = abort;
    let lastData = performance.now();
    let isOpen = false;
    let isFresh = false;
    let replace = null; // what to do before a new stream
    const watchdog = setInterval(() => {
      // a camera that starts slowly is no reason to give up; a lost request or a slow network is
      const isCameraSlow = this.#status.isClient && !this.#status.isStreaming;
      if (!isOpen && isCameraSlow) lastData = performance.now();
      if (performance.now() - lastData < Math.max(STREAM_TIMEOUT, 3000 * this.#status.interval)) return;
      hasStalled = isOpen;
      abort();
    }, RETRY_PAUSE);
    const lateness = new Lateness(performance.now(), this.pace?.isTrial);
    const onData = (count, headers) => {
      lastData = performance.now();
      lateness.onBytes(count);
      replace ??= headers && this.#findReplacement(headers, lateness);
      if (replace) abort();
    };
    this.#replaceStream = () => {
      [replace, isFresh] = [() => {}, true]; // it has not failed
      abort();
    };
    signal.addEventListener("abort", abort);
    try {
      // WebKit cancels a fetch of multipart
      const query = { content_type: "octet-stream", client, t: Date.now(), ...this.pace?.query };
      const response = await get("stream.mjpg", query, { signal: attempt.signal });
      for await (const part of parts(response.body, onData)) {
        isOpen = true;
        this.isConnecting = false;
        this.error = "";
        onData(0, part.headers);
        if (part.headers["x-frame"]) continue; // a repeated frame, or a placeholder: the page itself says why
        if (this.#onFrame(part.bytes, part.headers["x-monotonic"], part.headers["x-zoom"]) >= FRESH) continue;
        isFresh = true;
        this.#failures = 0;
      }
    } catch (error) {
      this.isConnecting ||= !replace && !hasStalled;
      if (!replace) throw error;
      if (!isFresh) this.#failures += 1;
      await replace();
    } finally {
      clearInterval(watchdog);
      signal.removeEventListener("abort", abort);
    }
  }

  // Return what to do before a new stream replaces the one in which this part arrives; null if it goes on.
  #findReplacement({ "x-frame": label, "x-monotonic": capturedAt, "content-length": size }, lateness) {
    const { facts } = this.#status;
    const [now, fps] = [performance.now(), facts?.captured_fps || Infinity];
    if (label === "repeat") return null;
    const isSilent = label || facts?.fault; // a new stream would wait for the camera, too
    const { isLate, duration, rate } = lateness.onFrame(now, isSilent ? 0 : this.#status.clock.since(capturedAt), fps);
    if (rate) return () => this.#slowDown(duration, { rate, size: Number(size), fps, width: facts?.frame?.width });
    return !isSilent && !isLate && this.pace?.onTime(duration) ? () => {} : null;
  }

  async #slowDown(duration, measured) {
    this.pace ??= new (await import("../shared/pace.js")).Pace();
    this.pace.onLate(duration, measured);
    await this.#status.refresh(DRAIN_TIMEOUT);
  }

  async #playSnapshots(signal) {
    const { snapshots } = await import("./snapshots.js");
    const end = performance.now() + SNAPSHOTS_DURATION;
    this.#failures = MAX_FAILURES - 1; // afterwards the stream gets one more try
    for await (const { bytes, capturedAt, zoom } of snapshots(signal, end)) {
      this.isConnecting = false;
      this.error = "";
      this.#onFrame(bytes, capturedAt, zoom);
    }
  }

  // Show a picture that was `age` seconds old at its arrival, unless there is a newer one.
  showOld(bytes, age) {
    if (this.#shown || this.#next) return;
    this.#next = { bytes, arrived: { delay: age, at: performance.now(), time: Date.now() }, isOld: true };
    if (!this.#isDecoding) this.#decode();
  }

  // Return the age of a frame at its arrival.
  #onFrame(bytes, capturedAt, zoom) {
    const [at, time] = [performance.now(), Date.now()];
    const delay = this.#status.clock.since(capturedAt) || 0; // 0 if it is unknown
    this.#arrivals = [...this.#arrivals.slice(-MAX_ARRIVALS), at];
    this.#next = { bytes, zoom, arrived: { delay, at, time } };
    if (!this.#isDecoding) this.#decode();
    return delay;
  }

  // Decode one frame at a time; of those that arrive during that, only the newest is shown.
  async #decode() {
    this.#isDecoding = true;
    while (this.#next) {
      const { bytes, zoom, arrived, isOld } = this.#next;
      this.#next = null;
      try {
        const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
        if (!isOld) this.size = { width: bitmap.width, height: bitmap.height };
        this.#show(bitmap, parsePart(zoom));
        this.#shown = arrived;
      } catch (error) {
        console.debug(error); // a damaged JPEG of a webcam: the visible frame stays, and ages
      }
    }
    this.#isDecoding = false;
  }

  #pause() {
    return new Promise((resolve) => {
      setTimeout(resolve, RETRY_PAUSE);
      this.#endPause = resolve;
    });
  }
}

// Return the part of the picture in the header of a frame.
function parsePart(text) {
  const [x, y, size] = text?.split(",").map(Number) ?? [];
  return size > 0 ? { x, y, size } : undefined;
}
