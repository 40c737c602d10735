// One camera on the page of all cameras: requests its picture, and shows whether that picture is live.

import { Picture } from "./picture.js";
import { formatDuration, formatNumber, setText, t } from "../shared/i18n.js";

// Milliseconds. A thumbnail that is older than three intervals could not be refreshed.
const THUMBNAIL_INTERVAL = 5000;
const MAX_THUMBNAIL_AGE = 3 * THUMBNAIL_INTERVAL;
// A stream is live while its newest frame is not older than this, and than this many frame intervals.
const MAX_FRAME_AGE = 1500;
const MAX_FRAME_INTERVALS = 3;
// A stream is requested again if the server does not know it after 4 s, or if its newest frame is older than 8 s. If the
// server sends it and nothing arrives, thumbnails are shown for a minute.
const STREAM_START_TIMEOUT = 4000;
const STREAM_TIMEOUT = 8000;
const THUMBNAILS_DURATION = 60000;
// Seconds: thumbnails do not keep a camera open that stays open this long without clients anyway.
const LONG_CLOSE_AFTER = 60;
// Pixels: the widths of the renditions; a pane that is wider than 720 CSS pixels shows the original.
const STREAM_WIDTH = 640;
const THUMBNAIL_WIDTH = 480;
const MAX_RENDITION_WIDTH = 720;

export class Pane {
  facts = null; // the newest entry of this camera in cameras.json; null until the first one
  isReachable = true; // whether the last request for cameras.json was answered
  mayStream = false;
  #parts;
  #client;
  #refusesWidth = false;
  #triedAt = 0;
  #updatedAt = 0; // when `facts` arrived, and how long the request took, ms
  #latency = 0;
  #blockedUntil = 0; // no stream is requested until then

