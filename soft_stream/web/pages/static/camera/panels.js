// The panels below the picture. The script and the messages of a panel are loaded when it is opened for the first time.

import { element } from "./dom.js";
import { getJson } from "../shared/api.js";
import { addMessages, t } from "../shared/i18n.js";

export function setUpPanels(status) {
  const button = document.getElementById("controls");
  const section = document.getElementById("controls-panel");
  const fill = lazyPanel(section, status, () => import("./controls_panel.js"));
  const show = (isShown) => {
    section.hidden = !isShown;
    section.parentElement.classList.toggle("with-controls", isShown);
    button.setAttribute("aria-expanded", isShown);
    if (isShown) fill();
  };
  button.setAttribute("aria-controls", section.id);
  button.addEventListener("click", () => show(section.hidden));
  show(false);
  setUpDetails(document.getElementById("stats"), status, () => import("./stats_panel.js"));
  setUpDetails(document.getElementById("share"), status, () => import("./share_panel.js"));
}

function setUpDetails(details, status, importPanel) {
  const fill = lazyPanel(details, status, importPanel);
  details.addEventListener("toggle", () => details.open && fill());
  details.hidden = false;
}

let hasAllMessages = false;

async function loadMessages() {
  if (!hasAllMessages) addMessages(await getJson(`static/words/${document.documentElement.lang}.json`));
  hasAllMessages = true;
}

// Return a function that creates the content of a panel the first time, and updates it afterwards.
function lazyPanel(root, status, importPanel) {
  const problem = element("p", { className: "problem", role: "alert" });
  let panel = null;
  return async () => {
    problem.remove();
    panel ??= Promise.all([importPanel(), loadMessages()]).then(([module]) => new module.default(root, status));
    try {
      (await panel).update?.();
    } catch (error) {
      panel = null;
      root.append(problem);
      problem.textContent = t("error.no_answer");
      console.error(error);
    }
  };
}
