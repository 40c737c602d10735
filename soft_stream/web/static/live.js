// Keeps the page honest: says what the camera does, dims a picture that is not live, and asks for a lost stream again.

const ASK_EVERY_MS = 2000;
const picture = document.getElementById("picture");
const state = document.getElementById("state");
const facts = document.getElementById("facts");

let streamLost = false; // a browser tells of a stream that never began, but not of one that ended
let serverStarted = null;

function reopenStream() {
  streamLost = false;
  picture.src = `stream.mjpg?t=${Date.now()}`;
}

function show(status) {
  state.dataset.state = status.fault ? "fault" : status.state;
  state.textContent = status.fault || status.state;
  facts.textContent = status.frame
    ? `${status.frame.width} × ${status.frame.height}, ${status.captured_fps.toFixed(1)} fps, ` +
      `clients: ${status.clients.length}`
    : "";
}

async function ask() {
  try {
    const answer = await fetch("status.json", { cache: "no-store", signal: AbortSignal.timeout(2 * ASK_EVERY_MS) });
    if (!answer.ok) throw new Error(`status.json: ${answer.status}`);
    const status = await answer.json();
    const restarted = serverStarted !== null && status.started !== serverStarted;
    serverStarted = status.started;
    show(status);
    picture.classList.remove("not-live"); // where frames do not flow, the stream itself shows a labelled picture
    if (streamLost || restarted || status.state === "idle") reopenStream();
  } catch {
    streamLost = true;
    show({ fault: "unreachable" });
    picture.classList.add("not-live");
  }
}

picture.addEventListener("error", () => {
  streamLost = true;
});
setInterval(ask, ASK_EVERY_MS);
ask();
