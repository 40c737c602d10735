// Under the hood: charts of the last hour, who is watching, what the camera agreed to, and the last lines of the log.

import { Chart } from "./chart.js";
import { make, moment } from "./dom.js";
import { client, getJson } from "../shared/api.js";
import { number, span, t } from "../shared/i18n.js";

// The history has a sample in so many milliseconds.
const INTERVAL = 10000;
// Seconds that a chart shows at least, also of a portal that has just started.
const SHORTEST = 120;
const COLUMNS = ["hood.who", "hood.since", "hood.rate", "hood.age", "hood.dropped"];
const whole = (value) => String(value);
const CHARTS = {
  fps: (value) => number(value),
  encode: (value) => t("hood.milliseconds", { n: number(value * 1000) }),
  clients: whole,
  silence: span,
  restarts: whole,
};

export default class Hood {
  #details;
  #status;
  #askedAt = -Infinity;
  #charts = Object.entries(CHARTS).map(([name, format]) => [name, new Chart(t(`hood.${name}`), format)]);
  #clients = make("tbody");
  #facts = make("dl");
  #log = make("ol", { className: "log", tabIndex: 0, "aria-label": t("hood.log") });

  constructor(details, status) {
    [this.#details, this.#status] = [details, status];
    const head = make("tr", {}, ...COLUMNS.map((name) => make("th", { scope: "col" }, t(name))));
    const charts = make("div", { className: "charts" }, ...this.#charts.map(([, chart]) => chart.element));
    details.append(
      charts,
      make("h2", {}, t("hood.clients")), make("table", {}, make("thead", {}, head), this.#clients),
      make("h2", {}, t("hood.camera")), this.#facts,
      make("h2", {}, t("hood.log")), this.#log,
    );
    status.addEventListener("change", () => this.follow());
  }

  // Show what is known now, if somebody looks.
  async follow() {
    const facts = this.#status.facts;
    if (!this.#details.open || !facts || document.hidden) return;
    this.#clients.replaceChildren(...facts.clients.map(rowOf));
    const told = factsOf(facts).flatMap(([name, fact]) => [make("dt", {}, t(name)), make("dd", {}, fact)]);
    this.#facts.replaceChildren(...told);
    if (performance.now() - this.#askedAt < INTERVAL) return;
    this.#askedAt = performance.now();
    try {
      const { history, log, now } = await getJson("status.json", { history: 1 });
      const seconds = Math.max(SHORTEST, now - (history.at[0] ?? now));
      const samples = history.at.map((at, i) => ({ at, x: 1 - (now - at) / seconds, opening: history.opening[i] }));
      for (const [name, chart] of this.#charts) {
        chart.show(samples.map((sample, i) => ({ ...sample, value: history[name][i] })), seconds);
      }
      this.#log.replaceChildren(...log.reverse().map(lineOf));
    } catch {
      this.#askedAt = -Infinity; // the state of the page says why; it is asked again with the next one
    }
  }
}

function rowOf({ peer, path, client: name, seconds, sent_fps: fps, age, dropped }) {
  const what = name === client ? t("hood.own") : `${path} ${name}`;
  const who = make("th", { scope: "row" }, peer, make("br"), make("small", {}, what));
  const cells = [span(seconds), number(fps), age === null ? "–" : span(age), dropped];
  return make("tr", {}, who, ...cells.map((cell) => make("td", {}, cell)));
}

function lineOf({ at, level, text }) {
  return make("li", { className: level }, moment(at), level === "info" ? "" : make("strong", {}, level), text);
}

// Pairs of words and what they stand for, of what there is to tell.
function factsOf(facts) {
  const { negotiated, last_opening: opening, last_focus: focus, adaptive_quality: degradation, last_restart: restart, version } = facts;
  const taken = (seconds) => (seconds === null ? "–" : t("seconds", { n: number(seconds, 2) }));
  const told = [];
  if (negotiated) {
    const { model, size, pixel_format: format, colour_space: space, fps, sensor_mode: mode } = negotiated;
    if (model) told.push(["hood.model", model]);
    told.push(["hood.picture", `${size.join(" × ")}, ${format}, ${space}, ${number(fps)} fps`]);
    told.push(["hood.mode", mode]);
  }
  if (opening) {
    const took = Object.fromEntries(Object.entries(opening).map(([part, seconds]) => [part, taken(seconds)]));
    told.push(["hood.opening", t("hood.opening.took", took)]);
  }
  if (focus) told.push(["hood.focus", t(`hood.focus.${focus.result}`, { seconds: taken(focus.seconds) })]);
  if (degradation) told.push(["hood.degradation", t("hood.degradation.by", degradation)]);
  if (restart) told.push(["hood.restart", make("span", {}, moment(restart.at), ` ${restart.why}`)]);
  told.push(["hood.version", t("hood.version.since", { version, age: span(facts.now - facts.started) })]);
  return told;
}
