// One camera in large, live, over the grid; the next one is a key, a button or a swipe away.

import { Pane } from "./pane.js";

const SWIPE = 40; // pixels

export class Enlarged {
  #dialog = document.getElementById("enlarged");
  #tiles;
  #client;
  #changed;
  #pane = null;
  #tile = null;

  constructor(tiles, client, changed) {
    this.#tiles = tiles;
    this.#client = client;
    this.#changed = changed;
    const dialog = this.#dialog;
    const on = (name, move) => dialog.querySelector(name).addEventListener("click", move);
    on(".close", () => dialog.close());
    on(".previous", () => this.#move(-1));
    on(".next", () => this.#move(1));
    for (const name of [".previous", ".next"]) dialog.querySelector(name).hidden = tiles.length < 2;
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
    dialog.addEventListener("close", () => this.#closed());
    dialog.addEventListener("keydown", (event) => this.#pressed(event));
    this.#swipe(dialog.querySelector(".stage"));
  }

  get isOpen() {
    return this.#dialog.open;
  }

  open(tile) {
    this.#dialog.showModal();
    this.#show(tile);
  }

  told(cameras, asked) {
    this.#pane?.told(cameras && factsOf(cameras, this.#tile), asked);
  }

  tell() {
    this.#pane?.tell();
  }

  // Nobody can see it for a while, or somebody can again.
  setAwake(isAwake) {
    if (!this.#pane) return;
    this.#pane.mayStream = isAwake;
    this.#pane.adjust();
  }

  #show(tile) {
    this.#pane?.picture.clear();
    this.#tile = tile;
    this.#pane = new Pane(this.#dialog, tile.url, this.#client);
    this.#dialog.querySelector("h2").textContent = tile.name;
    this.#dialog.querySelector(".open").href = tile.url;
    this.#pane.picture.copy(tile.picture);
    Object.assign(this.#pane, { facts: tile.facts && { ...tile.facts, own: [] }, isReachable: tile.isReachable });
    this.#changed(); // the grid's own streams make room
    this.setAwake(true);
  }

  #move(by) {
    const { length } = this.#tiles;
    this.#show(this.#tiles[(this.#tiles.indexOf(this.#tile) + by + length) % length]);
  }

  #closed() {
    this.#pane.picture.clear();
    this.#pane = null;
    this.#tile.button.focus();
    this.#changed();
  }

  #pressed(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || this.#tiles.length < 2 || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#move(by);
  }

  #swipe(stage) {
    let from = null;
    stage.addEventListener("pointerdown", (event) => (from = event.isPrimary ? event : null));
    stage.addEventListener("pointercancel", () => (from = null));
    stage.addEventListener("pointerup", (event) => {
      if (!from) return;
      const [x, y] = [event.clientX - from.clientX, event.clientY - from.clientY];
      from = null;
      if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) this.#move(x < 0 ? 1 : -1);
    });
  }
}

export function factsOf(cameras, tile) {
  return cameras.find((each) => each.number === Number(tile.root.dataset.number)) ?? null;
}
