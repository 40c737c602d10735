// The details panel: charts of the last hour, the clients, the negotiated format, and the newest lines of the log.

import { Chart } from "./chart.js";
import { element } from "./dom.js";
import { timeElement } from "./time_element.js";
import { client, getJson, translate } from "../shared/api.js";
import { formatDuration, formatNumber, locale, t } from "../shared/i18n.js";

// Milliseconds between two samples of the history.
const INTERVAL = 10000;
// Seconds; a chart is at least this long, even if the server has just started.
const MIN_DURATION = 120;
const COLUMNS = ["stats.address", "stats.connected", "stats.rate", "stats.age", "stats.dropped"];
const CHARTS = {
  fps: { format: (value) => formatNumber(value) },
  encode: { format: (value) => milliseconds(value, 1), unit: 0.001 },
  clients: { format: String, isCount: true },
  silence: { format: (value) => (value < 1 ? milliseconds(value, 0) : formatDuration(value)), unit: 0.01 },
  restarts: { format: String, isCount: true },
};

const milliseconds = (seconds, digits) => t("stats.milliseconds", { n: formatNumber(seconds * 1000, digits) });

export default class StatsPanel {
  #section;
  #status;
  #loadedAt = -Infinity;
  #charts = Object.entries(CHARTS).map(([name, options]) => [name, new Chart(t(`stats.${name}`), options)]);
  #clients = element("tbody");
  #facts = element("dl");
  #log = element("ol", { className: "log", "aria-label": t("stats.log") });

  constructor(section, status) {
    [this.#section, this.#status] = [section, status];
    const head = element("tr", {}, ...COLUMNS.map((name) => element("th", { scope: "col" }, t(name))));
    const charts = element("div", { className: "charts" }, ...this.#charts.map(([, chart]) => chart.element));
    section.append(
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
    if (this.#section.hidden || !facts || document.hidden) return;
    this.#clients.replaceChildren(...facts.clients.map(clientRow));
    const { last_restart: restart } = facts;
    const why = restart && (await translate(restart.why, restart.why_message));
    const rows = cameraFacts(facts, why).flatMap(([key, value]) => [element("dt", {}, t(key)), element("dd", {}, value)]);
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
      this.#log.replaceChildren(...(await Promise.all(log.reverse().map(logLine))));
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

// A change of the state has the word of the badge, with its colour, in front of the reason.
async function logLine({ at, level, text, text_message: message }) {
  const mark = level === "info" ? "" : element("strong", {}, t("stats.warning"));
  const { state, why } = message?.code === "log_state" ? message.values : {};
  if (!state) return element("li", { className: level }, timeElement(at), mark, asSentence(await translate(text, message)));
  const name = state.code; // such as state.idle
  const badge = element("b", {}, t(name));
  badge.dataset.state = name.split(".")[1];
  const reason = await translate(text.slice(text.indexOf(": ") + 2), why);
  return element("li", { className: level }, timeElement(at), mark, badge, asSentence(reason));
}

// Return a text that begins with a capital letter and ends with a full stop.
function asSentence(text) {
  const end = /[.!?)]$/.test(text) ? "" : ".";
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1) + end;
}

// Return pairs of a message key and a text, for the facts that are known; `whyRestarted` is in the language of the page.
function cameraFacts(facts, whyRestarted) {
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
  if (restart) rows.push(["stats.restart", element("span", {}, timeElement(restart.at), ` ${asSentence(whyRestarted)}`)]);
  rows.push(["stats.version", t("stats.version.since", { version, age: formatDuration(facts.now - facts.started) })]);
  return rows;
}
