// Full screen, and a display that stays on while the page is a wall: as a kiosk, or in full screen.

const main = document.querySelector("main");
const fill = document.getElementById("fill");
const leave = document.getElementById("leave");
const grid = document.getElementById("grid");
let lock = null;
let isKiosk = false;

// Only pages with HTTPS, or of this machine, may keep the display on; a page that was hidden must ask again.
async function adjust() {
  const isWall = isKiosk || document.fullscreenElement === main;
  grid.classList.toggle("wall", isWall);
  if (leave) leave.hidden = document.fullscreenElement !== main;
  dispatchEvent(new Event("resize")); // for the layout
  try {
    if (!isWall) await lock?.release();
    else if (!document.hidden && (!lock || lock.released)) lock = (await navigator.wakeLock?.request("screen")) ?? null;
  } catch (error) {
    console.debug(error); // the battery is low, or the browser does not allow it
  }
}

export function keepAwake(isForKiosk) {
  isKiosk = isForKiosk;
  if (fill && document.fullscreenEnabled) {
    fill.hidden = false;
    fill.addEventListener("click", () => main.requestFullscreen().catch((error) => console.debug(error)));
    leave.addEventListener("click", () => document.exitFullscreen());
  }
  document.addEventListener("fullscreenchange", adjust);
  document.addEventListener("visibilitychange", adjust);
  adjust();
}
