// Enlarges a part of the picture: by the camera, for everybody, or by this browser where the camera cannot.

import { attempt } from "./attempt.js";
import { CAMERA_TIMEOUT, getJson, post } from "../shared/api.js";
import { rotateBack } from "./canvas.js";
import { formatNumber, t } from "../shared/i18n.js";

const WHOLE = { x: 0, y: 0, size: 1 };
const MIDDLE = [0.5, 0.5];
const LARGEST = 10;
const STEPS = { "+": 1.25, "=": 1.25, "-": 0.8, 0: 0 };
const ARROWS = { ArrowLeft: [0.4, 0.5], ArrowRight: [0.6, 0.5], ArrowUp: [0.5, 0.4], ArrowDown: [0.5, 0.6] };
// Milliseconds: a camera is told no more often; two taps are one gesture; the wheel must rest to scroll the page again.
const INTERVAL = 100;
const DOUBLE_TAP = 350;
const WHEEL_REST = 500;
// Pixels; a finger that goes less far has not moved.
const JITTER = 10;

const picture = document.getElementById("picture");
const reset = document.getElementById("zoom-reset");
const pointers = new Map();
let canvas;
let status;
let part = WHOLE; // of the frame as it would be without zoom: the corner, and the size of both sides, as fractions
let crop = null; // the camera's control, where it has one
let orientation = null; // how the frame was turned after the camera
let known = null; // the opening of which that is known
let isSending = false;
let travel = 0;
let lastTap = { timeStamp: -Infinity };
let lastTurn = -Infinity;
let lastScroll = -Infinity;

export function setUpZoom(theCanvas, theStatus) {
  [canvas, status] = [theCanvas, theStatus];
  status.addEventListener("change", follow);
  reset.addEventListener("click", () => set(WHOLE));
  addEventListener("scroll", ({ timeStamp }) => (lastScroll = timeStamp), { passive: true });
  picture.addEventListener("wheel", turnWheel, { passive: false });
  picture.addEventListener("pointerdown", hold);
  picture.addEventListener("pointermove", drag);
  picture.addEventListener("pointerup", release);
  picture.addEventListener("pointercancel", release);
  picture.addEventListener("touchstart", keepFromScrolling, { passive: false });
  picture.addEventListener("keydown", press);
}

// Show what lies at one point of the frame (as `canvas.pointAt` has it) at another, so many times larger; 0 shows all.
function move([u, v], [toU, toV], scale) {
  const least = crop ? Math.max(crop.min[2] / crop.whole[2], crop.min[3] / crop.whole[3]) : 0;
  const size = Math.min(1, Math.max(1 / LARGEST, least, part.size / scale));
  set({ x: part.x + u * part.size - toU * size, y: part.y + v * part.size - toV * size, size });
}

function set(wanted) {
  if (known === null) return; // nobody knows yet who is to do it
  part = within(wanted);
  show();
  if (crop) send();
}

// A part that does not reach beyond the frame.
function within({ x, y, size }) {
  if (size > 0.999) return WHOLE;
  return { x: Math.min(Math.max(0, x), 1 - size), y: Math.min(Math.max(0, y), 1 - size), size };
}

function show() {
  const { x, y, size } = crop ? WHOLE : part;
  canvas.crop = { x, y, width: size, height: size };
  canvas.draw();
  reset.hidden = part === WHOLE;
  picture.parentElement.classList.toggle("zoomed", part !== WHOLE);
  reset.textContent = t(crop ? "zoom.everybody" : "zoom.browser", { zoom: formatNumber(1 / part.size) });
}

// One wish at a time is on its way to the camera, and the newest is next.
async function send() {
  if (isSending) return;
  isSending = true;
  let sent;
  do {
    sent = part;
    const rest = new Promise((resolve) => setTimeout(resolve, INTERVAL));
    await attempt(() => post("controls", {}, { ScalerCrop: sent === WHOLE ? null : onSensor(sent) }));
    await rest;
  } while (sent !== part);
  isSending = false;
  await status.refresh();
}

// What the camera shows counts, whoever wanted it.
async function follow() {
  const { facts } = status;
  if (facts?.negotiated && openingOf(facts) !== known) await loadCrop(facts);
  if (!crop || isSending || !facts) return;
  part = facts.controls.ScalerCrop ? fromSensor(facts.controls.ScalerCrop) : WHOLE;
  show();
}

