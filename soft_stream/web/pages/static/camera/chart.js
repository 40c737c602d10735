// A small chart of the last hour, which tells the value under the pointer, or the one that the arrow keys chose.

import { make, moment } from "./dom.js";
import { span, t } from "../shared/i18n.js";

const WIDTH = 600;
const HEIGHT = 64;
const SVG = "http://www.w3.org/2000/svg";

export class Chart {
  #title;
  #format;
  #points = [];
  #chosen = -1;
  #svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", tabindex: 0 });
  #area = draw("path", { class: "area" });
  #line = draw("path");
  #cursor = draw("path");
  #value = make("span", { className: "readout" });
  #begin = make("span");
  #range = make("span");

  // `format` writes a value for people.
  constructor(title, format) {
    [this.#title, this.#format] = [title, format];
    this.#svg.append(this.#area, this.#line, this.#cursor);
    const scale = make("p", {}, this.#begin, this.#range, make("span", {}, t("hood.now")));
    const caption = make("figcaption", {}, title);
    this.element = make("figure", { className: "chart" }, caption, this.#value, this.#svg, scale);
    this.#svg.addEventListener("pointermove", (event) => this.#choose(this.#nearest(event)));
    for (const end of ["pointerleave", "blur"]) this.#svg.addEventListener(end, () => this.#choose(-1));
    this.#svg.addEventListener("keydown", (event) => this.#step(event));
  }

  // Points are { x: 0 to 1, at, value, opening }, the oldest first; what has no value, or lies between two openings of
  // the camera, is a gap.
  show(points, seconds) {
    const chosenAt = this.#points[this.#chosen]?.at;
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
    this.#begin.textContent = t("hood.ago", { age: span(seconds) });
    const said = { smallest: this.#format(smallest), largest: this.#format(largest) };
    this.#range.textContent = values.length ? t("hood.range", said) : t("hood.none");
    const newest = values.length ? t("hood.newest", { newest: this.#format(values.at(-1)), ...said }) : t("hood.none");
    this.#svg.setAttribute("aria-label", `${this.#title}: ${newest}`);
    this.#choose(this.#points.findIndex(({ at }) => at === chosenAt));
  }

  // Show a point, or with -1 the newest one.
  #choose(index) {
    this.#chosen = index;
    const point = this.#points.at(index);
    this.#cursor.setAttribute("d", index < 0 ? "" : `M${point.x * WIDTH},0V${HEIGHT}`);
    this.#value.replaceChildren(point ? this.#format(point.value) : "");
    if (index >= 0) this.#value.append(" · ", moment(point.at));
  }

  #nearest(event) {
    const box = this.#svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const distances = this.#points.map((point) => Math.abs(point.x - x));
    return distances.indexOf(Math.min(...distances));
  }

  // Only what the keys choose is spoken.
  #step(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !this.#points.length) return;
    event.preventDefault();
    this.#value.setAttribute("role", "status");
    const from = this.#chosen < 0 ? this.#points.length : this.#chosen;
    this.#choose(Math.min(Math.max(from + step, 0), this.#points.length - 1));
  }
}

function draw(tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
