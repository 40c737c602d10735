// The buttons for full screen and picture-in-picture, where the browser supports them.

import { attempt } from "./attempt.js";

// `refresh` updates the state of the picture; `onClose` is called when the picture-in-picture window is closed.
export function setUpFullscreen(canvas, refresh, onClose) {
  setUp("fullscreen", document.fullscreenEnabled, () =>
    document.fullscreenElement ? document.exitFullscreen() : document.getElementById("view").requestFullscreen(),
  );
  const canCapture = HTMLCanvasElement.prototype.captureStream;
  setUp("pip", document.pictureInPictureEnabled && canCapture, async () => {
    if (document.pictureInPictureElement) return document.exitPictureInPicture();
    return (await import("./picture_in_picture.js")).open(canvas, refresh, onClose);
  });
}

function setUp(id, isSupported, action) {
  const button = document.getElementById(id);
  button.hidden = !isSupported;
  button.addEventListener("click", () => attempt(action, button));
}
