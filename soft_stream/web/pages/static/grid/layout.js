// The layout of the tiles: the mode and columns that this browser has stored, and the columns that fill its window.

import { load, save } from "../shared/storage.js";

const KEY = "grid";
const DEFAULTS = { mode: "thumbnails", columns: "auto" };
const MIN_WIDTH = 260; // of a tile, in CSS pixels; the page scrolls before tiles get narrower
const ASPECT_RATIO = 16 / 9;

// Return the number of columns for the largest tiles that all fit into the window.
function bestColumns(count, width, height, gap, caption) {
  const fits = (columns) => Math.floor((width + gap) / columns) - gap >= MIN_WIDTH;
  let best = { columns: 1, size: 0 };
  for (let columns = 1; columns <= count && (columns === 1 || fits(columns)); columns += 1) {
    const rows = Math.ceil(count / columns);
    const widest = (width + gap) / columns - gap;
    const size = Math.min(widest, ((height + gap) / rows - gap - caption) * ASPECT_RATIO);
    if (size > best.size) best = { columns, size };
  }
  const isStack = best.columns === 1 && count > 1; // on a phone: full width, and the page scrolls
  if (best.size >= MIN_WIDTH && !isStack) return best;
  return { columns: isStack ? 1 : Math.max(1, Math.floor((width + gap) / (MIN_WIDTH + gap))), size: Infinity };
}

export class Layout {
  #choice = { ...DEFAULTS, ...load(KEY) };
  #grid;
  #onChange;

  constructor(grid, bar, onChange) {
    this.#grid = grid;
    this.#onChange = onChange;
    this.modes = [...bar.querySelectorAll("[data-mode]")];
    this.columns = bar.querySelector("select");
    for (const mode of this.modes) mode.addEventListener("click", () => this.#choose({ mode: mode.dataset.mode }));
    this.columns.addEventListener("change", () => this.#choose({ columns: this.columns.value }));
    if (![...this.columns.options].some((each) => each.value === this.#choice.columns)) this.#choice.columns = "auto";
    this.columns.value = this.#choice.columns;
    new ResizeObserver(() => this.#arrange()).observe(grid);
    addEventListener("resize", () => this.#arrange());
    bar.hidden = false;
    this.#arrange();
  }

  get isLive() {
    return this.#choice.mode === "live";
  }

  #choose(change) {
    Object.assign(this.#choice, change);
    save(KEY, this.#choice);
    this.#arrange();
    this.#onChange();
  }

  #arrange() {
    const { mode, columns } = this.#choice;
    for (const each of this.modes) each.setAttribute("aria-pressed", String(each.dataset.mode === mode));
    const gap = parseFloat(getComputedStyle(this.#grid).columnGap);
    const room = innerHeight - this.#grid.getBoundingClientRect().top - scrollY - gap;
    const caption = this.#grid.querySelector(".caption").offsetHeight + 2;
    const best = bestColumns(this.#grid.childElementCount, this.#grid.clientWidth, room, gap, caption);
    const isAuto = columns === "auto";
    this.#grid.style.setProperty("--columns", isAuto ? best.columns : columns);
    this.#grid.style.setProperty("--widest", isAuto && best.size < Infinity ? `${Math.floor(best.size)}px` : "1fr");
  }
}
