// The layout of the tiles: the mode and columns of the address or that this browser has stored, and the columns that fill
// its window.

import { load, save } from "../shared/storage.js";

const KEY = "grid";
const DEFAULTS = { mode: "thumbnails", columns: "auto" };
const MIN_WIDTH = 260; // of a tile, in CSS pixels; the page scrolls before tiles get narrower
const ASPECT_RATIO = 16 / 9;
const WALL_GAP = 4; // pixels between the tiles of a wall; see wall.css

// Return the number of columns for the largest tiles that all fit into the window.
function bestColumns(count, width, height, { gap, caption, minWidth }) {
  const fits = (columns) => Math.floor((width + gap) / columns) - gap >= minWidth;
  let best = { columns: 1, size: 0 };
  for (let columns = 1; columns <= count && (columns === 1 || fits(columns)); columns += 1) {
    const rows = Math.ceil(count / columns);
    const widest = (width + gap) / columns - gap;
    const size = Math.min(widest, ((height + gap) / rows - gap - caption) * ASPECT_RATIO);
    if (size > best.size) best = { columns, size };
  }
  const isStack = minWidth && best.columns === 1 && count > 1; // on a phone: full width, and the page scrolls
  if (best.size >= minWidth && !isStack) return best;
  return { columns: isStack ? 1 : Math.max(1, Math.floor((width + gap) / (minWidth + gap))), size: Infinity };
}

export class Layout {
  #choice = { ...DEFAULTS, ...load(KEY) };
  #grid;
  #onChange;

  // `bar` has the buttons and the menu; a kiosk has none.
  constructor(grid, bar, onChange) {
    this.#grid = grid;
    this.#onChange = onChange;
    const { mode, columns } = grid.dataset; // of the address
    Object.assign(this.#choice, mode && { mode }, columns && { columns });
    this.modes = [...(bar?.querySelectorAll("[data-mode]") ?? [])];
    this.columns = bar?.querySelector("select");
    for (const each of this.modes) each.addEventListener("click", () => this.#choose({ mode: each.dataset.mode }));
    if (bar) this.#setUpMenu(bar);
    new ResizeObserver(() => this.#arrange()).observe(grid);
    addEventListener("resize", () => this.#arrange());
    this.#arrange();
  }

  #setUpMenu(bar) {
    this.columns.addEventListener("change", () => this.#choose({ columns: this.columns.value }));
    if (![...this.columns.options].some((each) => each.value === this.#choice.columns)) this.#choice.columns = "auto";
    this.columns.value = this.#choice.columns;
    bar.hidden = false;
  }

  get isLive() {
    return this.#choice.mode === "live";
  }

  #choose(change) {
    Object.assign(this.#choice, change);
    save(KEY, this.#choice);
    this.#updateAddress(change);
    this.#arrange();
    this.#onChange();
  }

  // What the address chooses must not undo this when the page is loaded again.
  #updateAddress(change) {
    const url = Object.assign(new URL(location), { username: "", password: "" });
    for (const [name, value] of Object.entries(change)) {
      if (url.searchParams.has(name)) url.searchParams.set(name, value);
    }
    if (url.href !== location.href) history.replaceState(null, "", url);
  }

  // The link to the same wall without buttons, whose address can be opened on another display.
  #updateLink(mode, columns) {
    const kiosk = document.getElementById("kiosk");
    if (!kiosk) return; // this is one
    const cameras = new URLSearchParams(location.search).get("cameras");
    kiosk.search = `?mode=${mode}&columns=${columns}${cameras ? `&cameras=${cameras}` : ""}&kiosk=1`;
  }

  #arrange() {
    const { mode, columns } = this.#choice;
    this.#updateLink(mode, columns);
    for (const each of this.modes) each.setAttribute("aria-pressed", String(each.dataset.mode === mode));
    const count = this.#grid.childElementCount;
    if (this.#grid.classList.contains("wall")) {
      const best = bestColumns(count, innerWidth, innerHeight, { gap: WALL_GAP, caption: 0, minWidth: 0 });
      const used = Math.min(columns === "auto" ? best.columns : columns, count);
      this.#grid.style.setProperty("--columns", used);
      return;
    }
    const gap = parseFloat(getComputedStyle(this.#grid).columnGap);
    const room = innerHeight - this.#grid.getBoundingClientRect().top - scrollY - gap;
    const caption = this.#grid.querySelector(".caption").offsetHeight + 2;
    const best = bestColumns(count, this.#grid.clientWidth, room, { gap, caption, minWidth: MIN_WIDTH });
    const isAuto = columns === "auto";
    this.#grid.style.setProperty("--columns", isAuto ? best.columns : columns);
    this.#grid.style.setProperty("--widest", isAuto && best.size < Infinity ? `${Math.floor(best.size)}px` : "1fr");
  }
}
