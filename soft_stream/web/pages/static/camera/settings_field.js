// A field of the settings panel: the inputs of one setting (of two for the size), where its value is from, and what a
// new value costs.

import { element } from "./dom.js";
import { setText, t } from "../shared/i18n.js";

export class SettingsField {
  #control; // { inputs, read, write } of the setting; the label belongs to the first input
  #listed = null; // the settings of the server, in the order of `names`
  #isRemoved = false; // whether the values of the page are to be removed
  #cost = element("span", { className: "readout" });
  #origin = element("small");
  #reset;

  // `control` has the inputs, and functions that read the values from them and write values into them, in the order of
  // `names`. `onReset` is called after the values of the settings file have been written into them.
  constructor(names, label, control, onReset) {
    this.names = names;
    this.#control = control;
    const [first] = control.inputs;
    first.id = `setting-${names[0]}`;
    this.#origin.id = `${first.id}-origin`;
    for (const input of control.inputs) {
      input.setAttribute("aria-describedby", this.#origin.id);
      input.addEventListener("input", () => (this.#isRemoved = false));
    }
    const title = t("settings.reset", { name: label });
    this.#reset = element("button", { type: "button", className: "reset", title, "aria-label": title }, "↺");
    this.#reset.onclick = () => {
      control.write(this.#listed.map(({ below }) => below));
      this.#isRemoved = true;
      onReset();
      first.focus(); // the button disappears
    };
    const inputs = element("div", { className: "inputs" }, ...control.inputs, this.#reset);
    const caption = element("label", { htmlFor: first.id }, label);
    const className = `control-field ${first.type}`;
    this.element = element("div", { className }, caption, inputs, this.#origin, this.#cost);
  }

  // The values in the inputs, by the names of the settings.
  get values() {
    return this.#byName(this.#control.read());
  }

  // What the server does not have yet; null removes a value of the page.
  get changes() {
    if (!this.#listed) return {};
    if (this.#isRemoved) return this.#byName(this.names.map(() => null));
    const changed = Object.entries(this.values).filter(([, value], i) => value !== this.#listed[i].value);
    return Object.fromEntries(changed);
  }

  // Show the settings of the server; what the user has changed stays unless it is `discarded`.
  show(listed, discarded = false) {
    const isChanged = Object.keys(this.changes).length && !discarded;
    this.#listed = this.names.map((name) => listed[name]);
    if (!isChanged) {
      this.#isRemoved = false;
      this.#control.write(this.#listed.map(({ value }) => value));
    }
    const by = this.#listed.map(({ fixed_by: by }) => by).find(Boolean);
    for (const input of this.#control.inputs) input.disabled = Boolean(by);
    setText(this.#origin, by ? fixedText(by) : this.#isOwn ? t("settings.own") : "");
  }

  showCost(text) {
    setText(this.#cost, text);
    this.#reset.hidden = this.#isRemoved || !this.#isOwn;
  }

  get #isOwn() {
    return this.#listed.some(({ own }) => own);
  }

  #byName(values) {
    return Object.fromEntries(this.names.map((name, i) => [name, values[i]]));
  }
}

function fixedText(by) {
  const [, kind, name] = by.match(/^(.*) (\S+)$/) ?? [, by, ""];
  return t(kind === "flag" ? "settings.fixed.flag" : "settings.fixed.environment", { name });
}
