// The panel of the camera's controls: made of what controls.json lists, and in step with whoever else sets them.

import { Field } from "./control_field.js";
import { make } from "./dom.js";
import { getJson, PATIENCE_WITH_CAMERA, post } from "../shared/api.js";
import { say, t } from "../shared/i18n.js";

// A slider that moves is heard so often, in milliseconds; a request that is underway is waited for.
const GATHERING = 100;
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
const LAST = "ScalerCrop"; // people zoom in the picture

export default class Controls {
  #section;
  #status;
  #fields = new Map();
  #listed = {};
  #seen = ""; // what status.json said of the controls when they were listed
  #wishes = new Map(); // what somebody wants of each; only the newest counts
  #isSending = false;
  #isAsking = false;
  #said = make("p", { role: "status" });
  #problem = make("p", { className: "problem", role: "alert" });

  constructor(section, status) {
    [this.#section, this.#status] = [section, status];
    section.append(this.#said, this.#problem);
    this.#said.textContent = t("controls.opening");
    status.addEventListener("change", () => this.follow());
  }

  // Show what holds now, if somebody looks.
  async follow() {
    if (this.#section.hidden || this.#isAsking || this.#isSending || !this.#status.facts) return;
    const seen = this.#told();
    if (seen === this.#seen) return this.#show();
    this.#isAsking = true;
    try {
      const listed = await getJson("controls.json", {}, PATIENCE_WITH_CAMERA);
      if (!this.#isSending) [this.#listed, this.#seen] = [listed, seen]; // else it may be older than what was set
      if (String(Object.keys(listed)) !== String([...this.#fields.keys()].sort())) this.#build();
      this.#show();
    } catch (error) {
      this.#tell("", error.message);
    }
    this.#isAsking = false;
  }

  // What tells that something has changed: an opening may also bring other bounds, or another camera.
  #told() {
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
      const fields = members.filter((name) => names.includes(name)).map((name) => this.#field(name));
      if (!fields.length) continue;
      const legend = make("legend", {}, t(`controls.group.${group}`));
      this.#said.before(make("fieldset", {}, legend, ...fields.map((field) => field.element)));
    }
    const reset = make("button", { type: "button", onclick: () => this.#resetAll() }, t("controls.reset.all"));
    const keep = make("button", { type: "button", onclick: () => this.#keep() }, t("controls.keep"));
    this.#said.before(make("div", { className: "row" }, reset, keep));
    this.#tell("");
  }

  #field(name) {
    const field = new Field(name, this.#listed[name], (value) => this.#wish(name, value));
    this.#fields.set(name, field);
    return field;
  }

  // Fields that somebody is about to change stay as they are, unless it was just `answered` what became of that.
  #show(answered = []) {
    const { controls, frame, lens_position: lens } = this.#status.facts;
    const exposure = frame?.exposure_time && Math.round(frame.exposure_time * 1e6);
    const seen = { ExposureTime: exposure, AnalogueGain: frame?.gain, LensPosition: lens };
    for (const [name, field] of this.#fields) {
      if (this.#wishes.has(name) || !(name in this.#listed)) continue;
      if (field.isTouched && !answered.includes(name)) continue;
      const isMoved = name === "LensPosition" && this.#listed.AfMode?.value > 0; // by autofocus
      field.show(isMoved ? null : this.#listed[name].value, seen[name] ?? undefined, name in controls);
    }
  }

  async #wish(name, value) {
    this.#tell("");
    this.#wishes.set(name, value);
    if (this.#isSending) return;
    this.#isSending = true;
    await new Promise((resolve) => setTimeout(resolve, GATHERING));
    while (this.#wishes.size) {
      const [[first, newest]] = this.#wishes;
      this.#wishes.delete(first);
      try {
        await this.#post({ [first]: newest });
      } catch (error) {
        this.#show([first]);
        this.#fields.get(first).refuse(error.message);
      }
    }
    this.#isSending = false;
  }

  async #post(values, query = {}) {
    this.#listed = await post("controls", query, values);
    if (!this.#wishes.size) await this.#status.ask();
    this.#seen = this.#told();
    this.#show(Object.keys(values));
  }

  async #resetAll() {
    await this.#status.ask();
    const set = Object.keys(this.#status.facts.controls).filter((name) => name in this.#listed);
    await this.#try(() => this.#post(Object.fromEntries(set.map((name) => [name, null]))), t("controls.reset.done"));
  }

  async #keep() {
    await this.#try(() => this.#post({}, { keep: 1 }), t("controls.keep.done"));
  }

  async #try(action, done) {
    this.#tell("");
    try {
      await action();
      this.#tell(done);
    } catch (error) {
      this.#tell("", error.message);
    }
  }

  #tell(said, problem = "") {
    this.#said.textContent = said;
    say(this.#problem, problem);
  }
}
