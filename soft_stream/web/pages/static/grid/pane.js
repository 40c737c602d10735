// One camera on the page of all cameras: requests its picture, and shows whether that picture is live.

import { Picture } from "./picture.js";
import { describeBorrower } from "../shared/borrower.js";
import { formatDuration, formatNumber, setText, t } from "../shared/i18n.js";
import { Lateness } from "../shared/lateness.js";
import { ServerClock } from "../shared/server_clock.js";
import { STILL_INTERVAL, Stills } from "./stills.js";

// Milliseconds. A still picture that is older could not be refreshed.
const MAX_STILL_AGE = 2 * STILL_INTERVAL;
// A stream is live while its newest frame is not older than this, and than this many frame intervals.
const MAX_FRAME_AGE = 1500;
const MAX_FRAME_INTERVALS = 3;
// A stream is requested again if the server does not know it after 4 s, or if its newest frame is older than 8 s. If the
// server sends it and nothing arrives, still pictures are shown for a minute.
const STREAM_START_TIMEOUT = 4000;
const STREAM_TIMEOUT = 8000;
const STILLS_DURATION = 60000;
// So they are after two streams in a row without a frame that is fresh: a proxy holds them back.
const FRESH = 5000;
const MAX_STALE_STREAMS = 2;
// Pixels: the width of the rendition; a pane that is wider than 720 CSS pixels shows the original.
const STREAM_WIDTH = 640;
const MAX_RENDITION_WIDTH = 720;

export class Pane {
  facts = null; // the newest entry of this camera in cameras.json; null until the first one
  isReachable = true; // whether the last request for cameras.json was answered
  mayStream = false;
  wantsSnapshots = false; // it must be as live as it can be without a stream
  clock = new ServerClock(); // of all cameras at the page's own origin
  refusesWidth = false; // the server has refused a rendition
  #parts;
  #client;
  #pace = null; // a Pace, after frames were late
  #lateAt = null; // when a late stream was ended, ms; null after an answer that was requested later
  #isFresh = false; // whether the stream has brought a fresh frame
  #staleStreams = 0;
  #triedAt = 0;
  updatedAt = 0; // when `facts` arrived, ms
  #latency = 0; // how long the request took, ms
  #blockedUntil = 0; // no stream is requested until then

