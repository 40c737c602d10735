// The picture of one camera in the grid: a stream, or thumbnails. The last element of the frame is the visible one.

// Milliseconds after which a thumbnail has failed.
const TIMEOUT = 8000;

export class Picture {
  takenAt = null; // when the visible picture was captured, as far as is known, ms; null without a picture
  failures = 0; // failed requests in a row
  streamingSince = null; // when the stream was requested, ms; null without a stream
  isLoading = false;
  #frame;
  #stream = null;
  #isStreamShown = false;

  constructor(frame) {
    this.#frame = frame;
  }

  // Start a stream. An <img> reports only that a stream could not begin, not that it has ended.
  stream(url, onFailure) {
    this.stop();
    const stream = createImage();
    stream.addEventListener("load", () => this.showStream());
    stream.addEventListener("error", () => {
      if (stream !== this.#stream) return;
      this.failures += 1;
      this.stop();
      onFailure();
    });
    stream.src = url;
    this.#frame.append(stream);
    this.#stream = stream;
    this.#isStreamShown = false;
    this.streamingSince = Date.now();
  }

  // End the stream, and keep its last frame. The connection is closed when `src` is removed.
  stop() {
    const stream = this.#stream;
    if (!stream) return;
    this.#stream = this.streamingSince = null;
    if (stream.naturalWidth) this.#show(copyOf(stream));
    stream.removeAttribute("src");
    stream.remove();
  }

  async loadThumbnail(url) {
    const thumbnail = createImage();
    const requested = Date.now();
    this.isLoading = true;
    const isLoaded = await loadImage(thumbnail, url);
    this.isLoading = false;
    this.failures = isLoaded ? 0 : this.failures + 1;
    if (!isLoaded || this.#stream) return;
    this.takenAt = requested;
    this.#show(thumbnail);
  }

  // Show the picture of another frame until a newer one arrives.
  copy(other) {
    const shown = other.#frame.lastElementChild;
    if (!shown?.naturalWidth && !shown?.width) return;
    this.takenAt = other.takenAt;
    this.#show(copyOf(shown));
  }

  // Whether a stream has begun to arrive.
  get isStream() {
    return Boolean(this.#stream?.naturalWidth);
  }

  // Remove the old picture once the stream has begun to arrive.
  showStream() {
    if (!this.isStream || this.#isStreamShown) return;
    this.#isStreamShown = true;
    this.failures = 0;
    this.takenAt = this.streamingSince;
    this.#show(this.#stream);
  }

  clear() {
    this.stop();
    this.#frame.replaceChildren();
    this.takenAt = null;
    this.failures = 0;
  }

  // Remove all other elements. A stream that is removed and added again might start again, so it stays.
  #show(picture) {
    for (const other of [...this.#frame.children]) if (other !== picture) other.remove();
    if (!picture.isConnected) this.#frame.append(picture);
  }
}

function createImage() {
  return Object.assign(new Image(), { alt: "", decoding: "async", draggable: false });
}

function copyOf(shown) {
  const [width, height] = [shown.naturalWidth || shown.width, shown.naturalHeight || shown.height];
  const copy = Object.assign(document.createElement("canvas"), { width, height });
  copy.getContext("2d").drawImage(shown, 0, 0);
  return copy;
}

// Return whether the image was loaded in time.
function loadImage(image, url) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      image.removeAttribute("src");
      resolve(false);
    }, TIMEOUT);
    const end = (isLoaded) => {
      clearTimeout(timer);
      resolve(isLoaded);
    };
    image.addEventListener("load", () => end(true));
    image.addEventListener("error", () => end(false));
    image.src = url;
  });
}
