// Runs an action that may fail, and shows the error below the buttons until another action succeeds.

const problem = document.getElementById("problem");

// The button of the action, if there is one, is disabled until the action ends.
export async function attempt(action, button = null) {
  const hadFocus = button && document.activeElement === button;
  setBusy(button, true);
  try {
    await action();
    showError("");
  } catch (error) {
    if (error.name !== "AbortError") showError(error.message); // AbortError: the user cancelled it
  } finally {
    setBusy(button, false);
    if (hadFocus && document.activeElement === document.body) button.focus({ preventScroll: true });
  }
}

function setBusy(button, isBusy) {
  if (!button) return;
  button.disabled = isBusy;
  button.ariaBusy = isBusy;
}

function showError(message) {
  problem.hidden = !message;
  problem.textContent = message;
  if (message) problem.scrollIntoView({ block: "nearest" });
}
