// The field of one camera control: its name, its inputs, its current value, and the error of a refused value.

import { element } from "./dom.js";
import { sliderScale } from "./slider_scale.js";
import { formatNumber, formatValue, hasMessage, setText, t } from "../shared/i18n.js";

// Controls for which 0 means automatic, and controls that are times in microseconds.
const ZERO_IS_AUTOMATIC = ["ExposureTime", "AnalogueGain", "ColourGains"];
const TIMES = ["ExposureTime", "AeFlickerPeriod"];

export class ControlField {
  #inputs; // the label belongs to the first one
  #write; // writes a value into the inputs; null is automatic
  #readout = element("span", { className: "readout" });
  #problem;
  #reset;
  #label;

  // `onChange` gets the new value, or null for the camera's default.
  constructor(name, control, onChange) {
    this.name = name;
    const key = `controls.name.${name}`;
    this.#label = hasMessage(key) ? t(key) : name.replaceAll("_", " ").replace(/\B[A-Z]/g, " $&");
    const id = `control-${name}`;
    const change = (value) => {
      this.showError("");
      onChange(value);
    };
    [this.#inputs, this.#write] = this.#createInputs(id, control, change);
    this.#problem = element("p", { className: "problem", id: `${id}-problem`, role: "alert" });
    for (const input of this.#inputs) input.setAttribute("aria-describedby", this.#problem.id);
    const title = t("controls.reset", { name: this.#label });
    this.#reset = element("button", { type: "button", className: "reset", title, "aria-label": title }, "↺");
    this.#reset.onclick = () => {
      change(null);
      this.#inputs[0].focus(); // the button disappears
    };
    const label = element("label", { title: name, htmlFor: id }, this.#label);
    const inputs = element("div", { className: "inputs" }, ...this.#inputs, this.#reset);
    const className = `control-field ${this.#inputs[0].type}`;
    this.element = element("div", { className }, label, this.#readout, inputs, this.#problem);
  }

  get hasFocus() {
    return this.element.contains(document.activeElement) && document.activeElement !== this.#reset;
  }

  // Show the value of the control, and the one that the camera has `measured` if it is automatic.
  show(value, measured, isSet) {
    const isZero = [value].flat().every((part) => part === 0);
    const fixed = ZERO_IS_AUTOMATIC.includes(this.name) && isZero ? null : value;
    const readable = this.#format(fixed ?? measured);
    const text = [fixed === null && t("controls.automatic"), readable].filter(Boolean).join(" · ");
    setText(this.#readout, text);
    this.#reset.disabled = !isSet;
    this.#write(fixed, measured);
    if (this.#inputs[0].type === "range") this.#inputs[0].setAttribute("aria-valuetext", text || fixed);
  }

  showError(message) {
    this.#problem.textContent = message;
    for (const input of this.#inputs) input.setAttribute("aria-invalid", Boolean(message));
  }

  #format(value) {
    if (typeof value !== "number") return "";
    if (TIMES.includes(this.name)) return formatExposure(value / 1e6);
    if (this.name === "AnalogueGain") return `${formatNumber(value)}×`;
    if (this.name === "LensPosition") return value > 0.01 ? `${formatValue(Number((1 / value).toPrecision(2)))} m` : "∞";
    return "";
  }

  // Return the inputs for a control, and a function that writes a value into them.
  #createInputs(id, control, onChange) {
    const names = hasMessage(`controls.values.${this.name}`) && t(`controls.values.${this.name}`).split("|");
    if (control.choices) return choiceInput(id, control, control.choices, onChange);
    if (control.count > 1) return this.#numbers(id, control, onChange);
    if (control.type === "bool") return switchInput(id, onChange);
    return names ? choiceInput(id, control, names, onChange) : this.#slider(id, control, onChange);
  }

  #slider(id, control, onChange) {
    const scale = sliderScale(control);
    const slider = element("input", { type: "range", id, min: 0, max: scale.steps });
    const exact = this.#number(control, scale.step, this.#label);
    slider.oninput = () => {
      const value = scale.at(Number(slider.value));
      exact.value = value;
      slider.setAttribute("aria-valuetext", this.#format(value) || value);
      onChange(value);
    };
    exact.onchange = () => exact.validity.badInput || onChange(exact.value === "" ? null : Number(exact.value));
    const write = (value, measured) => {
      const shown = value ?? measured ?? control.default ?? scale.at(scale.steps / 2);
      exact.value = value === null ? "" : shorten(value);
      exact.placeholder = value === null && measured ? shorten(measured) : "";
      if (scale.at(Number(slider.value)) !== shown) slider.value = scale.stepOf(shown);
    };
    return [[slider, exact], write];
  }

  // Several numbers are one value, which is sent when all of them are filled in.
  #numbers(id, control, onChange) {
    const key = `controls.parts.${this.name}`;
    const names = hasMessage(key) ? t(key).split("|") : [];
    const bounds = control.type === "rectangle" ? {} : control;
    const inputs = Array.from({ length: control.count }, (_, i) =>
      this.#number(bounds, "any", `${this.#label}: ${names[i] ?? i + 1}`));
    inputs[0].id = id;
    for (const input of inputs) {
      input.onchange = () => inputs.every((each) => each.value) && onChange(inputs.map((each) => Number(each.value)));
    }
    return [inputs, (value) => inputs.forEach((input, i) => (input.value = value === null ? "" : shorten(value[i])))];
  }

  #number({ min = "", max = "" }, step, label) {
    return element("input", { type: "number", min, max, step, "aria-label": label });
  }
}

function switchInput(id, onChange) {
  const input = element("input", { type: "checkbox", id, role: "switch" });
  input.onchange = () => onChange(input.checked);
  return [[input], (value) => Object.assign(input, { checked: value === true, indeterminate: value === null })];
}

function choiceInput(id, control, names, onChange) {
  const select = element("select", { id });
  if (control.default === null) select.append(element("option", { value: "" }, t("controls.automatic")));
  for (let value = control.min; value <= control.max; value++) {
    if (control.choices && !(value in names)) continue; // some menus have gaps
    select.append(element("option", { value }, names[value] ?? value));
  }
  select.onchange = () => onChange(select.value === "" ? null : Number(select.value));
  return [[select], (value) => (select.value = value ?? "")];
}

function formatExposure(seconds) {
  return seconds < 0.3 ? `1/${Math.round(1 / seconds)} s` : `${formatValue(Number(seconds.toPrecision(2)))} s`;
}

// Drop the digits that only a 32-bit float has.
function shorten(value) {
  return Number.isInteger(value) ? value : Number(value.toPrecision(4));
}
