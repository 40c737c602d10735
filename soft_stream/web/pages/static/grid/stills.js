// The still pictures of a pane: the thumbnail of a camera that need not be open, or snapshots, which open it.

// Milliseconds.
export const STILL_INTERVAL = 5000;
const SNAPSHOT_INTERVAL = 2000;
// A camera that is dead delays the states of the others; their last pictures do not wait longer for these.
const PATIENCE = 600;
// The thumbnail of a closed camera is loaded again if it is this much newer than the picture that is shown.
const NEWER = 1500;
// Pixels: few widths, because the server encodes each once for all clients. A wider pane shows the original.
const WIDTHS = [320, 480, 640, 960, 1280];

export class Stills {
  askedAt = 0; // when the last one was requested, ms
  isPlaceholder = false; // whether the picture may be one of the server's placeholders
  #pane;
  #client;
  #createdAt = Date.now();
  #loadedAt = null; // when a thumbnail was loaded of which only the next answer says how old it is, ms
  #loads = 0;

  constructor(pane, client) {
    this.#pane = pane;
    this.#client = client;
  }

  // An answer that was requested at `requestedAt` says how old the thumbnail on the server is. The one of another origin
  // that was loaded is as old, and not newer than its request.
  onAnswer(requestedAt) {
    const { picture, isStreaming } = this.#pane;
    if (this.#loadedAt === null) return;
    if (requestedAt < this.#loadedAt && (picture.takenAt !== null || isStreaming)) return;
    if (this.#takenAt !== null) picture.takenAt = Math.min(this.#loadedAt, this.#takenAt);
    if (requestedAt >= this.#loadedAt) this.#loadedAt = null;
  }

  // Whether one must be requested now.
  get isDue() {
    const { facts, picture, isStreaming, usesSnapshots, isUnreachable } = this.#pane;
    if (picture.isLoading) return false;
    if (!facts) return !this.askedAt && Date.now() - this.#createdAt > PATIENCE;
    const since = Date.now() - this.askedAt;
    if (usesSnapshots && !picture.streamingSince) return since >= SNAPSHOT_INTERVAL;
    if (since < STILL_INTERVAL || isUnreachable) return false;
    // a camera that has to be opened for a stream shows its last picture until then
    if (picture.streamingSince) return picture.isEmpty && this.#takenAt !== null;
    if (this.#isOlder) return isStreaming; // an older release has no picture of a closed camera
    if (isStreaming) return true;
    const hasNone = picture.isEmpty || this.isPlaceholder;
    return this.#takenAt !== null && (hasNone || this.#takenAt > picture.takenAt + NEWER);
  }

  async refresh() {
    const { facts, picture, usesSnapshots, isStreaming } = this.#pane;
    const askedAt = (this.askedAt = Date.now());
    const isSnapshot = facts !== null && (this.#isOlder || (usesSnapshots && !picture.streamingSince));
    const width = isSnapshot ? this.#width() : {};
    const { isShown, takenAt } = await picture.load(isSnapshot ? this.#snapshotUrl(width) : this.#thumbnailUrl());
    if (isSnapshot && picture.failures) this.#pane.refusesWidth = "width" in width;
    if (isShown) {
      this.isPlaceholder = false;
      if (takenAt !== null) picture.takenAt = takenAt;
      else if (isSnapshot) picture.takenAt = askedAt; // it is not older than its request
      else this.#loadedAt = Date.now();
      if (picture.takenAt === null && !isStreaming) picture.takenAt = this.#takenAt;
    }
    this.#pane.render();
  }

  // When the thumbnail on the server was captured, ms; null without one.
  get #takenAt() {
    const { facts, updatedAt } = this.#pane;
    return facts?.thumbnail ? updatedAt - 1000 * facts.thumbnail.age : null;
  }

  // Whether the release of the camera has no thumbnails.
  get #isOlder() {
    return this.#pane.facts?.thumbnail === undefined;
  }

  #snapshotUrl(width) {
    const { url, usesSnapshots } = this.#pane;
    const wake = Number(usesSnapshots);
    const query = { wake, size: "stream", focus: "never", deadline_ms: STILL_INTERVAL, client: this.#client, ...width };
    return addQuery(new URL("snapshot.jpg", url), query);
  }

  // A browser shows a URL again without a request, while the page is open; at first it may have it from another time.
  #thumbnailUrl() {
    this.#loads += 1;
    return addQuery(new URL("thumbnail.jpg", this.#pane.url), this.#loads > 1 ? { n: this.#loads } : {});
  }

  #width() {
    const { root, facts, refusesWidth } = this.#pane;
    const needed = root.clientWidth * Math.min(devicePixelRatio, 2);
    const width = WIDTHS.find((each) => each >= needed);
    return width && facts.renditions && !refusesWidth ? { width } : {};
  }
}

function addQuery(url, query) {
  url.search = new URLSearchParams("wake" in query ? { ...query, t: Date.now() } : query);
  return url.href;
}
