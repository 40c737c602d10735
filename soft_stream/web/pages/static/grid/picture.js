// The picture of one camera in the grid: a stream, or still pictures. The last element of the frame that is not empty is visible.

import { HEADERS } from "../shared/api.js";
import { copyOf, createImage, openStream } from "./live_picture.js";

// Milliseconds after which a still picture has failed.
const TIMEOUT = 8000;

export class Picture {
  takenAt = null; // when the visible picture was captured, as far as is known, ms; null without a picture
  knowsTime = false; // whether `takenAt` is from the stream itself
  failures = 0; // failed requests in a row
  streamingSince = null; // when the stream was requested, ms; null without a stream
  #loading = null;
  #frame;
  #stream = null;
  #isStreamShown = false;

  constructor(frame) {
    this.#frame = frame;
  }

  // Start a stream. Call `onFailure` if it cannot begin, with whether the server may have refused it. Its end is only
  // known if scripts may read it; then `onData` is called as by parts(), and `findTime` returns when a part was captured.
  stream(url, { onFailure, onData, findTime }) {
    this.stop();
    const isCurrent = () => stream === this.#stream;
    const stream = openStream(url, {
      onBegin: () => this.showStream(),
      onEnd: () => isCurrent() && this.stop(),
      onFailure: (isRefused) => {
        if (!isCurrent()) return;
        this.failures += 1;
        this.stop();
        onFailure(isRefused);
      },
      onTime: (takenAt) => isCurrent() && Object.assign(this, { takenAt, knowsTime: true }),
      onData,
      findTime,
    });
    this.#frame.append(stream.element);
    this.#stream = stream;
    this.#isStreamShown = this.knowsTime = false;
    this.streamingSince = Date.now();
  }

  // End the stream, and keep its last frame.
  stop() {
    const stream = this.#stream;
    if (!stream) return;
    this.#stream = this.streamingSince = null;
    if (stream.hasBegun) this.#show(stream.last);
    stream.end();
  }

  // Load a still picture. Return whether it is shown, and when it was captured: null if only the server knows that.
  async load(url) {
    const image = createImage();
    const loading = (this.#loading = new AbortController());
    const timer = setTimeout(() => loading.abort(), TIMEOUT);
    const request = new URL(url).origin === location.origin ? fetchImage : loadImage;
    const loaded = await request(image, url, loading.signal);
    clearTimeout(timer);
    this.#loading = null;
    this.failures = loaded ? 0 : this.failures + 1;
    const isShown = loaded !== null && !this.isStream;
    if (isShown) this.#show(image);
    return { isShown, takenAt: loaded?.takenAt ?? null };
  }

  get isLoading() {
    return this.#loading !== null;
  }

  // A camera that does not answer must not keep a connection that others need.
  cancelLoading() {
    this.#loading?.abort();
  }

  // Show the picture of another frame until a newer one arrives.
  copy(other) {
    const shown = [...other.#frame.children].findLast((each) => each.naturalWidth ?? each.width); // a new one is empty
    if (!shown) return;
    this.takenAt = other.takenAt;
    this.#show(copyOf(shown));
  }

  // Whether a stream has begun to arrive.
  get isStream() {
    return Boolean(this.#stream?.hasBegun);
  }

  // Remove the old picture once the stream has begun to arrive.
  showStream() {
    if (!this.isStream || this.#isStreamShown) return;
    this.#isStreamShown = true;
    this.failures = 0;
    this.takenAt = this.streamingSince;
    this.#show(this.#stream.element);
  }

  clear() {
    this.stop();
    this.#frame.replaceChildren();
    this.takenAt = null;
    this.failures = 0;
  }

  get isEmpty() {
    return this.takenAt === null && !this.isStream;
  }

  // Remove all other elements, except a stream that may begin later.
  #show(picture) {
    for (const other of [...this.#frame.children]) {
      if (other !== picture && other !== this.#stream?.element) other.remove();
    }
    // a stream that is removed and added again might start again, so it stays
    if (!picture.isConnected) this.#frame.prepend(picture);
  }
}

// Load an image of this origin: its headers say how old it is, unless a proxy drops them. Return null if that fails.
async function fetchImage(image, url, signal) {
  try {
    const response = await fetch(url, { cache: "no-cache", headers: HEADERS, signal });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    const age = response.headers.get("X-Age-Ms");
    const takenAt = age === null ? null : Date.now() - Number(age);
    image.src = URL.createObjectURL(await response.blob());
    await image.decode().finally(() => URL.revokeObjectURL(image.src));
    return { takenAt };
  } catch (error) {
    console.debug(error); // the tile shows the reason from cameras.json
    return null;
  }
}

// Load an image of another origin, whose headers scripts cannot read. Return null if that fails.
function loadImage(image, url, signal) {
  return new Promise((resolve) => {
    const end = (outcome) => {
      if (!outcome) image.removeAttribute("src");
      resolve(outcome);
    };
    image.addEventListener("load", () => end({}));
    image.addEventListener("error", () => end(null));
    signal.addEventListener("abort", () => end(null));
    image.src = url;
  });
}