// The modes of a camera differ, so it is asked whenever it was opened.
async function loadCrop(facts) {
  const listed = await getJson("controls.json", {}, CAMERA_TIMEOUT).catch(() => null);
  if (!listed) return;
  const { ScalerCrop } = listed;
  crop = ScalerCrop && { ...ScalerCrop, whole: ScalerCrop.default ?? ScalerCrop.max };
  orientation = facts.negotiated.orientation;
  known = openingOf(facts);
}

// Which opening of the camera it is, also after a restart of the portal.
function openingOf({ started, counters }) {
  return `${started} ${counters.opened}`;
}

// A part of the frame as a rectangle in pixels of the sensor, and back.
function onSensor({ x, y, size }) {
  const [left, top, width, height] = crop.whole;
  const [u, v] = mirrored(rotateBack(x + size / 2, y + size / 2, orientation.rotation));
  const [w, h] = [Math.round(size * width), Math.round(size * height)];
  const begin = (middle, whole, long) => Math.min(Math.max(0, Math.round(middle * whole - long / 2)), whole - long);
  return [left + begin(u, width, w), top + begin(v, height, h), w, h];
}

function fromSensor([x, y, w, h]) {
  const [left, top, width, height] = crop.whole;
  const middle = mirrored([(x + w / 2 - left) / width, (y + h / 2 - top) / height]);
  const [u, v] = rotateBack(...middle, (360 - orientation.rotation) % 360);
  const size = Math.max(w / width, h / height);
  return within({ x: u - size / 2, y: v - size / 2, size });
}

function mirrored([u, v]) {
  return [orientation.hflip ? 1 - u : u, orientation.vflip ? 1 - v : v];
}

function turnWheel(event) {
  const { deltaY, deltaMode, ctrlKey, clientX, clientY, timeStamp } = event;
  const mayScroll = deltaY > 0 || (scrollY > 0 && !document.fullscreenElement) || timeStamp - lastScroll < WHEEL_REST;
  if (part === WHOLE && mayScroll && !ctrlKey && timeStamp - lastTurn > WHEEL_REST) return; // the page scrolls
  event.preventDefault();
  lastTurn = timeStamp;
  const point = canvas.pointAt(clientX, clientY);
  const pixels = Math.min(200, Math.max(-200, deltaMode ? deltaY * 30 : deltaY));
  move(point, point, Math.exp(-pixels * (ctrlKey ? 0.01 : 0.002))); // a pinched touchpad counts less
}

// Two fingers are ours, also where `touch-action` lets one of them scroll the page, unless it is scrolling already.
function keepFromScrolling(event) {
  if (event.touches.length > 1 && event.cancelable) event.preventDefault();
}

function hold({ button, pointerId, clientX, clientY }) {
  if (button) return;
  if (!pointers.size) travel = 0;
  pointers.set(pointerId, [clientX, clientY]);
  picture.setPointerCapture(pointerId);
}

function drag({ pointerId, clientX, clientY }) {
  if (!pointers.has(pointerId)) return;
  const before = grip();
  pointers.set(pointerId, [clientX, clientY]);
  const now = grip();
  travel += Math.hypot(now.x - before.x, now.y - before.y) + Math.abs(now.span - before.span);
  if (part === WHOLE && pointers.size === 1) return;
  move(canvas.pointAt(before.x, before.y), canvas.pointAt(now.x, now.y), now.span / before.span);
}

// Where the picture is held: by one finger, or in the middle of two that are so far apart.
function grip() {
  const [[x, y], [x2, y2] = [x, y]] = pointers.values();
  return { x: (x + x2) / 2, y: (y + y2) / 2, span: Math.max(1, Math.hypot(x2 - x, y2 - y)) };
}

function release(event) {
  if (!pointers.delete(event.pointerId) || pointers.size || travel > JITTER || event.type !== "pointerup") return;
  const { timeStamp, clientX, clientY } = event;
  const isNear = Math.hypot(clientX - lastTap.clientX, clientY - lastTap.clientY) < 3 * JITTER;
  if (isNear && timeStamp - lastTap.timeStamp < DOUBLE_TAP) {
    const point = canvas.pointAt(clientX, clientY);
    move(point, point, part === WHOLE ? 2 : 0);
    lastTap = { timeStamp: -Infinity };
  } else lastTap = event;
}

function press(event) {
  const { key, ctrlKey, altKey, metaKey } = event;
  const arrow = part !== WHOLE && ARROWS[key];
  if (ctrlKey || altKey || metaKey || !(key in STEPS || arrow)) return;
  event.preventDefault();
  move(arrow ? canvas.inFrame(...arrow) : MIDDLE, MIDDLE, arrow ? 1 : STEPS[key]);
}