  constructor(root, url, client) {
    const part = (name) => root.querySelector(`.${name}`);
    this.root = root;
    this.#parts = { frame: part("frame"), state: part("state"), note: part("note"), age: part("age") };
    this.url = Object.assign(new URL(url), { username: "", password: "" }); // browsers block images with a login
    this.#client = client;
    this.picture = new Picture(this.#parts.frame);
  }

  // Take the entry of cameras.json that was requested at `requestedAt`; null if there was no answer.
  update(facts, requestedAt) {
    this.isReachable = facts !== null;
    if (facts) {
      this.facts = facts;
      [this.#updatedAt, this.#latency] = [Date.now(), Date.now() - requestedAt];
      this.#checkStream(requestedAt);
    }
    this.adjust();
  }

  // Stop a stream that has ended, or that does not arrive: an <img> does not report that.
  #checkStream(requestedAt) {
    const own = this.#own;
    const began = this.picture.streamingSince;
    if (began && requestedAt > began + STREAM_START_TIMEOUT) {
      if (own && !this.picture.isStream) this.#blockedUntil = Date.now() + THUMBNAILS_DURATION;
      const isSilent = this.isStreaming && own && 1000 * own.age > Math.max(STREAM_TIMEOUT, 2 * this.#maxFrameAge);
      if (!this.facts.own?.length || isSilent || this.#isBlocked) this.picture.stop();
    }
    if (own && this.picture.isStream) this.picture.takenAt = Date.now() - 1000 * own.age;
  }

  get isIdle() {
    return this.#isIn("idle");
  }

  get isStreaming() {
    return this.#isIn("focusing", "streaming");
  }

  get canStream() {
    return this.#isIn("idle", "starting", "focusing", "streaming");
  }

  get needsThumbnail() {
    const isBusy = this.picture.streamingSince || this.picture.isLoading;
    if (isBusy || Date.now() - this.#triedAt < THUMBNAIL_INTERVAL) return false;
    return this.mayStream ? this.canStream && this.#isBlocked : this.isStreaming && this.#staysOpen;
  }

  // Start or end the stream. It continues while the camera has a problem: the server sends placeholders.
  adjust() {
    if (this.picture.streamingSince === null) this.#startStream();
    else if (!this.mayStream) this.picture.stop();
    this.render();
  }

  #startStream() {
    const pause = 1000 * Math.min(this.picture.failures, 10);
    if (!this.mayStream || !this.canStream || this.#isBlocked || Date.now() - this.#triedAt < pause) return;
    this.#triedAt = Date.now();
    const width = this.#width(STREAM_WIDTH);
    this.picture.stream(this.#buildUrl("stream.mjpg", { ...width, client: this.#client }), () => {
      this.#refusesWidth = "width" in width; // renditions are disabled, or there are too many
    });
  }

  async refresh() {
    this.#triedAt = Date.now();
    const width = this.#width(THUMBNAIL_WIDTH);
    const wake = Number(this.mayStream);
    const query = { wake, size: "stream", focus: "never", deadline_ms: THUMBNAIL_INTERVAL, ...width };
    await this.picture.loadThumbnail(this.#buildUrl("snapshot.jpg", query));
    if (this.picture.failures) this.#refusesWidth = "width" in query;
    this.render();
  }

  // Show the current state; called several times a second.
  render() {
    this.picture.showStream();
    const { frame, state, note, age } = this.#parts;
    const isLive = this.#isLive();
    const pictureAge = this.picture.takenAt === null ? Infinity : Date.now() - this.picture.takenAt;
    const maxAge = this.mayStream && !this.#isBlocked ? MAX_FRAME_AGE : MAX_THUMBNAIL_AGE;
    const isFresh = this.isStreaming && !this.picture.isStream && pictureAge < maxAge;
    frame.classList.toggle("not-live", !isLive && !isFresh);
    frame.classList.toggle("placeholder", !isLive && this.picture.isStream);
    state.dataset.state = this.#state;
    setText(state, this.#state === "streaming" && !isLive ? t("grid.awake") : t(`state.${this.#state}`));
    setText(note, isLive || isFresh ? "" : this.#reason());
    if (isLive) setText(age, t("grid.fps", { fps: formatNumber(this.#own.sent_fps, 0) }));
    else setText(age, pictureAge === Infinity ? "" : formatAge(pictureAge / 1000));
    age.hidden = !age.textContent;
  }

  #isLive() {
    if (!this.isStreaming || !this.picture.isStream || !this.#own) return false;
    return 1000 * this.#own.age + Date.now() - this.#updatedAt < this.#maxFrameAge + this.#latency;
  }

  // The state that is shown.
  get #state() {
    if (!this.isReachable) return "unreachable";
    if (!this.facts) return "connecting";
    return this.facts.fault && ["focusing", "streaming"].includes(this.facts.state) ? "fault" : this.facts.state;
  }

  #isIn(...states) {
    return states.includes(this.#state) && !this.facts.fault;
  }

  // The stream of this pane in cameras.json; a lost one may be listed too, with an older frame.
  get #own() {
    return this.facts?.own?.filter((each) => each.sent > 0).toSorted((a, b) => a.age - b.age)[0];
  }

  get #maxFrameAge() {
    const rates = [this.facts.captured_fps, this.#own?.fps_max].filter(Boolean);
    return Math.max(MAX_FRAME_AGE, rates.length ? (1000 * MAX_FRAME_INTERVALS) / Math.min(...rates) : 0);
  }

  get #isBlocked() {
    return Date.now() < this.#blockedUntil;
  }

  // Whether the camera stays open without this page.
  get #staysOpen() {
    return this.facts.clients > this.facts.own.length || this.facts.close_after >= LONG_CLOSE_AFTER;
  }

  // Return why the picture is not live.
  #reason() {
    const { facts } = this;
    if (!this.isReachable) return t("live.unreachable");
    if (!facts || (this.isIdle && !this.mayStream)) return "";
    if (facts.state === "unreachable") return t("grid.unreachable", { fault: facts.fault });
    if (facts.state === "paused" && facts.pause) return t("live.paused", { owner: facts.pause.owner });
    if (facts.fault) return facts.fault;
    if (!this.mayStream && !this.#staysOpen) return t("grid.unwatched");
    if (this.picture.failures > 2) return t("grid.nothing");
    return ["idle", "streaming"].includes(facts.state) ? t("grid.coming") : t(`state.${facts.state}`);
  }

  #width(width) {
    const isSmall = this.root.clientWidth <= MAX_RENDITION_WIDTH;
    return this.facts.renditions && !this.#refusesWidth && isSmall ? { width } : {};
  }

  #buildUrl(file, query) {
    const url = new URL(file, this.url);
    url.search = new URLSearchParams({ ...query, t: Date.now() }); // two <img> with the same URL would share a stream
    return url.href;
  }
}

function formatAge(seconds) {
  return t("grid.ago", { age: seconds < 60 ? t("seconds", { n: Math.round(seconds) }) : formatDuration(seconds) });
}
