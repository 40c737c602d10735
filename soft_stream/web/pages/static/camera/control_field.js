// One control of the camera: its name, what sets it, what holds, and what the server has against a value.

import { make } from "./dom.js";
import { scaleOf } from "./slider_scale.js";
import { has, number, say, t } from "../shared/i18n.js";

// Of these 0 is automatic; these are times in microseconds.
const ZERO_IS_AUTOMATIC = ["ExposureTime", "AnalogueGain", "ColourGains"];
const TIMES = ["ExposureTime", "AeFlickerPeriod"];

export class Field {
  #inputs; // the first one is the control's own
  #show; // writes a value into them; null is automatic
  #readout = make("span", { className: "readout" });
  #problem;
  #reset;
  #label;

  // `wish` is told what somebody wants: a value, or null for what the camera likes.
  constructor(name, control, wish) {
    this.name = name;
    this.#label = has(`controls.name.${name}`) ? t(`controls.name.${name}`) : name.replace(/\B[A-Z]/g, " $&");
    const id = `control-${name}`;
    const wanted = (value) => {
      this.refuse("");
      wish(value);
    };
    [this.#inputs, this.#show] = this.#made(id, control, wanted);
    this.#problem = make("p", { className: "problem", id: `${id}-problem`, role: "alert" });
    for (const input of this.#inputs) input.setAttribute("aria-describedby", this.#problem.id);
    const title = t("controls.reset", { name: this.#label });
    this.#reset = make("button", { type: "button", className: "reset", title, "aria-label": title }, "↺");
    this.#reset.onclick = () => {
      wanted(null);
      this.#inputs[0].focus(); // the button goes
    };
    const label = make("label", { title: name, htmlFor: id }, this.#label);
    const inputs = make("div", { className: "inputs" }, ...this.#inputs, this.#reset);
    const className = `field ${this.#inputs[0].type}`;
    this.element = make("div", { className }, label, this.#readout, inputs, this.#problem);
  }

  get isTouched() {
    return this.element.contains(document.activeElement) && document.activeElement !== this.#reset;
  }

  // Show what holds, and where that is left to the camera, what it has `seen` fit.
  show(value, seen, isSet) {
    const isZero = [value].flat().every((part) => part === 0);
    const held = ZERO_IS_AUTOMATIC.includes(this.name) && isZero ? null : value;
    const read = this.#readable(held ?? seen);
    const text = [held === null && t("controls.automatic"), read].filter(Boolean).join(" · ");
    say(this.#readout, text);
    this.#reset.disabled = !isSet;
    this.#show(held, seen);
    if (this.#inputs[0].type === "range") this.#inputs[0].setAttribute("aria-valuetext", text || held);
  }

  refuse(sentence) {
    this.#problem.textContent = sentence;
    for (const input of this.#inputs) input.setAttribute("aria-invalid", Boolean(sentence));
  }

  #readable(value) {
    if (typeof value !== "number") return "";
    if (TIMES.includes(this.name)) return timeOf(value / 1e6);
    if (this.name === "AnalogueGain") return `${number(value)}×`;
    if (this.name === "LensPosition") return value > 0.01 ? `${(1 / value).toPrecision(2)} m` : "∞";
    return "";
  }

  #made(id, control, wish) {
    const names = has(`controls.values.${this.name}`) && t(`controls.values.${this.name}`).split("|");
    if (control.count > 1) return this.#parts(id, control, wish);
    if (control.type === "bool") return switchOf(id, wish);
    return names ? choiceOf(id, control, names, wish) : this.#slider(id, control, wish);
  }

  #slider(id, control, wish) {
    const scale = scaleOf(control);
    const slider = make("input", { type: "range", id, min: 0, max: scale.steps });
    const exact = this.#number(control, scale.step, this.#label);
    slider.oninput = () => {
      const value = scale.at(Number(slider.value));
      exact.value = value;
      slider.setAttribute("aria-valuetext", this.#readable(value) || value);
      wish(value);
    };
    exact.onchange = () => exact.validity.badInput || wish(exact.value === "" ? null : Number(exact.value));
    const show = (value, seen) => {
      const shown = value ?? seen ?? control.default ?? scale.at(scale.steps / 2);
      exact.value = value === null ? "" : short(value);
      exact.placeholder = value === null && seen ? short(seen) : "";
      if (scale.at(Number(slider.value)) !== shown) slider.value = scale.stepOf(shown);
    };
    return [[slider, exact], show];
  }

  // Several numbers are one value, which is wanted once all of them are there.
  #parts(id, control, wish) {
    const names = has(`controls.parts.${this.name}`) ? t(`controls.parts.${this.name}`).split("|") : [];
    const bounds = control.type === "rectangle" ? {} : control;
    const inputs = Array.from({ length: control.count }, (_, i) =>
      this.#number(bounds, "any", `${this.#label}: ${names[i] ?? i + 1}`));
    inputs[0].id = id;
    for (const input of inputs) {
      input.onchange = () => inputs.every((each) => each.value) && wish(inputs.map((each) => Number(each.value)));
    }
    return [inputs, (value) => inputs.forEach((input, i) => (input.value = value === null ? "" : short(value[i])))];
  }

  #number({ min = "", max = "" }, step, label) {
    return make("input", { type: "number", min, max, step, "aria-label": label });
  }
}

function switchOf(id, wish) {
  const input = make("input", { type: "checkbox", id, role: "switch" });
  input.onchange = () => wish(input.checked);
  return [[input], (value) => Object.assign(input, { checked: value === true, indeterminate: value === null })];
}

function choiceOf(id, control, names, wish) {
  const select = make("select", { id });
  if (control.default === null) select.append(make("option", { value: "" }, t("controls.automatic")));
  for (let value = control.min; value <= control.max; value++) {
    select.append(make("option", { value }, names[value] ?? value));
  }
  select.onchange = () => wish(select.value === "" ? null : Number(select.value));
  return [[select], (value) => (select.value = value ?? "")];
}

function timeOf(seconds) {
  return seconds < 0.3 ? `1/${Math.round(1 / seconds)} s` : `${Number(seconds.toPrecision(2))} s`;
}

// A number without the digits that only a 32-bit float has.
function short(value) {
  return Number.isInteger(value) ? value : Number(value.toPrecision(4));
}
