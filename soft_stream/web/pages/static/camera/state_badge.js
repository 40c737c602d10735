// Shows the state of the picture: live or not, its age, its size and its frame rate.

import { loadMessages, loadPart } from "./lazy.js";
import { formatDuration, formatNumber, setText, t } from "../shared/i18n.js";

// A picture is not live if it is older than this many seconds and this many frame intervals.
const STALE = 1.5;
const STALE_INTERVALS = 4;
// The age is shown from this many seconds on.
const MIN_SHOWN_AGE = 1;
// A frame rate below this part of the expected one is worth a warning after this many milliseconds.
const SLOW = 0.8;
const SLOW_DURATION = 5000;
// Reasons that begin with a URL or a path keep its small letters.
const URL_FIRST = /^(\/|\w+:\/)/;
// The states in which the page waits for the camera or the server, and says for what.
const WAITING = ["starting", "connecting", "stalled"];

const part = (id) => document.getElementById(id);
const badge = part("state");
const view = part("view");
const overlay = part("overlay");
const slow = part("slow");

export class StateBadge {
  #player;
  #status;
  #lent = null; // a promise of the lines about the program that has the camera
  #isSlowSince = null;
  #pictured = null; // the state for which the last picture was requested

  constructor(player, status) {
    [this.#player, this.#status] = [player, status];
  }

  // Called several times a second.
  update() {
    const { age } = this.#player;
    const isLive = age < Math.max(STALE, STALE_INTERVALS * this.#status.interval);
    const state = this.#state(isLive);
    setText(badge, t(`state.${state}`));
    badge.dataset.state = state;
    badge.hidden = false; // hidden in the HTML, since without this script it would not change
    view.classList.toggle("not-live", !isLive);
    overlay.hidden = isLive;
    if (!isLive) this.#explain(state);
    setText(part("facts"), this.#details(isLive).join(" · "));
    this.#warn(isLive);
  }

  #state(isLive) {
    const { facts, isReachable, refusal } = this.#status;
    const player = this.#player;
    if (!isReachable && !isLive) return refusal ? "fault" : "unreachable";
    if (!facts) return isLive ? "streaming" : "connecting";
    if (isLive && ["streaming", "focusing"].includes(facts.state)) return facts.state;
    if (["paused", "retrying", "starting"].includes(facts.state)) return facts.state;
    if (facts.fault || (!isLive && player.error)) return "fault";
    if (isLive) return "streaming";
    if (player.isConnecting) return "connecting";
    return player.fps || player.pace?.isReduced ? "late" : "stalled"; // late: frames arrive, but old ones
  }

  // Say over the picture why it is not live, and how old it is.
  #explain(state) {
    const { facts } = this.#status;
    const pause = state === "paused" && facts.pause;
    if (pause) this.#showBorrower();
    overlay.dataset.state = state;
    const reason = pause ? "" : this.#reason(state);
    setText(part("reason"), reason);
    part("reason").classList.toggle("url-first", URL_FIRST.test(reason));
    setText(part("age"), this.#player.hasPicture ? t("live.old", { age: formatDuration(this.#player.age) }) : t("live.none"));
    if (!this.#player.hasPicture && facts?.thumbnail && this.#pictured !== facts.state) {
      this.#pictured = facts.state;
      import("./last_picture.js").then(({ showLastPicture }) => showLastPicture(this.#player), console.debug);
    }
  }

  // Until this is loaded only the badge says it; after a failure the next call tries again.
  async #showBorrower() {
    this.#lent ??= loadPart(() => import("./lend.js"), "lend").then(({ Lent }) => new Lent(this.#status));
    const lent = await this.#lent.catch(() => (this.#lent = null));
    if (this.#status.facts.pause) lent?.update();
  }

  #reason(state) {
    const { facts, isReachable, refusal } = this.#status;
    if (!isReachable) return refusal || t("live.unreachable");
    return facts?.fault || this.#player.error || (WAITING.includes(state) ? t(`live.${state}`) : "");
  }

  #details(isLive) {
    const { age, fps, mode, pace, size } = this.#player;
    return [
      size && t("live.size", size),
      isLive && fps > 0 && t("live.fps", { fps: formatNumber(fps, fps < 9.95 ? 1 : 0) }),
      isLive && age >= MIN_SHOWN_AGE && t("live.age", { age: formatDuration(age) }),
      mode === "snapshots" ? t("live.snapshots") : pace?.isReduced && t("live.reduced"),
    ].filter(Boolean);
  }

  // Warn while this browser gets far fewer frames than it has asked for.
  #warn(isLive) {
    const expected = this.#status.expectedFps;
    const isSlow = isLive && this.#player.mode === "stream" && this.#player.fps < SLOW * expected;
    this.#isSlowSince = isSlow ? (this.#isSlowSince ?? performance.now()) : null;
    slow.hidden = !isSlow || performance.now() - this.#isSlowSince < SLOW_DURATION;
    if (slow.hidden) return;
    Promise.all([import("./slow.js"), loadMessages()]).then(
      ([{ explainSlowness }]) => setText(slow, explainSlowness(this.#status.facts, SLOW, expected)),
      () => (slow.hidden = true), // the next call tries again
    );
  }
}
