// The picture-in-picture window: a video made of a canvas that has the picture and the overlay.

// Pixels.
const MAX_WIDTH = 1280;
const LINES = /.{1,40}(?= |$)|\S+/g;

const button = document.getElementById("pip");
const picture = document.getElementById("picture");
const overlay = document.getElementById("overlay");
const context = document.createElement("canvas").getContext("2d", { alpha: false });
const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });

export async function open(canvas, refresh, onClose) {
  // the worker's timer notices in the background too that frames have stopped
  const timer = new Worker(new URL("worker_timer.js", import.meta.url));
  const close = () => {
    timer.terminate();
    canvas.onDraw = () => {};
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
    button.ariaPressed = false;
    onClose();
  };
  timer.addEventListener("message", () => {
    refresh();
    draw();
  });
  canvas.onDraw = draw;
  draw();
  try {
    video.srcObject = context.canvas.captureStream();
    await video.play();
    await video.requestPictureInPicture();
    video.addEventListener("leavepictureinpicture", close, { once: true });
    button.ariaPressed = true;
  } catch (error) {
    close();
    throw error;
  }
}

function draw() {
  const width = Math.min(MAX_WIDTH, picture.width);
  const height = Math.round((width * picture.height) / picture.width);
  const { canvas } = context;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.drawImage(picture, 0, 0, width, height);
  if (overlay.hidden) return;
  context.fillStyle = "rgb(0 0 0 / 65%)";
  context.fillRect(0, 0, width, height);
  const size = width / 24;
  Object.assign(context, { fillStyle: "#fff", font: `${size}px system-ui, sans-serif`, textAlign: "center" });
  const visible = [...overlay.querySelectorAll("p")].filter((line) => line.getClientRects().length);
  const lines = visible.flatMap((line) => line.textContent.match(LINES) ?? []);
  lines.forEach((line, i) => {
    context.fillText(line.trim(), width / 2, height / 2 + (i + 0.85 - lines.length / 2) * 1.3 * size, width * 0.95);
  });
}
