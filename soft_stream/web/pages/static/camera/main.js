// The page of a camera: makes its parts, and lets them work only while somebody can see it.

import { offerActions } from "./actions.js";
import { tell } from "./state_badge.js";
import { Live } from "./player.js";
import { openPanels } from "./panels.js";
import { offerScreens } from "./fullscreen.js";
import { Status } from "./status.js";
import { View } from "./canvas.js";
import { offerZoom } from "./zoom.js";

const TELL_INTERVAL = 250;

const view = new View(document.getElementById("picture"));
const status = new Status();
const live = new Live((bitmap) => view.show(bitmap), status);
let telling = 0;

// After an update, or with another name, the page itself is of yesterday.
let served = null;
status.addEventListener("change", () => {
  const { version, name } = status.facts ?? {};
  if (version && served && served !== `${version} ${name}`) location.reload();
  served = version ? `${version} ${name}` : served;
});

function wake() {
  live.start();
  status.start();
  clearInterval(telling);
  telling = setInterval(() => tell(live, status), TELL_INTERVAL);
}

// A camera stays open for those who see it: a page in the background lets it close.
function sleep() {
  live.stop();
  status.stop();
  clearInterval(telling);
}

// The small window is seen also while the page is not.
function look() {
  if (document.hidden && !document.pictureInPictureElement) sleep();
  else wake();
}

document.addEventListener("visibilitychange", look);
addEventListener("pagehide", sleep);
addEventListener("pageshow", look);
addEventListener("online", () => live.hurry());
offerActions(view, status);
offerZoom(view, status);
offerScreens(view, () => tell(live, status), look);
openPanels(status);
look();
