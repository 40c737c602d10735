// Shows the picture beyond the page: over the whole screen, or in a small window above all others.

import { attempt } from "./attempt.js";

// Buttons for both, each where the browser can do it. `tick` looks whether the picture of `view` is still live;
// `closed` is called when the small window is gone.
export function offerScreens(view, tick, closed) {
  offer("fullscreen", document.fullscreenEnabled, () =>
    document.fullscreenElement ? document.exitFullscreen() : document.getElementById("view").requestFullscreen(),
  );
  const canCapture = HTMLCanvasElement.prototype.captureStream;
  offer("pip", document.pictureInPictureEnabled && canCapture, async () => {
    if (document.pictureInPictureElement) return document.exitPictureInPicture();
    return (await import("./picture_in_picture.js")).open(view, tick, closed);
  });
}

function offer(id, isPossible, work) {
  const button = document.getElementById(id);
  button.hidden = !isPossible;
  button.addEventListener("click", () => attempt(work, button));
}
