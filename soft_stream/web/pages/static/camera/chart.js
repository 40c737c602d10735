// A small chart of the last hour. It shows the value under the pointer, or the one selected with the arrow keys.

import { element, timeElement } from "./dom.js";
import { formatDuration, t } from "../shared/i18n.js";

const WIDTH = 600;
const HEIGHT = 64;
const SVG = "http://www.w3.org/2000/svg";

export class Chart {
  #title;
  #format;
  #points = [];
  #selected = -1;
  #svg = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", tabindex: 0 });
  #area = svg("path", { class: "area" });
  #line = svg("path");
  #cursor = svg("path");
  #value = element("span", { className: "readout" });
  #begin = element("span");
  #range = element("span");

  // `format` turns a value into text.
  constructor(title, format) {
    [this.#title, this.#format] = [title, format];
    this.#svg.append(this.#area, this.#line, this.#cursor);
    const scale = element("p", {}, this.#begin, this.#range, element("span", {}, t("stats.now")));
    const caption = element("figcaption", {}, title);
    this.element = element("figure", { className: "chart" }, caption, this.#value, this.#svg, scale);
    this.#svg.addEventListener("pointermove", (event) => this.#select(this.#nearest(event)));
    for (const end of ["pointerleave", "blur"]) this.#svg.addEventListener(end, () => this.#select(-1));
    this.#svg.addEventListener("keydown", (event) => this.#onKey(event));
  }

  // Points are { x: 0 to 1, at, value, opening }, the oldest first. A point without a value, and the time between two
  // sessions of the camera (another `opening`), is a gap.
  show(points, seconds) {
    const selectedAt = this.#points[this.#selected]?.at;
    this.#points = points.filter(({ value }) => value !== null);
    const values = this.#points.map(({ value }) => value);
    const [smallest, largest] = [Math.min(...values), Math.max(...values)];
    const y = (value) => HEIGHT - 2 - (value / (largest || 1)) * (HEIGHT - 4);
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
    this.#begin.textContent = t("stats.ago", { age: formatDuration(seconds) });
    const range = { smallest: this.#format(smallest), largest: this.#format(largest) };
    const [short, long] = values.length
      ? [t("stats.range", range), t("stats.newest", { newest: this.#format(values.at(-1)), ...range })]
      : [t("stats.none"), t("stats.none")];
    this.#range.textContent = short;
    this.#svg.setAttribute("aria-label", `${this.#title}: ${long}`);
    this.#select(this.#points.findIndex(({ at }) => at === selectedAt));
  }

  // Show the value of a point; -1 is the newest one, without a cursor.
  #select(index) {
    this.#selected = index;
    const point = this.#points.at(index);
    this.#cursor.setAttribute("d", index < 0 ? "" : `M${point.x * WIDTH},0V${HEIGHT}`);
    this.#value.replaceChildren(point ? this.#format(point.value) : "");
    if (index >= 0) this.#value.append(" · ", timeElement(point.at));
  }

  #nearest(event) {
    const box = this.#svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const distances = this.#points.map((point) => Math.abs(point.x - x));
    return distances.indexOf(Math.min(...distances));
  }

  #onKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !this.#points.length) return;
    event.preventDefault();
    this.#value.setAttribute("role", "status"); // screen readers read a value only if a key has selected it
    const from = this.#selected < 0 ? this.#points.length : this.#selected;
    this.#select(Math.min(Math.max(from + step, 0), this.#points.length - 1));
  }
}

function svg(tag, attributes = {}) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
