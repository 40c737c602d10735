// Does what may fail, and says so beside the buttons: in the server's own sentence, until something succeeds.

const problem = document.getElementById("problem");

// Where there is a button, it is busy meanwhile.
export async function attempt(work, button = null) {
  const hadFocus = button && document.activeElement === button;
  setBusy(button, true);
  try {
    await work();
    complain("");
  } catch (error) {
    if (error.name !== "AbortError") complain(error.message); // that one was cancelled
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

function complain(sentence) {
  problem.hidden = !sentence;
  problem.textContent = sentence;
  if (sentence) problem.scrollIntoView({ block: "nearest" });
}
