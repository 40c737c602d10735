// The panels beside the picture, one at a time. Each is loaded when it is opened for the first time.

import { element } from "./dom.js";
import { loadPart } from "./lazy.js";
import { t } from "../shared/i18n.js";

// For each button that opens a panel, the module and its stylesheets.
const PANELS = {
  controls: () => loadPart(() => import("./controls_panel.js"), "panels"),
  settings: () => loadPart(() => import("./settings_panel.js"), "panels", "settings_panel"),
  share: () => loadPart(() => import("./share_panel.js"), "panels"),
  stats: () => loadPart(() => import("./stats_panel.js"), "panels"),
};

const panel = document.getElementById("panel");
const title = document.getElementById("panel-title");

// Return a function that opens the panel of a button, or closes it if it is open.
export function setUpPanels(status) {
  let opened = null; // the button of the open panel
  const sections = new Map();

  function show(button) {
    opened?.setAttribute("aria-expanded", false);
    opened = button;
    panel.hidden = !button;
    for (const [each, { root }] of sections) root.hidden = each !== button;
    if (!button) return;
    button.setAttribute("aria-expanded", true);
    document.getElementById("menu").hidePopover();
    if (!sections.has(button)) sections.set(button, createSection(button));
    title.textContent = button.textContent.trim();
    sections.get(button).fill();
  }

  function createSection(button) {
    const root = element("section", { id: `${button.id}-panel` });
    panel.append(root);
    return { root, fill: lazyPanel(root, status, PANELS[button.id]) };
  }

  if (location.hash) history.replaceState(null, "", location.pathname + location.search);

  function close() {
    const button = opened;
    show(null);
    button?.focus();
  }

  document.getElementById("panel-close").addEventListener("click", close);
  panel.addEventListener("keydown", ({ key }) => key === "Escape" && close());
  return (button) => show(opened === button ? null : button);
}

// Return a function that creates the content of a panel the first time, and updates it afterwards.
function lazyPanel(root, status, load) {
  const problem = element("p", { className: "problem", role: "alert" });
  let content = null;
  return async () => {
    problem.remove();
    content ??= load().then((module) => new module.default(root, status));
    try {
      (await content).update?.();
    } catch (error) {
      content = null;
      root.append(problem);
      problem.textContent = t("error.no_answer");
      console.error(error);
    }
  };
}
