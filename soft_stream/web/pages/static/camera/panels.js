// Opens the panels below the picture; what is in them is fetched when somebody wants to see it for the first time.

import { make } from "./dom.js";
import { getJson } from "../shared/api.js";
import { learn, t } from "../shared/i18n.js";

// `status` is what all of them follow.
export function openPanels(status) {
  const button = document.getElementById("controls");
  const section = document.getElementById("controls-panel");
  const fill = filler(section, status, () => import("./controls_panel.js"));
  const show = (isShown) => {
    section.hidden = !isShown;
    section.parentElement.classList.toggle("with-controls", isShown);
    button.setAttribute("aria-expanded", isShown);
    if (isShown) fill();
  };
  button.setAttribute("aria-controls", section.id);
  button.addEventListener("click", () => show(section.hidden));
  show(false);
  unfold(document.getElementById("hood"), status, () => import("./stats_panel.js"));
  unfold(document.getElementById("share"), status, () => import("./share_panel.js"));
}

function unfold(details, status, load) {
  const fill = filler(details, status, load);
  details.addEventListener("toggle", () => details.open && fill());
  details.hidden = false;
}

let areLearnt = false;

async function learnWords() {
  if (!areLearnt) learn(await getJson(`static/words/${document.documentElement.lang}.json`));
  areLearnt = true;
}

// Returns what fills an element the first time, and then lets its content catch up with what it has missed.
function filler(element, status, load) {
  const problem = make("p", { className: "problem", role: "alert" });
  let content = null;
  return async () => {
    problem.remove();
    content ??= Promise.all([load(), learnWords()]).then(([panel]) => new panel.default(element, status));
    try {
      (await content).follow?.();
    } catch (error) {
      content = null;
      element.append(problem);
      problem.textContent = t("panel.silence");
      console.error(error);
    }
  };
}