  constructor(root, url, client) {
    const part = (name) => root.querySelector(`.${name}`);
    this.root = root;
    this.#parts = { frame: part("frame"), state: part("state"), note: part("note"), age: part("age") };
    this.url = Object.assign(new URL(url), { username: "", password: "" }); // browsers block images with a login
    this.#client = client;
    this.picture = new Picture(this.#parts.frame);
    this.stills = new Stills(this, client);
  }

  // Take the entry of cameras.json that was requested at `requestedAt`; null if there was no answer.
  update(facts, requestedAt) {
    this.isReachable = facts !== null;
    if (facts) {
      this.facts = facts;
      [this.updatedAt, this.#latency] = [Date.now(), Date.now() - requestedAt];
      this.clock.onAnswer(facts.monotonic, requestedAt);
      if (requestedAt >= this.#lateAt || this.#lateAt > Date.now()) this.#lateAt = null;
      this.#checkStream(requestedAt);
      this.stills.onAnswer(requestedAt);
    }
    if (this.isUnreachable) this.picture.cancelLoading();
    this.adjust();
  }

  // Stop a stream that has ended, or that does not arrive: not every stream reports that.
  #checkStream(requestedAt) {
    const own = this.#own;
    const began = this.picture.streamingSince;
    if (began && requestedAt > began + STREAM_START_TIMEOUT) {
      if (own && !this.picture.isStream) this.#blockedUntil = Date.now() + STILLS_DURATION;
      const age = this.picture.knowsTime ? Date.now() - this.picture.takenAt : 1000 * own?.age;
      const isSilent = this.isStreaming && own && age > Math.max(STREAM_TIMEOUT, 2 * this.#maxFrameAge);
      if (!this.facts.own?.length || isSilent || this.isBlocked) this.picture.stop();
    }
    if (own && this.picture.isStream && !this.picture.knowsTime) this.picture.takenAt = Date.now() - 1000 * own.age;
  }

  get isUnreachable() {
    return this.#state === "unreachable";
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

  get connections() {
    return Number(this.picture.streamingSince !== null) + Number(this.picture.isLoading);
  }

  // Whether snapshots must be as live as they can be, which open the camera as a stream does.
  get usesSnapshots() {
    return this.canStream && (this.mayStream ? this.isBlocked : this.wantsSnapshots);
  }

  // Start or end the stream. It continues while the camera has a problem: the server sends placeholders.
  adjust() {
    if (this.picture.streamingSince === null) this.#startStream();
    else if (!this.mayStream) this.picture.stop();
    this.render();
  }

  #startStream() {
    const pause = 1000 * Math.min(this.picture.failures, 10);
    if (!this.mayStream || !this.canStream || this.isBlocked || Date.now() - this.#triedAt < pause) return;
    if (this.#lateAt) return; // with HTTP/2 the answer is behind the late frames, as a new stream would be
    this.#triedAt = Date.now();
    this.#isFresh = false;
    const query = { ...this.#pace?.query, ...this.#width(STREAM_WIDTH), client: this.#client };
    const lateness = new Lateness(performance.now(), this.#pace?.isTrial);
    this.picture.stream(this.#buildUrl("stream.mjpg", query), {
      onFailure: (isRefused) => {
        if (!isRefused || this.facts.fault) return;
        this.refusesWidth = "width" in query; // renditions are disabled, or there are too many
        this.#pace?.refuseWidth();
      },
      onData: (count, headers) => {
        lateness.onBytes(count);
        if (headers) this.#checkPart(headers, lateness);
      },
      findTime: (headers) => this.#findTime(headers),
    });
  }

  // A part arrives, perhaps not all of it yet: replace a stream that is late, or in time for so long that more may fit.
  #checkPart({ "x-frame": label, "x-monotonic": capturedAt, "content-length": size }, lateness) {
    if (label || this.facts.fault) return; // a new stream would wait for the camera, too
    const fps = this.facts.captured_fps || Infinity;
    const age = this.clock.since(capturedAt);
    const { isLate, duration, rate } = lateness.onFrame(performance.now(), age, fps);
    if (rate) {
      const width = this.#maxWidth(STREAM_WIDTH) ?? this.facts.frame?.width;
      this.#slowDown(duration, { rate, size: Number(size), fps, width });
    } else if (!isLate && this.#pace?.onTime(duration)) {
      this.picture.stop();
      this.adjust();
    }
  }

  async #slowDown(duration, measured) {
    this.#lateAt = Date.now();
    this.picture.stop();
    this.#staleStreams = this.#isFresh ? 0 : this.#staleStreams + 1;
    if (this.#staleStreams >= MAX_STALE_STREAMS) this.#blockedUntil = Date.now() + STILLS_DURATION;
    try {
      this.#pace ??= new (await import("../shared/pace.js")).Pace();
    } catch (error) {
      console.debug(error); // the next stream is late, too
      return;
    }
    this.#pace.onLate(duration, measured);
    if (!this.facts.renditions) this.#pace.refuseWidth();
  }

  // Return when a frame was captured, ms; null if that is unknown, or if the part has no new frame.
  #findTime({ "x-frame": label, "x-monotonic": capturedAt }) {
    const age = 1000 * this.clock.since(capturedAt);
    if (label || Number.isNaN(age)) return null;
    this.#isFresh ||= age < FRESH;
    return Date.now() - age;
  }

  // Show the current state; called several times a second.
  render() {
    this.picture.showStream();
    const { frame, state, note, age } = this.#parts;
    const isLive = this.#isLive();
    const pictureAge = this.picture.takenAt === null ? Infinity : Date.now() - this.picture.takenAt;
    const maxAge = this.mayStream && !this.isBlocked ? MAX_FRAME_AGE : MAX_STILL_AGE;
    const isFresh = this.isStreaming && !this.picture.isStream && pictureAge < maxAge;
    frame.classList.toggle("not-live", !isLive && !isFresh);
    const isOld = !isLive && this.picture.isStream;
    const isLate = isOld && this.picture.knowsTime && this.isStreaming; // it has frames, although old ones
    if (this.picture.isStream) this.stills.isPlaceholder = isOld && !isLate;
    frame.classList.toggle("placeholder", isOld && !isLate);
    state.dataset.state = this.#state;
    const isAwake = this.#state === "streaming" && !isLive;
    setText(state, isLate ? t("state.late") : isAwake ? t("grid.awake") : t(`state.${this.#state}`));
    setText(note, isLive || isFresh ? "" : this.#reason());
    if (isLive) setText(age, t("grid.fps", { fps: formatNumber(this.#own.sent_fps, 0) }));
    else setText(age, pictureAge === Infinity ? "" : formatAge(pictureAge / 1000));
    age.hidden = !age.textContent;
  }

  #isLive() {
    if (!this.isStreaming || !this.picture.isStream || !this.#own) return false;
    if (this.picture.knowsTime) return Date.now() - this.picture.takenAt < this.#maxFrameAge;
    return 1000 * this.#own.age + Date.now() - this.updatedAt < this.#maxFrameAge + this.#latency;
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

  get isBlocked() {
    return Date.now() < this.#blockedUntil;
  }

  // Return why the picture is not live.
  #reason() {
    const { facts } = this;
    if (!this.isReachable) return t("live.unreachable");
    if (!facts) return "";
    if (facts.state === "unreachable") return t("grid.unreachable", { fault: facts.fault });
    if (facts.state === "paused" && facts.pause) {
      const { kind, owner } = facts.pause; // an older release knows only the owner
      return kind ? describeBorrower(facts.pause, false) : t("live.paused", { owner });
    }
    if (facts.fault) return facts.fault;
    if (this.isIdle && !this.mayStream && !this.wantsSnapshots) return facts.thumbnail === null ? t("live.none") : "";
    if (this.picture.failures > 2) return t("grid.nothing");
    return ["idle", "streaming"].includes(facts.state) ? t("grid.coming") : t(`state.${facts.state}`);
  }

  // Return the width to ask for: that of a small pane, or less in a slow network.
  #width(width) {
    const widths = [this.#maxWidth(width), this.#pace?.query.width].filter(Boolean);
    return widths.length ? { width: Math.min(...widths) } : {};
  }

  // Return the width that a small pane needs; undefined for the original.
  #maxWidth(width) {
    const isSmall = this.root.clientWidth <= MAX_RENDITION_WIDTH;
    return this.facts.renditions && !this.refusesWidth && isSmall ? width : undefined;
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
