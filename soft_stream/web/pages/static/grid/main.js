// The page of all cameras: polls cameras.json, and decides which cameras may stream.

import { findCamera, Lightbox } from "./lightbox.js";
import { keepAwake } from "./awake.js";
import { Layout } from "./layout.js";
import { getJson, translate } from "../shared/api.js";
import { Tile } from "./tile.js";
import { t } from "../shared/i18n.js";

// Milliseconds.
const POLL_INTERVAL = 2000;
const POLL_INTERVAL_LIVE = 1000;
const RENDER_INTERVAL = 250;
// Browsers open six HTTP/1.1 connections to a host and port. One is left for pictures, and one for cameras.json.
const MAX_STREAMS = 4;
const MAX_PICTURES = 5;

const grid = document.getElementById("grid");
const problem = document.getElementById("problem");
const { client } = grid.dataset;
const tiles = [...grid.children].map((root) => new Tile(root, client, assignStreams));
const isKiosk = grid.classList.contains("kiosk");
const lightbox = isKiosk ? null : new Lightbox(tiles, client, assignStreams);
const layout = new Layout(grid, document.getElementById("layout"), () => {
  for (const tile of tiles) tile.isWoken = false; // the mode applies to all tiles
  assignStreams();
});
let polling = null;
let renderTimer = 0;

// Let the visible tiles stream, as far as there are connections; those that the user has started have priority.
function assignStreams() {
  const isVisible = polling && !lightbox?.isOpen;
  const streams = new Map();
  for (const tile of tiles.toSorted((a, b) => b.isWoken - a.isWoken)) {
    const count = streams.get(tile.url.origin) ?? 0;
    const mustBeLive = Boolean(isVisible && tile.isOnScreen && (layout.isLive || tile.isWoken));
    tile.mayStream = mustBeLive && count < MAX_STREAMS;
    tile.wantsSnapshots = mustBeLive && !tile.mayStream;
    if (tile.mayStream) streams.set(tile.url.origin, count + 1);
  }
  // connections are closed before new ones are opened
  for (const tile of tiles.filter((each) => !each.mayStream)) tile.adjust();
  for (const tile of tiles.filter((each) => each.mayStream)) tile.adjust();
}

function render() {
  for (const tile of tiles) tile.render();
  lightbox?.render();
  requestPictures();
}

// Request the still pictures that are due, as far as there are connections; the one that waits longest is the first.
function requestPictures() {
  if (!polling || lightbox?.isOpen) return;
  const waiting = tiles.filter((each) => each.isOnScreen && each.stills.isDue);
  for (const tile of waiting.sort((a, b) => a.stills.askedAt - b.stills.askedAt)) {
    const { origin } = tile.url;
    const count = tiles.filter((each) => each.url.origin === origin).reduce((sum, each) => sum + each.connections, 0);
    if (count < MAX_PICTURES) tile.stills.refresh().finally(requestPictures);
  }
}

async function poll(signal) {
  while (!signal.aborted) {
    const requestedAt = Date.now();
    let refusal = "";
    const cameras = await getJson("cameras.json", { client }).catch((error) => {
      if (error.status === 403) refusal = error.message;
      return null;
    });
    for (const each of cameras ?? []) each.fault = await translate(each.fault, each.fault_message);
    if (signal.aborted) return;
    problem.hidden = cameras !== null;
    problem.textContent = cameras ? "" : refusal || t("live.unreachable");
    try {
      for (const tile of tiles) tile.update(cameras && findCamera(cameras, tile), requestedAt);
      lightbox?.update(cameras, requestedAt);
      render();
    } catch (error) {
      console.error(error); // keep polling: otherwise the page would show an old state as the current one
    }
    const interval = layout.isLive || lightbox?.isOpen ? POLL_INTERVAL_LIVE : POLL_INTERVAL;
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

function start() {
  if (document.hidden || polling) return;
  polling = new AbortController();
  renderTimer = setInterval(render, RENDER_INTERVAL);
  poll(polling.signal);
  assignStreams();
  lightbox?.setVisible(true);
}

// A camera stays open for its clients: a page in the background lets it close.
function stop() {
  polling?.abort();
  polling = null;
  clearInterval(renderTimer);
  assignStreams();
  lightbox?.setVisible(false);
}

function moveFocus(event) {
  const from = tiles.findIndex((tile) => tile.button === event.target);
  if (from < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  const { offsetTop } = tiles[0].root;
  const columns = tiles.filter((tile) => tile.root.offsetTop === offsetTop).length;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  const ends = { Home: 0, End: tiles.length - 1 };
  const to = tiles[ends[event.key] ?? from + steps[event.key]];
  if (!to) return;
  event.preventDefault();
  to.button.focus();
}

const observer = new IntersectionObserver((changes) => {
  for (const change of changes) {
    tiles.find((tile) => tile.root === change.target).isOnScreen = change.isIntersecting;
  }
  assignStreams();
  render();
}, { threshold: 0.2 });

for (const tile of tiles) {
  observer.observe(tile.root);
  if (lightbox) tile.button.addEventListener("click", () => lightbox.open(tile));
}
if (lightbox) grid.addEventListener("keydown", moveFocus);
keepAwake(isKiosk);
document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
addEventListener("pagehide", stop);
addEventListener("pageshow", start);
start();
