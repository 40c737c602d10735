// One camera on the page of all cameras: its picture, and the truth about that picture.

import { Picture } from "./picture.js";
import { formatDuration, formatNumber, setText, t } from "../shared/i18n.js";

const REFRESH = 5000; // from one thumbnail to the next, ms
const STALE = 3 * REFRESH; // a thumbnail that is older could not be refreshed
const LOST = 4000; // a stream that the server does not know so long after it was asked for is lost, ms
const SILENT = 1.5; // a stream whose newest picture is older, in seconds, is not live ...
const DEAD = 8; // one that is older than that, in seconds, is asked for again
const BLOCKED = 60000; // where no stream gets through, thumbnails are shown for so long, ms
const SILENT_INTERVALS = 3; // ... nor is one that is older than so many intervals, if that is more
const LONG = 60; // a camera that stays open for nobody so many seconds can be asked for a thumbnail; others may close
const WIDE = 720; // a picture that is shown wider, in CSS pixels, comes as it is, else smaller:
const STREAM_WIDTH = 640;
const THUMBNAIL_WIDTH = 480;
const CAN_STREAM = ["idle", "starting", "focusing", "streaming"];
const FLOWS = ["focusing", "streaming"];

export class Pane {
  facts = null; // of this camera, as cameras.json has them; null until they are known
  isReachable = true; // whether cameras.json came
  mayStream = false;
  #parts;
  #client;
  #refusesWidth = false;
  #tried = 0;
  #updatedAt = 0; // when what is known came, and how long that took, ms
  #latency = 0;
  #blockedUntil = 0; // until when no stream is tried, since none got through

