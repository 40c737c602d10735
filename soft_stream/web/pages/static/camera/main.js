// The page of one camera: creates its parts, and runs them while the page is visible.

import { setUpActions } from "./actions.js";
import { Canvas } from "./canvas.js";
import { setUpFullscreen } from "./fullscreen.js";
import { setUpPanels } from "./panels.js";
import { Player } from "./player.js";
import { updateBadge } from "./state_badge.js";
import { Status } from "./status.js";
import { Zoom } from "./zoom.js";

const BADGE_INTERVAL = 250; // ms

const canvas = new Canvas(document.getElementById("picture"));
const status = new Status();
const player = new Player((bitmap) => canvas.show(bitmap), status);
const refresh = () => updateBadge(player, status);
let badgeTimer = 0;

// Reload the page after an update of the server, or with another name of the camera.
let served = null;
status.addEventListener("change", () => {
  const { version, name } = status.facts ?? {};
  if (version && served && served !== `${version} ${name}`) location.reload();
  served = version ? `${version} ${name}` : served;
});

function start() {
  player.start();
  status.start();
  clearInterval(badgeTimer);
  badgeTimer = setInterval(refresh, BADGE_INTERVAL);
}

// The camera stays open for its clients: a page in the background lets it close.
function stop() {
  player.stop();
  status.stop();
  clearInterval(badgeTimer);
}

// The picture-in-picture window is visible while the page is hidden.
function startOrStop() {
  if (document.hidden && !document.pictureInPictureElement) stop();
  else start();
}

document.addEventListener("visibilitychange", startOrStop);
addEventListener("pagehide", stop);
addEventListener("pageshow", startOrStop);
addEventListener("online", () => player.retryNow());
setUpActions(canvas, status);
new Zoom(canvas, status);
setUpFullscreen(canvas, refresh, startOrStop);
setUpPanels(status);
startOrStop();
