// The settings panel, for admins: the settings of settings.json, what they cost, and the button that saves them.

import { element } from "./dom.js";
import { estimate } from "./settings_costs.js";
import { SettingsField } from "./settings_field.js";
import { checkbox, choice, number, size, slider, text } from "./settings_inputs.js";
import { getJson, post, translate } from "../shared/api.js";
import { formatNumber, setText, t } from "../shared/i18n.js";

// Milliseconds after which the settings and their costs are requested again, and after a change, when the rate of the
// frames is not known yet.
const INTERVAL = 5000;
const SOON = 2000;
const FIELDS = {
  name: text,
  "width height": size,
  fps: number,
  quality: slider,
  rotation: (listed) => choice(listed.choices.map((degrees) => [degrees, `${degrees}°`])),
  hflip: checkbox,
  vflip: checkbox,
};

const button = (key, onclick) => element("button", { type: "button", onclick }, t(key));

export default class SettingsPanel {
  #section;
  #status;
  #listed = null; // the newest settings.json
  #loadedAt = -Infinity;
  #isBusy = false;
  #isLost = false; // whether the last request for the settings has failed
  #fields = [];
  #costs = element("p"); // now
  #estimate = element("p"); // with the values in the fields
  #message = element("p", { role: "status" });
  #problem = element("p", { className: "problem", role: "alert" });
  #save = element("button", { type: "submit" }, t("settings.save"));
  #discard = button("settings.discard", () => this.#showSaved());
  #undo = button("settings.undo", () => this.#undoLast());
  #form;

  constructor(section, status) {
    [this.#section, this.#status] = [section, status];
    this.#message.textContent = t("settings.opening");
    section.append(this.#message, this.#problem);
    status.addEventListener("change", () => this.update());
  }

  // Request the settings and their costs, if the panel is visible and those shown are not new.
  async update() {
    const isShown = !this.#section.hidden && !document.hidden;
    if (!isShown || this.#isBusy || performance.now() - this.#loadedAt < INTERVAL) return;
    await this.#request(() => getJson("settings.json"));
  }

  #build() {
    this.#fields = Object.entries(FIELDS).map(([key, create]) => {
      const names = key.split(" ");
      const control = create(...names.map((name) => this.#listed[name]));
      return new SettingsField(names, t(`settings.name.${names[0]}`), control, () => this.#showChanges());
    });
    const fields = this.#fields.map((field) => field.element);
    const buttons = element("div", { className: "row" }, this.#save, this.#discard, this.#undo);
    const footer = element("div", { className: "footer" }, this.#estimate, this.#message, this.#problem, buttons);
    const parts = [...fields, this.#costs, footer];
    this.#form = element("form", { noValidate: true, oninput: () => this.#showChanges() }, ...parts);
    this.#form.onsubmit = (event) => this.#onSubmit(event);
    this.#section.append(element("p", {}, t("settings.shared")), this.#form);
    this.#message.textContent = "";
  }

  get #changes() {
    return Object.assign({}, ...this.#fields.map((field) => field.changes));
  }

  #showSaved() {
    this.#report();
    for (const field of this.#fields) field.show(this.#listed, true);
    this.#showChanges();
  }

  // Show what the values in the fields cost, and what happens when they are saved.
  #showChanges() {
    const saved = Object.fromEntries(Object.keys(this.#listed).map((name) => [name, this.#listed[name]?.value]));
    const isReady = this.#status.facts?.negotiated?.pixel_format === "MJPEG";
    for (const field of this.#fields) {
      const { data, cpu } = estimate(saved, { ...saved, ...field.values }, isReady);
      field.showCost(data === 1 && cpu === 1 ? "" : t("settings.factors", inUnits(data, cpu)));
    }
    const changed = Object.keys(this.#changes);
    const { mbit_s: data, cpu_percent: cpu } = this.#listed.costs;
    const costs = !data ? t("settings.costs.unknown") : t("settings.costs", inUnits(data, cpu));
    setText(this.#costs, [...this.#listed.differences, costs].join("\n"));
    const next = Object.assign({ ...saved }, ...this.#fields.map((field) => field.values));
    const restarts = changed.some((name) => this.#listed[name].applies !== "at once");
    const effect = t(restarts ? "settings.restarts" : "settings.at_once");
    const texts = changed.length ? [estimateText(estimate(saved, next, isReady), data, cpu), effect] : [];
    setText(this.#estimate, texts.join(" "));
    this.#save.disabled = !changed.length;
    this.#discard.hidden = !changed.length;
    this.#undo.hidden = Boolean(changed.length) || !this.#listed.undo;
  }

  #onSubmit(event) {
    event.preventDefault();
    this.#report();
    if (!this.#form.reportValidity()) return;
    const changes = this.#changes;
    if ("name" in changes) history.replaceState(null, "", "#settings"); // the page will be reloaded with the new name
    this.#send(() => post("settings", {}, changes), "settings.saved");
  }

  #undoLast() {
    this.#send(() => post("settings/undo"), "settings.undone");
  }

  async #send(request, done) {
    const { activeElement: pressed } = document;
    this.#report(t("settings.saving"));
    this.#save.disabled = this.#undo.disabled = true;
    if (await this.#request(request, true)) this.#report(t(done));
    this.#undo.disabled = false;
    this.#showChanges();
    if (document.activeElement !== document.body) return;
    // the browser has taken the focus from a button that was disabled
    const next = [pressed, this.#undo, this.#form[0]].find(({ disabled, hidden }) => !disabled && !hidden);
    next?.focus({ preventScroll: true });
  }

  // Show the answer to a request, which is settings.json. Return whether there was one.
  async #request(request, isChange = false) {
    this.#isBusy = true;
    try {
      this.#listed = await inOwnWords(await request());
      this.#loadedAt = performance.now() - (isChange ? INTERVAL - SOON : 0);
      if (!this.#form) this.#build();
      for (const field of this.#fields) field.show(this.#listed, isChange);
      this.#showChanges();
      if (this.#isLost) this.#report();
      this.#isLost = false;
      return true;
    } catch (error) {
      this.#isLost = !isChange;
      this.#report("", error.message);
      return false;
    } finally {
      this.#isBusy = false;
    }
  }

  #report(message = "", problem = "") {
    this.#message.textContent = message;
    setText(this.#problem, problem);
  }
}

// Put the sentences of the server into the language of the page.
async function inOwnWords(listed) {
  const { differences, difference_messages: messages = [] } = listed;
  return { ...listed, differences: await Promise.all(differences.map((each, i) => translate(each, messages[i]))) };
}

const round = (value) => (isNaN(value) ? "?" : formatNumber(value, value < 9.95 ? 1 : 0));
const inUnits = (data, cpu) => ({ data: round(data), cpu: round(cpu) });

function estimateText(factors, data, cpu) {
  if (!data) return t("settings.estimate.factors", inUnits(factors.data, factors.cpu));
  return t("settings.estimate", inUnits(data * factors.data, cpu * factors.cpu));
}
