// Says in words and colours what is seen: live or not, since when, how large and how fast.

import { client } from "../shared/api.js";
import { number, say, span, t } from "../shared/i18n.js";

// A picture older than this many seconds, or than so many intervals, is not live.
const STALE = 1.5;
const STALE_INTERVALS = 4;
// A younger one needs no mention.
const WORTH_SAYING = 1;

const state = document.getElementById("state");
const view = document.getElementById("view");
const overlay = document.getElementById("overlay");
const facts = document.getElementById("facts");

// Show what is known now; called several times a second, and changes the page only where something has changed.
export function tell(live, status) {
  const told = status.facts;
  const isLive = live.age < Math.max(STALE, STALE_INTERVALS * status.interval);
  const name = nameOf(live, isLive, status);
  say(state, t(`state.${name}`));
  state.dataset.state = name;
  state.hidden = false; // without this script it could not follow the camera
  view.classList.toggle("not-live", !isLive);
  const reason = isLive ? "" : reasonOf(live, status);
  overlay.hidden = isLive;
  say(overlay, isLive ? "" : [ageOf(live), reason].filter(Boolean).join("\n"));
  say(facts, factsOf(live, told).join(" · "));
}

function nameOf(live, isLive, status) {
  const told = status.facts;
  if (!status.isReachable && !isLive) return "unreachable";
  if (!told) return isLive ? "streaming" : "connecting";
  if (isLive && ["streaming", "focusing"].includes(told.state)) return told.state;
  if (["paused", "retrying", "starting"].includes(told.state)) return told.state;
  if (told.fault) return "fault";
  if (isLive) return "streaming";
  return live.fps ? "late" : "connecting"; // late: frames come, but old ones
}

function reasonOf(live, status) {
  const told = status.facts;
  if (!status.isReachable) return t("live.unreachable");
  if (told?.state === "paused" && told.pause) return pauseOf(told.pause);
  return told?.fault || live.fault;
}

function pauseOf({ owner }) {
  return owner.startsWith(`${client} `) ? t("live.paused.own") : t("live.paused", { owner });
}

function ageOf(live) {
  return live.hasPicture ? t("live.old", { age: span(live.age) }) : t("live.none");
}

function factsOf(live, told) {
  const shown = [];
  if (told?.frame) shown.push(t("live.size", told.frame));
  if (told) shown.push(t("live.fps", { received: number(live.fps), sent: number(told.captured_fps) }));
  if (live.hasPicture && live.age >= WORTH_SAYING) shown.push(t("live.age", { age: span(live.age) }));
  if (live.mode === "snapshots") shown.push(t("live.snapshots"));
  return shown;
}
