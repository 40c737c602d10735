// The page of all cameras: asks what they do, and decides which of them may stream.

import { Enlarged, factsOf } from "./lightbox.js";
import { Layout } from "./layout.js";
import { getJson } from "../shared/api.js";
import { Tile } from "./tile.js";
import { t } from "../shared/i18n.js";

const ASK = 2000; // from one answer to the next question, ms
const ASK_LIVE = 1000;
const TELL = 250;
// Browsers have six connections to each host and port (HTTP/1.1): one picture, and one question, always get through.
const STREAMS_AT_ONCE = 4;
const PICTURES_AT_ONCE = 5;

const grid = document.getElementById("grid");
const problem = document.getElementById("problem");
const { client } = grid.dataset;
const tiles = [...grid.children].map((root) => new Tile(root, client, allot));
const enlarged = new Enlarged(tiles, client, allot);
const layout = new Layout(grid, document.getElementById("layout"), () => {
  for (const tile of tiles) tile.isWoken = false; // the mode is for all
  allot();
});
let following = null;
let telling = 0;

// Let those tiles stream that can be seen, as many as connections allow; those that somebody has woken come first.
function allot() {
  const isAwake = following && !enlarged.isOpen;
  const streams = new Map();
  for (const tile of tiles.toSorted((a, b) => b.isWoken - a.isWoken)) {
    const count = streams.get(tile.url.origin) ?? 0;
    tile.mayStream = Boolean(isAwake && tile.isOnScreen && (layout.isLive || tile.isWoken)) && count < STREAMS_AT_ONCE;
    if (tile.mayStream) streams.set(tile.url.origin, count + 1);
  }
  // connections are given back before they are taken
  for (const tile of tiles.filter((each) => !each.mayStream)) tile.adjust();
  for (const tile of tiles.filter((each) => each.mayStream)) tile.adjust();
}

function tell() {
  for (const tile of tiles) tile.tell();
  enlarged.tell();
  if (enlarged.isOpen) return;
  for (const tile of tiles.filter((each) => each.isOnScreen && each.needsThumbnail)) {
    const isSame = (each) => each.url.origin === tile.url.origin;
    const pictures = tiles.filter((each) => isSame(each) && (each.picture.streamingSince || each.picture.isLoading));
    if (pictures.length < PICTURES_AT_ONCE) tile.refresh();
  }
}

async function follow(signal) {
  while (!signal.aborted) {
    const asked = Date.now();
    const cameras = await getJson("cameras.json", { client }).catch(() => null);
    if (signal.aborted) return;
    problem.hidden = cameras !== null;
    problem.textContent = cameras ? "" : t("live.unreachable");
    try {
      for (const tile of tiles) tile.told(cameras && factsOf(cameras, tile), asked);
      enlarged.told(cameras, asked);
      tell();
    } catch (error) {
      console.error(error); // it goes on: a page that no longer asks would show what was long ago
    }
    const interval = layout.isLive || enlarged.isOpen ? ASK_LIVE : ASK;
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

function wake() {
  if (document.hidden || following) return;
  following = new AbortController();
  telling = setInterval(tell, TELL);
  follow(following.signal);
  allot();
  enlarged.setAwake(true);
}

// A camera stays open for those who see it: a page in the background lets it close.
function sleep() {
  following?.abort();
  following = null;
  clearInterval(telling);
  allot();
  enlarged.setAwake(false);
}

function moveBetweenTiles(event) {
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

const seen = new IntersectionObserver((changes) => {
  for (const change of changes) {
    tiles.find((tile) => tile.root === change.target).isOnScreen = change.isIntersecting;
  }
  allot();
}, { threshold: 0.2 });

for (const tile of tiles) {
  seen.observe(tile.root);
  tile.button.addEventListener("click", () => enlarged.open(tile));
}
grid.addEventListener("keydown", moveBetweenTiles);
document.addEventListener("visibilitychange", () => (document.hidden ? sleep() : wake()));
addEventListener("pagehide", sleep);
addEventListener("pageshow", wake);
wake();
