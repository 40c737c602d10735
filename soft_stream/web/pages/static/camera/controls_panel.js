// The controls panel: a field for each control in controls.json, updated when other clients change a control.

import { ControlField } from "./control_field.js";
import { element } from "./dom.js";
import { CAMERA_TIMEOUT, getJson, post } from "../shared/api.js";
import { setText, t } from "../shared/i18n.js";

// Milliseconds to collect the changes of a moving slider before the first request. There is one request at a time.
const DEBOUNCE = 100;
const GROUPS = {
  exposure: [
    "Brightness", "ExposureValue", "AeEnable", "ExposureTime", "AnalogueGain", "AeExposureMode", "AeMeteringMode",
    "AeConstraintMode", "AeFlickerMode", "AeFlickerPeriod", "HdrMode",
  ],
  colour: [
    "Contrast", "Saturation", "Gamma", "Hue", "AwbEnable", "AwbMode", "ColourTemperature", "ColourGains",
    "ColourCorrectionMatrix",
  ],
  focus: ["AfMode", "LensPosition", "AfRange", "AfSpeed"],
  other: ["Sharpness", "NoiseReductionMode"],
};
const LAST = "ScalerCrop"; // zooming in the picture is easier

export default class ControlsPanel {
  #section;
  #status;
  #fields = new Map();
  #listed = {}; // the newest controls.json
  #listedVersion = ""; // the version of the controls in it
  #changes = new Map(); // the newest value of each control that is not sent yet
  #isSending = false;
  #isLoading = false;
  #message = element("p", { role: "status" });
  #problem = element("p", { className: "problem", role: "alert" });

  constructor(section, status) {
    [this.#section, this.#status] = [section, status];
    section.append(this.#message, this.#problem);
    this.#message.textContent = t("controls.opening");
    status.addEventListener("change", () => this.update());
  }

  // Show the current values, if the panel is visible.
  async update() {
    if (this.#section.hidden || this.#isLoading || this.#isSending || !this.#status.facts) return;
    const version = this.#version();
    if (version === this.#listedVersion) return this.#showValues();
    this.#isLoading = true;
    try {
      const listed = await getJson("controls.json", {}, CAMERA_TIMEOUT);
      // the list may be older than a change that is being sent
      if (!this.#isSending) [this.#listed, this.#listedVersion] = [listed, version];
      if (String(Object.keys(listed)) !== String([...this.#fields.keys()].sort())) this.#build();
      this.#showValues();
    } catch (error) {
      this.#report("", error.message);
    }
    this.#isLoading = false;
  }

  // Return a text that changes with the controls: a new session of the camera may have other limits.
  #version() {
    const { started, counters, controls } = this.#status.facts;
    return JSON.stringify([started, counters.opened, controls]);
  }

  #build() {
    for (const old of this.#section.querySelectorAll("fieldset, .row")) old.remove();
    this.#fields.clear();
    const names = Object.keys(this.#listed);
    const grouped = Object.values(GROUPS).flat();
    const others = names.filter((name) => !grouped.includes(name) && name !== LAST);
    for (const [group, members] of Object.entries({ ...GROUPS, other: [...GROUPS.other, ...others, LAST] })) {
      const fields = members.filter((name) => names.includes(name)).map((name) => this.#createField(name));
      if (!fields.length) continue;
      const legend = element("legend", {}, t(`controls.group.${group}`));
      const hints = fields.includes(this.#fields.get("ExposureTime")) ? [element("small", {}, t("controls.night"))] : [];
      this.#message.before(element("fieldset", {}, legend, ...hints, ...fields.map((field) => field.element)));
    }
    const reset = element("button", { type: "button", onclick: () => this.#resetAll() }, t("controls.reset.all"));
    const save = element("button", { type: "button", onclick: () => this.#saveAll() }, t("controls.keep"));
    this.#message.before(element("div", { className: "row" }, reset, save));
    this.#report("");
  }

  #createField(name) {
    const field = new ControlField(name, this.#listed[name], (value) => this.#change(name, value));
    this.#fields.set(name, field);
    return field;
  }

  // A field that has the focus keeps what the user types, unless the server has just `answered` it.
  #showValues(answered = []) {
    const { controls, frame, lens_position: lens } = this.#status.facts;
    const exposure = frame?.exposure_time && Math.round(frame.exposure_time * 1e6);
    const measured = { ExposureTime: exposure, AnalogueGain: frame?.gain, LensPosition: lens };
    for (const [name, field] of this.#fields) {
      if (this.#changes.has(name) || !(name in this.#listed)) continue;
      if (field.hasFocus && !answered.includes(name)) continue;
      const isAutomatic = name === "LensPosition" && this.#listed.AfMode?.value > 0; // autofocus moves the lens
      field.show(isAutomatic ? null : this.#listed[name].value, measured[name] ?? undefined, name in controls);
    }
  }

  async #change(name, value) {
    this.#report("");
    this.#changes.set(name, value);
    if (this.#isSending) return;
    this.#isSending = true;
    await new Promise((resolve) => setTimeout(resolve, DEBOUNCE));
    while (this.#changes.size) {
      const [[first, newest]] = this.#changes;
      this.#changes.delete(first);
      try {
        await this.#send({ [first]: newest });
      } catch (error) {
        this.#showValues([first]);
        this.#fields.get(first).showError(error.message);
      }
    }
    this.#isSending = false;
  }

  async #send(values, query = {}) {
    this.#listed = await post("controls", query, values);
    if (!this.#changes.size) await this.#status.refresh();
    this.#listedVersion = this.#version();
    this.#showValues(Object.keys(values));
  }

  async #resetAll() {
    await this.#status.refresh();
    const set = Object.keys(this.#status.facts.controls);
    const values = Object.fromEntries(set.map((name) => [name, null]));
    await this.#try(() => this.#send(values, { keep: 1 }), t("controls.reset.done")); // no value is left to keep
  }

  async #saveAll() {
    await this.#try(() => this.#send({}, { keep: 1 }), t("controls.keep.done"));
  }

  async #try(action, done) {
    this.#report("");
    try {
      await action();
      this.#report(done);
    } catch (error) {
      this.#report("", error.message);
    }
  }

  #report(message, problem = "") {
    this.#message.textContent = message;
    setText(this.#problem, problem);
  }
}
