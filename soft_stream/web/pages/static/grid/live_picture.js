// A stream of the grid as an element: a canvas if scripts may read the stream, otherwise an <img>.

import { HEADERS } from "../shared/api.js";
import { parts } from "../shared/multipart.js";

// WebKit never ends the stream of an <img>, so the camera stays open, and six such streams use all connections to a
// host. Cameras at another origin are not readable, so they need the <img>.
export function openStream(url, events) {
  return new URL(url).origin === location.origin ? new CanvasStream(url, events) : new ImageStream(url, events);
}

// An <img> reports only that a stream could not begin, not that it has ended.
class ImageStream {
  element = createImage();

  constructor(url, { onBegin, onFailure }) {
    this.element.addEventListener("load", onBegin);
    this.element.addEventListener("error", () => onFailure(true));
    this.element.src = url;
  }

  get hasBegun() {
    return Boolean(this.element.naturalWidth);
  }

  // An element that keeps the last frame after the end.
  get last() {
    return copyOf(this.element);
  }

  // The connection is closed when `src` is removed.
  end() {
    this.element.removeAttribute("src");
    this.element.remove();
  }
}

class CanvasStream {
  element = Object.assign(document.createElement("canvas"), { width: 0, height: 0 });
  hasBegun = false;
  #events;
  #aborting = new AbortController();
  #next = null;
  #isDecoding = false;

  constructor(url, events) {
    this.#events = events;
    this.#play(`${url}&content_type=octet-stream`);
  }

  get last() {
    return this.element;
  }

  end() {
    this.#aborting.abort();
    if (!this.hasBegun) this.element.remove();
  }

  async #play(url) {
    const { signal } = this.#aborting;
    const onData = (count, headers) => signal.aborted || this.#events.onData(count, headers);
    try {
      const response = await fetch(url, { cache: "no-store", headers: HEADERS, signal });
      if (!response.ok) throw Object.assign(new Error(response.statusText), { status: response.status });
      for await (const { bytes, headers } of parts(response.body, onData)) {
        onData(0, headers);
        if (signal.aborted) return;
        this.#next = { bytes, takenAt: this.#events.findTime(headers) };
        if (!this.#isDecoding) this.#decode();
      }
    } catch (error) {
      if (signal.aborted) return;
      console.debug(error); // the page shows the reason from cameras.json
      if (this.hasBegun) this.#events.onEnd();
      else this.#events.onFailure(Boolean(error.status));
    }
  }

  // Decode one frame at a time; of those that arrive during that, only the newest is shown.
  async #decode() {
    this.#isDecoding = true;
    while (this.#next) {
      const { bytes, takenAt } = this.#next;
      this.#next = null;
      try {
        this.#draw(await createImageBitmap(new Blob([bytes], { type: "image/jpeg" })));
        if (takenAt !== null) this.#events.onTime(takenAt);
      } catch (error) {
        console.debug(error); // a damaged JPEG of a webcam
      }
    }
    this.#isDecoding = false;
  }

  #draw(bitmap) {
    const { width, height } = bitmap;
    const canvas = this.element;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.getContext("2d", { alpha: false }).drawImage(bitmap, 0, 0);
    bitmap.close();
    if (this.hasBegun) return;
    this.hasBegun = true;
    this.#events.onBegin();
  }
}

export function createImage() {
  return Object.assign(new Image(), { alt: "", decoding: "async", draggable: false });
}

export function copyOf(shown) {
  const [width, height] = [shown.naturalWidth || shown.width, shown.naturalHeight || shown.height];
  const copy = Object.assign(document.createElement("canvas"), { width, height });
  copy.getContext("2d").drawImage(shown, 0, 0);
  return copy;
}
