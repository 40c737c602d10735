// Zooms with the wheel, one or two fingers, double clicks and keys.

const MIDDLE = [0.5, 0.5];
const KEYS = { "+": 1.25, "=": 1.25, "-": 0.8, 0: 0 };
const ARROWS = { ArrowLeft: [0.4, 0.5], ArrowRight: [0.6, 0.5], ArrowUp: [0.5, 0.4], ArrowDown: [0.5, 0.6] };
// Milliseconds: two taps are a double tap; after a rest the wheel may scroll a page that embeds this one.
const DOUBLE_TAP = 350;
const WHEEL_REST = 500;
// Pixels; a finger that moves less than this taps.
const JITTER = 10;

const picture = document.getElementById("picture");

export function listenToGestures(canvas, zoom) {
  listenToWheel(canvas, zoom);
  listenToPointers(canvas, zoom);
  picture.addEventListener("keydown", (event) => {
    const { key, ctrlKey, altKey, metaKey } = event;
    const arrow = zoom.isZoomed && ARROWS[key];
    if (ctrlKey || altKey || metaKey || !(key in KEYS || arrow)) return;
    event.preventDefault();
    zoom.move(arrow ? canvas.inFrame(...arrow) : MIDDLE, MIDDLE, arrow ? 1 : KEYS[key]);
  });
}

function listenToWheel(canvas, zoom) {
  let lastWheel = -Infinity;
  picture.addEventListener("wheel", (event) => {
    const { deltaY, deltaMode, ctrlKey, clientX, clientY, timeStamp } = event;
    // this page never scrolls, but one may that embeds it
    if (!zoom.isZoomed && deltaY > 0 && !ctrlKey && timeStamp - lastWheel > WHEEL_REST) return;
    event.preventDefault();
    lastWheel = timeStamp;
    const point = canvas.pointAt(clientX, clientY);
    const pixels = Math.min(200, Math.max(-200, deltaMode ? deltaY * 30 : deltaY));
    zoom.move(point, point, Math.exp(-pixels * (ctrlKey ? 0.01 : 0.002))); // Ctrl: a pinch on a touchpad, in small steps
  }, { passive: false });
}

function listenToPointers(canvas, zoom) {
  const pointers = new Map();
  let travel = 0;
  let lastTap = { timeStamp: -Infinity };

  // Return the position of one finger, or the middle and the distance of two.
  function grip() {
    const [[x, y], [x2, y2] = [x, y]] = pointers.values();
    return { x: (x + x2) / 2, y: (y + y2) / 2, distance: Math.max(1, Math.hypot(x2 - x, y2 - y)) };
  }

  function onUp(event) {
    if (!pointers.delete(event.pointerId) || pointers.size || travel > JITTER || event.type !== "pointerup") return;
    const { timeStamp, clientX, clientY } = event;
    const isNear = Math.hypot(clientX - lastTap.clientX, clientY - lastTap.clientY) < 3 * JITTER;
    if (isNear && timeStamp - lastTap.timeStamp < DOUBLE_TAP) {
      const point = canvas.pointAt(clientX, clientY);
      zoom.move(point, point, zoom.isZoomed ? 0 : 2);
      lastTap = { timeStamp: -Infinity };
    } else lastTap = event;
  }

  picture.addEventListener("pointerdown", ({ button, pointerId, clientX, clientY }) => {
    if (button) return;
    if (!pointers.size) travel = 0;
    pointers.set(pointerId, [clientX, clientY]);
    picture.setPointerCapture(pointerId);
  });
  picture.addEventListener("pointermove", ({ pointerId, clientX, clientY }) => {
    if (!pointers.has(pointerId)) return;
    const before = grip();
    pointers.set(pointerId, [clientX, clientY]);
    const now = grip();
    travel += Math.hypot(now.x - before.x, now.y - before.y) + Math.abs(now.distance - before.distance);
    if (!zoom.isZoomed && pointers.size === 1) return;
    zoom.move(canvas.pointAt(before.x, before.y), canvas.pointAt(now.x, now.y), now.distance / before.distance);
  });
  picture.addEventListener("pointerup", onUp);
  picture.addEventListener("pointercancel", onUp);
  // `touch-action` lets one finger scroll a page that embeds this one; two fingers zoom, unless a scroll has begun
  picture.addEventListener("touchstart", (event) => {
    if (event.touches.length > 1 && event.cancelable) event.preventDefault();
  }, { passive: false });
}
