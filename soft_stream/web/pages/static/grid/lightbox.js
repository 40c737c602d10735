// The lightbox: one camera enlarged and live, over the grid. Keys, buttons and swipes show the next one.

import { Pane } from "./pane.js";

const SWIPE = 40; // pixels

export class Lightbox {
  #dialog = document.getElementById("lightbox");
  #tiles;
  #client;
  #onChange;
  #pane = null;
  #tile = null;

  constructor(tiles, client, onChange) {
    this.#tiles = tiles;
    this.#client = client;
    this.#onChange = onChange;
    const dialog = this.#dialog;
    const onClick = (name, action) => dialog.querySelector(name).addEventListener("click", action);
    onClick(".close", () => dialog.close());
    onClick(".previous", () => this.#move(-1));
    onClick(".next", () => this.#move(1));
    for (const name of [".previous", ".next"]) dialog.querySelector(name).hidden = tiles.length < 2;
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // outside of the content
    dialog.addEventListener("close", () => this.#onClose());
    dialog.addEventListener("keydown", (event) => this.#onKey(event));
    this.#listenToSwipes(dialog.querySelector(".stage"));
  }

  get isOpen() {
    return this.#dialog.open;
  }

  open(tile) {
    this.#dialog.showModal();
    this.#show(tile);
  }

  update(cameras, requestedAt) {
    this.#pane?.update(cameras && findCamera(cameras, this.#tile), requestedAt);
  }

  render() {
    this.#pane?.render();
  }

  // Stream only while the page is visible.
  setVisible(isVisible) {
    if (!this.#pane) return;
    this.#pane.mayStream = isVisible;
    this.#pane.adjust();
  }

  #show(tile) {
    this.#pane?.picture.clear();
    this.#tile = tile;
    this.#pane = new Pane(this.#dialog, tile.url, this.#client);
    this.#dialog.querySelector("h2").textContent = tile.name;
    this.#dialog.querySelector(".open").href = tile.url;
    this.#pane.picture.copy(tile.picture);
    const { clock, isReachable } = tile;
    Object.assign(this.#pane, { facts: tile.facts && { ...tile.facts, own: [] }, isReachable, clock });
    this.#onChange(); // the streams of the grid end first
    this.setVisible(true);
  }

  #move(by) {
    const { length } = this.#tiles;
    this.#show(this.#tiles[(this.#tiles.indexOf(this.#tile) + by + length) % length]);
  }

  #onClose() {
    this.#pane.picture.clear();
    this.#pane = null;
    this.#tile.button.focus();
    this.#onChange();
  }

  #onKey(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || this.#tiles.length < 2 || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#move(by);
  }

  #listenToSwipes(stage) {
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

// Return the entry of a tile in cameras.json, or null.
export function findCamera(cameras, tile) {
  return cameras.find((each) => each.number === Number(tile.root.dataset.number)) ?? null;
}
