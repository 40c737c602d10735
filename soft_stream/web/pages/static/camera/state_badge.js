// Shows the state of the picture: live or not, its age, its size and its frame rate.

import { client } from "../shared/api.js";
import { formatDuration, formatNumber, setText, t } from "../shared/i18n.js";

// A picture is not live if it is older than this many seconds and this many frame intervals.
const STALE = 1.5;
const STALE_INTERVALS = 4;
// The age is shown from this many seconds on.
const MIN_SHOWN_AGE = 1;

const badge = document.getElementById("state");
const view = document.getElementById("view");
const overlay = document.getElementById("overlay");
const details = document.getElementById("facts");

// Called several times a second.
export function updateBadge(player, status) {
  const isLive = player.age < Math.max(STALE, STALE_INTERVALS * status.interval);
  const state = badgeState(player, isLive, status);
  setText(badge, t(`state.${state}`));
  badge.dataset.state = state;
  badge.hidden = false; // hidden in the HTML, since without this script it would not change
  view.classList.toggle("not-live", !isLive);
  overlay.hidden = isLive;
  setText(overlay, isLive ? "" : [ageOf(player), reasonOf(player, status)].filter(Boolean).join("\n"));
  setText(details, detailsOf(player, status.facts).join(" · "));
}

function badgeState(player, isLive, { facts, isReachable }) {
  if (!isReachable && !isLive) return "unreachable";
  if (!facts) return isLive ? "streaming" : "connecting";
  if (isLive && ["streaming", "focusing"].includes(facts.state)) return facts.state;
  if (["paused", "retrying", "starting"].includes(facts.state)) return facts.state;
  if (facts.fault) return "fault";
  if (isLive) return "streaming";
  return player.fps ? "late" : "connecting"; // late: frames arrive, but old ones
}

function reasonOf(player, { facts, isReachable }) {
  if (!isReachable) return t("live.unreachable");
  if (facts?.state === "paused" && facts.pause) return pauseReason(facts.pause);
  return facts?.fault || player.error;
}

function pauseReason({ owner }) {
  return owner.startsWith(`${client} `) ? t("live.paused.own") : t("live.paused", { owner });
}

function ageOf(player) {
  return player.hasPicture ? t("live.old", { age: formatDuration(player.age) }) : t("live.none");
}

function detailsOf(player, facts) {
  const parts = [];
  if (facts?.frame) parts.push(t("live.size", facts.frame));
  if (facts) {
    parts.push(t("live.fps", { received: formatNumber(player.fps), sent: formatNumber(facts.captured_fps) }));
  }
  if (player.hasPicture && player.age >= MIN_SHOWN_AGE) {
    parts.push(t("live.age", { age: formatDuration(player.age) }));
  }
  if (player.mode === "snapshots") parts.push(t("live.snapshots"));
  return parts;
}
