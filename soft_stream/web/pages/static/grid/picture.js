// The pictures of one camera in a frame: a stream, or thumbnails that come one by one. The newest one lies on top.

// Give up on a thumbnail after so many milliseconds.
const PATIENCE = 8000;

export class Picture {
  takenAt = null; // when what is shown was captured, as far as is known, ms; null while there is nothing
  failures = 0; // how often in a row nothing came
  streamingSince = null; // when the stream was asked for, ms; null without one
  isLoading = false;
  #frame;
  #stream = null;
  #hasSettled = false;

  constructor(frame) {
    this.#frame = frame;
  }

  // Browsers do not tell that the stream of an <img> ends, only that it could not begin.
  stream(url, onFailure) {
    this.stop();
    const stream = layer();
    stream.addEventListener("load", () => this.settle());
    stream.addEventListener("error", () => {
      if (stream !== this.#stream) return;
      this.failures += 1;
      this.stop();
      onFailure();
    });
    stream.src = url;
    this.#frame.append(stream);
    this.#stream = stream;
    this.#hasSettled = false;
    this.streamingSince = Date.now();
  }

  // End the stream, and keep its last picture: taking the address away is what closes the connection.
  stop() {
    const stream = this.#stream;
    if (!stream) return;
    this.#stream = this.streamingSince = null;
    if (stream.naturalWidth) this.#show(copyOf(stream));
    stream.removeAttribute("src");
    stream.remove();
  }

  async thumbnail(url) {
    const thumbnail = layer();
    const asked = Date.now();
    this.isLoading = true;
    const hasCome = await come(thumbnail, url);
    this.isLoading = false;
    this.failures = hasCome ? 0 : this.failures + 1;
    if (!hasCome || this.#stream) return;
    this.takenAt = asked;
    this.#show(thumbnail);
  }

  // Show what another frame shows, until there is something better.
  copy(other) {
    const shown = other.#frame.lastElementChild;
    if (!shown?.naturalWidth && !shown?.width) return;
    this.takenAt = other.takenAt;
    this.#show(copyOf(shown));
  }

  // Whether a stream is shown whose pictures have begun to come.
  get isStream() {
    return Boolean(this.#stream?.naturalWidth);
  }

  // Drop what lies under a stream whose pictures have begun to come.
  settle() {
    if (!this.isStream || this.#hasSettled) return;
    this.#hasSettled = true;
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

  // A stream that is taken out and put in again might begin anew: it stays, and the others go.
  #show(layer) {
    for (const other of [...this.#frame.children]) if (other !== layer) other.remove();
    if (!layer.isConnected) this.#frame.append(layer);
  }
}

function layer() {
  return Object.assign(new Image(), { alt: "", decoding: "async", draggable: false });
}

function copyOf(shown) {
  const [width, height] = [shown.naturalWidth || shown.width, shown.naturalHeight || shown.height];
  const copy = Object.assign(document.createElement("canvas"), { width, height });
  copy.getContext("2d").drawImage(shown, 0, 0);
  return copy;
}

function come(thumbnail, url) {
  return new Promise((resolve) => {
    const late = setTimeout(() => {
      thumbnail.removeAttribute("src");
      resolve(false);
    }, PATIENCE);
    const settle = (hasCome) => {
      clearTimeout(late);
      resolve(hasCome);
    };
    thumbnail.addEventListener("load", () => settle(true));
    thumbnail.addEventListener("error", () => settle(false));
    thumbnail.src = url;
  });
}
