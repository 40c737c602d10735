// A small chart of the last hour, with labels at its axes. A tooltip shows the value under the pointer or the finger, or
// the one selected with the arrow keys.

import { element } from "./dom.js";
import { timeElement } from "./time_element.js";
import { formatDuration, setText, t } from "../shared/i18n.js";

const WIDTH = 600;
const HEIGHT = 100;
const SVG = "http://www.w3.org/2000/svg";
// The highest label of the axis of values, as a multiple of a power of ten; its half needs no further digit.
const TOPS = [2, 4, 6, 8, 10];

export class Chart {
  #title;
  #format;
  #unit;
  #isCount;
  #points = [];
  #selected = -1;
  #svg = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", tabindex: 0 });
  #area = svg("path", { class: "area" });
  #line = svg("path");
  #cursor = svg("path");
  #newest = element("span", { className: "readout" });
  #values = ["", "", "0"].map((label) => element("span", {}, label)); // labels from the top to the bottom
  #times = [element("span"), element("span"), element("span", {}, t("stats.now"))];
  #range = element("p");
  #tooltip = element("p", { className: "tooltip", hidden: true });

  // `format` turns a value into text, as a number of `unit`.
  constructor(title, { format, unit = 1, isCount = false }) {
    [this.#title, this.#format, this.#unit, this.#isCount] = [title, format, unit, isCount];
    const grid = svg("path", { class: "grid", d: `M0,0H${WIDTH}M0,${HEIGHT / 2}H${WIDTH}M0,${HEIGHT}H${WIDTH}` });
    this.#svg.append(grid, this.#area, this.#line, this.#cursor);
    const plot = element("div", { className: "plot" },
      element("div", { className: "values" }, ...this.#values),
      element("div", { className: "drawing" }, this.#svg, this.#tooltip),
      element("div", { className: "times" }, ...this.#times));
    const caption = element("figcaption", {}, title);
    this.element = element("figure", { className: "chart" }, caption, this.#newest, plot, this.#range);
    for (const type of ["pointermove", "pointerdown"]) {
      this.#svg.addEventListener(type, (event) => this.#select(this.#nearest(event)));
    }
    // a finger that leaves keeps the tooltip, until it touches something else
    this.#svg.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && this.#select(-1));
    this.#svg.addEventListener("blur", () => this.#select(-1));
    this.#svg.addEventListener("keydown", (event) => this.#onKey(event));
  }

  // Points are { x: 0 to 1, at, value, opening }, the oldest first. A point without a value, and the time between two
  // sessions of the camera (another `opening`), is a gap.
  show(points, seconds) {
    const selectedAt = this.#points[this.#selected]?.at;
    this.#points = points.filter(({ value }) => value !== null);
    const values = this.#points.map(({ value }) => value);
    const [smallest, largest] = [Math.min(...values), Math.max(...values)];
    const top = this.#topOf(Math.max(0, largest));
    this.#draw(points, (value) => HEIGHT * (1 - value / top));
    setText(this.#values[0], this.#format(top));
    setText(this.#values[1], this.#format(top / 2));
    setText(this.#values[2], this.#format(0));
    [1, 0.5].forEach((part, i) => setText(this.#times[i], t("stats.ago", { age: formatDuration(seconds * part) })));
    const range = { smallest: this.#format(smallest), largest: this.#format(largest) };
    const [short, long] = values.length
      ? [t("stats.range", range), t("stats.newest", { newest: this.#format(values.at(-1)), ...range })]
      : [t("stats.none"), t("stats.none")];
    setText(this.#range, short);
    setText(this.#newest, values.length ? this.#format(values.at(-1)) : "");
    this.#svg.setAttribute("aria-label", `${this.#title}: ${long}`);
    this.#select(this.#points.findIndex(({ at }) => at === selectedAt));
  }

  #draw(points, y) {
    let [line, area, last] = ["", "", null];
    for (const point of points) {
      const isNext = last && last.value !== null && last.opening === point.opening;
      if (point.value !== null) {
        point.place = `${(point.x * WIDTH).toFixed(1)},${y(point.value).toFixed(1)}`;
        line += isNext ? `L${point.place}` : `M${point.place}h0`;
        if (isNext) area += `M${last.x * WIDTH},${HEIGHT}L${last.place}L${point.place}L${point.x * WIDTH},${HEIGHT}`;
      }
      last = point;
    }
    this.#line.setAttribute("d", line);
    this.#area.setAttribute("d", area);
  }

  // Return the smallest round value that is not below `largest`.
  #topOf(largest) {
    const number = Math.max(largest / this.#unit, this.#isCount ? 2 : 0.2);
    const power = 10 ** (Math.ceil(Math.log10(number) - 1e-9) - 1);
    return TOPS.map((top) => top * power).find((top) => top >= number * (1 - 1e-9)) * this.#unit;
  }

  // Show the value of a point; -1 is none.
  #select(index) {
    this.#selected = index;
    const point = this.#points[index];
    this.#cursor.setAttribute("d", point ? `M${point.x * WIDTH},0V${HEIGHT}` : "");
    this.#tooltip.hidden = !point;
    if (!point) return;
    this.#tooltip.replaceChildren(this.#format(point.value), " · ", timeElement(point.at));
    // it is beside the cursor, on the side with more room
    const isLeft = point.x < 0.5;
    this.#tooltip.style.left = isLeft ? `${point.x * 100}%` : "auto";
    this.#tooltip.style.right = isLeft ? "auto" : `${(1 - point.x) * 100}%`;
  }

  #nearest(event) {
    const box = this.#svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const distances = this.#points.map((point) => Math.abs(point.x - x));
    return distances.indexOf(Math.min(...distances));
  }

  #onKey(event) {
    const end = this.#points.length - 1;
    const from = this.#selected < 0 ? end + 1 : this.#selected;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: end }[event.key];
    if (to === undefined || end < 0) return;
    event.preventDefault();
    this.#tooltip.setAttribute("role", "status"); // screen readers read a value only if a key has selected it
    this.#select(Math.min(Math.max(to, 0), end));
  }
}

function svg(tag, attributes = {}) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
