// The inputs of the settings panel: each function returns the inputs of a setting, and functions that read and write its
// values.

import { element } from "./dom.js";
import { t } from "../shared/i18n.js";

// Pixels. Any other size can be entered.
const SIZES = ["640x360", "640x480", "800x600", "960x540", "1280x720", "1280x960", "1920x1080", "2304x1296", "3840x2160"];
const OTHER = "";

export function text({ max }) {
  const input = element("input", { type: "text", maxLength: max, autocomplete: "off" });
  return { inputs: [input], read: () => [input.value.trim()], write: ([value]) => (input.value = value) };
}

export function number({ min, max }) {
  const input = numberInput(min, max, "any");
  return { inputs: [input], read: () => [numberOf(input)], write: ([value]) => (input.value = value) };
}

// A slider, with the number beside it.
export function slider({ min, max }) {
  const range = element("input", { type: "range", min, max });
  const exact = numberInput(min, max, 1);
  exact.ariaLabel = t("settings.exact");
  range.addEventListener("input", () => (exact.value = range.value));
  exact.addEventListener("input", () => (range.value = exact.value));
  const write = ([value]) => (range.value = exact.value = value);
  return { inputs: [range, exact], read: () => [numberOf(exact)], write };
}

export function choice(options) {
  const select = element("select", {}, ...options.map(([value, label]) => element("option", { value }, label)));
  return { inputs: [select], read: () => [Number(select.value)], write: ([value]) => (select.value = value) };
}

export function checkbox() {
  const input = element("input", { type: "checkbox", role: "switch" });
  return { inputs: [input], read: () => [input.checked], write: ([value]) => (input.checked = value) };
}

// A menu of sizes, and two numbers for any other size.
export function size(width, height) {
  const options = SIZES.map((each) => element("option", { value: each }, each.replace("x", " × ")));
  const select = element("select", {}, ...options, element("option", { value: OTHER }, t("settings.size.other")));
  const exact = [width, height].map(({ min, max }, i) => {
    const input = numberInput(min, max, 2);
    input.ariaLabel = t(i ? "settings.size.height" : "settings.size.width");
    return input;
  });
  const showExact = () => exact.forEach((input) => (input.hidden = select.value !== OTHER));
  const onSelect = () => {
    showExact();
    if (select.value !== OTHER) select.value.split("x").forEach((value, i) => (exact[i].value = value));
  };
  select.addEventListener("input", onSelect);
  const write = (values) => {
    values.forEach((value, i) => (exact[i].value = value));
    select.value = SIZES.includes(values.join("x")) ? values.join("x") : OTHER;
    showExact();
  };
  return { inputs: [select, ...exact], read: () => exact.map(numberOf), write };
}

function numberInput(min, max, step) {
  return element("input", { type: "number", required: true, min, max, step });
}

const numberOf = (input) => (input.value === "" ? NaN : Number(input.value));
