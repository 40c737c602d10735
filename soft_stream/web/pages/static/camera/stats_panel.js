// The details panel: charts of the last hour, the clients, the negotiated format, and the newest lines of the log.

import { Chart } from "./chart.js";
import { element, timeElement } from "./dom.js";
import { client, getJson } from "../shared/api.js";
import { formatDuration, formatNumber, t } from "../shared/i18n.js";

// Milliseconds between two samples of the history.
const INTERVAL = 10000;
// Seconds; a chart is at least this long, even if the server has just started.
const MIN_DURATION = 120;
const COLUMNS = ["stats.address", "stats.connected", "stats.rate", "stats.age", "stats.dropped"];
const CHARTS = {
  fps: (value) => formatNumber(value),
  encode: (value) => t("stats.milliseconds", { n: formatNumber(value * 1000) }),
  clients: String,
  silence: formatDuration,
  restarts: String,
};

export default class StatsPanel {
  #details;
  #status;
  #loadedAt = -Infinity;
  #charts = Object.entries(CHARTS).map(([name, format]) => [name, new Chart(t(`stats.${name}`), format)]);
  #clients = element("tbody");
  #facts = element("dl");
  #log = element("ol", { className: "log", tabIndex: 0, "aria-label": t("stats.log") });

  constructor(details, status) {
    [this.#details, this.#status] = [details, status];
    const head = element("tr", {}, ...COLUMNS.map((name) => element("th", { scope: "col" }, t(name))));
    const charts = element("div", { className: "charts" }, ...this.#charts.map(([, chart]) => chart.element));
    details.append(
      charts,
      element("h2", {}, t("stats.clients")), element("table", {}, element("thead", {}, head), this.#clients),
      element("h2", {}, t("stats.camera")), this.#facts,
      element("h2", {}, t("stats.log")), this.#log,
    );
    status.addEventListener("change", () => this.update());
  }

  // Show the newest values, if the panel is visible.
  async update() {
    const facts = this.#status.facts;
    if (!this.#details.open || !facts || document.hidden) return;
    this.#clients.replaceChildren(...facts.clients.map(clientRow));
    const rows = cameraFacts(facts).flatMap(([key, value]) => [element("dt", {}, t(key)), element("dd", {}, value)]);
    this.#facts.replaceChildren(...rows);
    if (performance.now() - this.#loadedAt < INTERVAL) return;
    this.#loadedAt = performance.now();
    try {
      const { history, log, now } = await getJson("status.json", { history: 1 });
      const seconds = Math.max(MIN_DURATION, now - (history.at[0] ?? now));
      const samples = history.at.map((at, i) => ({ at, x: 1 - (now - at) / seconds, opening: history.opening[i] }));
      for (const [name, chart] of this.#charts) {
        chart.show(samples.map((sample, i) => ({ ...sample, value: history[name][i] })), seconds);
      }
      this.#log.replaceChildren(...log.reverse().map(logLine));
    } catch {
      this.#loadedAt = -Infinity; // the state badge shows the problem; the next update tries again
    }
  }
}

function clientRow({ peer, path, client: name, seconds, sent_fps: fps, age, dropped }) {
  const label = name === client ? t("stats.own") : `${path} ${name}`;
  const head = element("th", { scope: "row" }, peer, element("br"), element("small", {}, label));
  const cells = [formatDuration(seconds), formatNumber(fps), age === null ? "–" : formatDuration(age), dropped];
  return element("tr", {}, head, ...cells.map((cell) => element("td", {}, cell)));
}

function logLine({ at, level, text }) {
  const mark = level === "info" ? "" : element("strong", {}, level);
  return element("li", { className: level }, timeElement(at), mark, text);
}

// Return pairs of a message key and a text, for the facts that are known.
function cameraFacts(facts) {
  const { negotiated, last_opening: opening, last_focus: focus, adaptive_quality: degradation, last_restart: restart, version } = facts;
  const inSeconds = (seconds) => (seconds === null ? "–" : t("seconds", { n: formatNumber(seconds, 2) }));
  const rows = [];
  if (negotiated) {
    const { model, size, pixel_format: format, colour_space: space, fps, sensor_mode: mode } = negotiated;
    if (model) rows.push(["stats.model", model]);
    rows.push(["stats.picture", `${size.join(" × ")}, ${format}, ${space}, ${formatNumber(fps)} fps`]);
    rows.push(["stats.mode", mode]);
  }
  if (opening) {
    const took = Object.fromEntries(Object.entries(opening).map(([part, seconds]) => [part, inSeconds(seconds)]));
    rows.push(["stats.opening", t("stats.opening.took", took)]);
  }
  if (focus) rows.push(["stats.focus", t(`stats.focus.${focus.result}`, { seconds: inSeconds(focus.seconds) })]);
  if (degradation) rows.push(["stats.degradation", t("stats.degradation.by", degradation)]);
  if (restart) rows.push(["stats.restart", element("span", {}, timeElement(restart.at), ` ${restart.why}`)]);
  rows.push(["stats.version", t("stats.version.since", { version, age: formatDuration(facts.now - facts.started) })]);
  return rows;
}
