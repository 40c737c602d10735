// The page of one camera: creates its parts, and runs them while the page is visible.

import { setUpActions } from "./actions.js";
import { attempt } from "./attempt.js";
import { Canvas } from "./canvas.js";
import { setUpFullscreen } from "./fullscreen.js";
import { setUpKeys } from "./keys.js";
import { Player } from "./player.js";
import { Quality } from "./quality.js";
import { StateBadge } from "./state_badge.js";
import { Status } from "./status.js";
import { Zoom } from "./zoom.js";
import { setText } from "../shared/i18n.js";
import { showInTab } from "../shared/tab.js";

const BADGE_INTERVAL = 250; // ms

const badgeText = document.getElementById("state");
const notices = document.getElementById("notices"); // only for users who may control the camera
const canvas = new Canvas(document.getElementById("picture"));
const status = new Status();
const player = new Player((bitmap, part) => canvas.show(bitmap, part), status);
const quality = new Quality(player);
const badge = new StateBadge(player, status);
let badgeTimer = 0;

function refresh() {
  badge.update();
  quality.update();
  if (badgeTimer) showInTab(badgeText.dataset.state, badgeText.textContent);
}

// Reload the page after an update of the server, or with another name of the camera.
let served = null;
status.addEventListener("change", () => {
  const { version, name } = status.facts ?? {};
  if (version && served && served !== `${version} ${name}`) location.reload();
  served = version ? `${version} ${name}` : served;
  if (notices && status.facts) showNotices((status.facts.notices ?? []).join("\n"));
});

// Notices cover a part of the picture until a person closes them; other ones open them again.
function showNotices(text) {
  if (text !== notices.textContent) notices.parentElement.hidden = false;
  setText(notices, text);
}
notices?.nextElementSibling.addEventListener("click", () => (notices.parentElement.hidden = true));

function start() {
  player.start();
  status.start();
  clearInterval(badgeTimer);
  badgeTimer = setInterval(refresh, BADGE_INTERVAL);
  refresh(); // the picture may be old
}

// The camera stays open for its clients: a page in the background lets it close.
function stop() {
  player.stop();
  status.stop();
  clearInterval(badgeTimer);
  badgeTimer = 0;
  showInTab(); // a hidden page does not know the state
}

// The picture-in-picture window is visible while the page is hidden.
function startOrStop() {
  if (document.hidden && !document.pictureInPictureElement) stop();
  else start();
}

// The panels, and the menus for language and theme, are loaded when they are used for the first time.
function setUpPanels() {
  let show = null;
  const open = (button) => attempt(async () => {
    show ??= (await import("./panels.js")).setUpPanels(status);
    show(button);
  });
  for (const button of document.querySelectorAll("button[aria-controls=panel]")) {
    button.addEventListener("click", () => open(button));
    if (location.hash === `#${button.id}`) open(button); // a URL may name the panel that is open at first
  }
  const menu = document.getElementById("menu");
  menu.addEventListener("toggle", () => attempt(() => import("../shared/preferences.js").then(() => {})));
}

document.addEventListener("visibilitychange", startOrStop);
addEventListener("pagehide", stop);
addEventListener("pageshow", startOrStop);
addEventListener("online", () => player.retryNow());
setUpActions(canvas, status);
new Zoom(canvas, status);
setUpFullscreen(canvas, refresh, startOrStop);
setUpKeys();
setUpPanels();
startOrStop();
