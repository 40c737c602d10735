// How the tiles are laid out: what this browser remembers, and the columns that fill its window.

import { recall, remember } from "../shared/storage.js";

const KEY = "grid";
const DEFAULTS = { mode: "thumbnails", columns: "auto" };
const NARROWEST = 260; // narrower tiles show nothing: then the page scrolls, in CSS pixels
const SHAPE = 16 / 9;

// The number of columns with which the tiles become largest and still are all to be seen at once.
function bestColumns(count, width, height, gap, caption) {
  const fits = (columns) => Math.floor((width + gap) / columns) - gap >= NARROWEST;
  let best = { columns: 1, size: 0 };
  for (let columns = 1; columns <= count && (columns === 1 || fits(columns)); columns += 1) {
    const rows = Math.ceil(count / columns);
    const widest = (width + gap) / columns - gap;
    const size = Math.min(widest, ((height + gap) / rows - gap - caption) * SHAPE);
    if (size > best.size) best = { columns, size };
  }
  const isStack = best.columns === 1 && count > 1; // on a telephone: as wide as it goes, and the page scrolls
  if (best.size >= NARROWEST && !isStack) return best;
  return { columns: isStack ? 1 : Math.max(1, Math.floor((width + gap) / (NARROWEST + gap))), size: Infinity };
}

export class Layout {
  #chosen = { ...DEFAULTS, ...recall(KEY) };
  #grid;
  #changed;

  constructor(grid, bar, changed) {
    this.#grid = grid;
    this.#changed = changed;
    this.modes = [...bar.querySelectorAll("[data-mode]")];
    this.columns = bar.querySelector("select");
    for (const mode of this.modes) mode.addEventListener("click", () => this.#choose({ mode: mode.dataset.mode }));
    this.columns.addEventListener("change", () => this.#choose({ columns: this.columns.value }));
    if (![...this.columns.options].some((each) => each.value === this.#chosen.columns)) this.#chosen.columns = "auto";
    this.columns.value = this.#chosen.columns;
    new ResizeObserver(() => this.#arrange()).observe(grid);
    addEventListener("resize", () => this.#arrange());
    bar.hidden = false;
    this.#arrange();
  }

  get isLive() {
    return this.#chosen.mode === "live";
  }

  #choose(choice) {
    Object.assign(this.#chosen, choice);
    remember(KEY, this.#chosen);
    this.#arrange();
    this.#changed();
  }

  #arrange() {
    const { mode, columns } = this.#chosen;
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