  constructor(root, url, client) {
    const part = (name) => root.querySelector(`.${name}`);
    this.root = root;
    this.#parts = { frame: part("frame"), state: part("state"), note: part("note"), age: part("age") };
    this.url = Object.assign(new URL(url), { username: "", password: "" }); // browsers do not load those with a login
    this.#client = client;
    this.picture = new Picture(this.#parts.frame);
  }

  // Take what cameras.json says, which was asked for at `asked`; null when it did not come.
  update(facts, requestedAt) {
    this.isReachable = facts !== null;
    this.facts = facts ?? this.facts;
    if (facts) [this.#updatedAt, this.#latency] = [Date.now(), Date.now() - requestedAt];
    const began = this.picture.streamingSince;
    const isDue = facts && began && requestedAt > began + LOST;
    if (isDue && this.#own && !this.picture.isStream) this.#blockedUntil = Date.now() + BLOCKED;
    if (isDue && (this.#isLost || this.#isBlocked)) this.picture.stop();
    if (facts && this.#own && this.picture.isStream) this.picture.takenAt = Date.now() - 1000 * this.#own.age;
    this.adjust();
  }

  get isIdle() {
    return this.isReachable && this.facts?.state === "idle" && !this.facts.fault;
  }

  get isStreaming() {
    return this.isReachable && FLOWS.includes(this.facts?.state) && !this.facts.fault;
  }

  get canStream() {
    return this.isReachable && CAN_STREAM.includes(this.facts?.state) && !this.facts.fault;
  }

  get isLive() {
    return this.isStreaming && this.picture.isStream && this.#age < this.#longestSilence + this.#latency / 1000;
  }

  // Seconds since the newest frame was captured that the server knows to have come through.
  get #age() {
    return this.#own ? this.#own.age + (Date.now() - this.#updatedAt) / 1000 : Infinity;
  }

  get #longestSilence() {
    const rates = [this.facts.captured_fps, this.#own?.fps_max].filter(Boolean);
    return Math.max(SILENT, rates.length ? SILENT_INTERVALS / Math.min(...rates) : 0);
  }

  // Whether the server does not know the stream, or only as one that takes nothing.
  get #isLost() {
    return !this.facts.own?.length || (this.isStreaming && this.#own?.age > Math.max(DEAD, 2 * this.#longestSilence));
  }

  get #isBlocked() {
    return Date.now() < this.#blockedUntil;
  }

  // Milliseconds to wait after what has failed.
  get #pause() {
    return 1000 * Math.min(this.picture.failures, 10);
  }

  get needsThumbnail() {
    const isBusy = this.picture.streamingSince || this.picture.isLoading || Date.now() - this.#tried < REFRESH;
    return !isBusy && (this.mayStream ? this.canStream && this.#isBlocked : this.isStreaming && this.#staysOpen);
  }

  // Whether somebody else watches it, or nobody has to.
  get #staysOpen() {
    return this.facts.clients > this.facts.own.length || this.facts.close_after >= LONG;
  }

  // Begin or end the stream as it may be. One that runs stays while the camera has a fault: the portal labels it.
  adjust() {
    const streams = this.picture.streamingSince !== null;
    if (streams && !this.mayStream) this.picture.stop();
    if (!streams && this.mayStream && this.canStream && !this.#isBlocked && Date.now() - this.#tried >= this.#pause) {
      this.#tried = Date.now();
      const width = this.#width(STREAM_WIDTH);
      this.picture.stream(this.#address("stream.mjpg", { ...width, client: this.#client }), () => {
        this.#refusesWidth = "width" in width; // there may be too many renditions, or none
      });
    }
    this.render();
  }

  async refresh() {
    this.#tried = Date.now();
    const width = this.#width(THUMBNAIL_WIDTH);
    const wake = Number(this.mayStream);
    const query = { wake, size: "stream", focus: "never", deadline_ms: REFRESH, ...width };
    await this.picture.loadThumbnail(this.#address("snapshot.jpg", query));
    if (this.picture.failures) this.#refusesWidth = "width" in query;
    this.render();
  }

  // Show what is known now; called several times a second.
  render() {
    this.picture.showStream();
    const { frame, state, note, age } = this.#parts;
    const { isLive } = this;
    const pictureAge = this.picture.takenAt === null ? null : Date.now() - this.picture.takenAt;
    const limit = this.mayStream && !this.#isBlocked ? 1000 * SILENT : STALE;
    const isFresh = this.isStreaming && !this.picture.isStream && pictureAge !== null && pictureAge < limit;
    frame.classList.toggle("not-live", !isLive && !isFresh);
    frame.classList.toggle("labelled", !isLive && this.picture.isStream); // by the portal: the same is said here
    state.dataset.state = this.#state;
    setText(state, this.#state === "streaming" && !isLive ? t("grid.awake") : t(`state.${this.#state}`));
    setText(note, isLive || isFresh ? "" : this.#reason);
    if (isLive) setText(age, t("grid.fps", { fps: formatNumber(this.#own.sent_fps, 0) }));
    else setText(age, pictureAge === null ? "" : ago(pictureAge / 1000));
    age.hidden = !age.textContent;
  }

  // What the server has sent to the stream that is shown here; one that was lost may still be known as well.
  get #own() {
    return this.facts?.own?.filter((each) => each.sent > 0).toSorted((a, b) => a.age - b.age)[0];
  }

  get #state() {
    if (!this.isReachable) return "unreachable";
    if (!this.facts) return "connecting";
    return this.facts.fault && FLOWS.includes(this.facts.state) ? "fault" : this.facts.state;
  }

  get #reason() {
    if (!this.isReachable) return t("live.unreachable");
    if (!this.facts || (this.isIdle && !this.mayStream)) return "";
    if (this.facts.state === "unreachable") return t("grid.unreachable", { fault: this.facts.fault });
    if (this.facts.state === "paused" && this.facts.pause) return t("live.paused", { owner: this.facts.pause.owner });
    if (this.facts.fault) return this.facts.fault;
    if (!this.mayStream && !this.#staysOpen) return t("grid.unwatched");
    if (this.picture.failures > 2) return t("grid.nothing");
    return ["idle", "streaming"].includes(this.facts.state) ? t("grid.coming") : t(`state.${this.facts.state}`);
  }

  #width(width) {
    return this.facts.renditions && !this.#refusesWidth && this.root.clientWidth <= WIDE ? { width } : {};
  }

  #address(file, query) {
    const url = new URL(file, this.url);
    url.search = new URLSearchParams({ ...query, t: Date.now() }); // two <img> with one address would share a stream
    return url.href;
  }
}

function ago(seconds) {
  return t("grid.ago", { age: seconds < 60 ? t("seconds", { n: Math.round(seconds) }) : formatDuration(seconds) });
}
