// Runs an action that may fail, and shows its answer beside the button that was pressed.

const RESULT_DURATION = 8000; // ms; an error stays until it is clicked, or until the next answer

const bubble = document.getElementById("answers");
const result = document.getElementById("result");
const problem = document.getElementById("problem");

let hiding = 0;

// The button of the action, if there is one, is disabled until the action ends. A text that the action returns is shown.
export async function attempt(action, button = null) {
  const hadFocus = button && document.activeElement === button;
  setBusy(button, true);
  if (button) loadPlacing();
  if (result.textContent) hide();
  try {
    const text = await action();
    if (typeof text === "string") showAnswer(text, button);
    else hideProblem();
  } catch (error) {
    if (error.name === "AbortError") hideProblem(); // the user cancelled it
    else show(problem, error.message, button);
  } finally {
    setBusy(button, false);
    if (hadFocus && document.activeElement === document.body) button.focus({ preventScroll: true });
  }
}

// Show the answer to a press of a button; without one, at the picture.
export function showAnswer(text, button = null) {
  show(result, text, button);
  hiding = setTimeout(hide, RESULT_DURATION);
}

function setBusy(button, isBusy) {
  if (!button) return;
  button.disabled = isBusy;
  button.ariaBusy = isBusy;
}

function hideProblem() {
  if (problem.textContent) hide();
}

function show(part, text, button) {
  hide();
  bubble.showPopover(); // before the text: screen readers announce changes of what is visible
  part.textContent = text;
  loadPlacing().then((placing) => placing?.placeBeside(button));
}

// Until this is loaded, and without it, an answer is in a corner of the window.
const loadPlacing = () => import("./placing.js").catch(console.debug);

function hide() {
  clearTimeout(hiding);
  result.textContent = problem.textContent = "";
  if (bubble.matches(":popover-open")) bubble.hidePopover();
}

bubble.addEventListener("click", hide);
document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
