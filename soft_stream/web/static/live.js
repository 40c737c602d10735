// Keeps the page honest: says what the camera does, dims a picture that is not live, and asks for a lost stream again.

const ASK_EVERY_MS = 2000;
const picture = document.getElementById("picture");
const state = document.getElementById("state");
const facts = document.getElementById("facts");
// The name under which the server knows the stream of this page.
const client = new URL(picture.src).searchParams.get("client");

function show(status) {
  state.dataset.state = status.fault ? "fault" : status.state;
  state.textContent = status.fault || (status.pause ? `paused by ${status.pause.owner}` : status.state);
  facts.textContent = status.frame
    ? `${status.frame.width} × ${status.frame.height}, ${status.captured_fps.toFixed(1)} fps, ` +
      `clients: ${status.clients.length}`
    : "";
}

// A browser does not tell that the stream of an <img> has ended; the server knows whom it sends frames to. While it
// does, the picture is what it says: where frames do not flow, the stream itself shows a labelled picture.
async function ask() {
  try {
    const answer = await fetch("status.json", { cache: "no-store", signal: AbortSignal.timeout(2 * ASK_EVERY_MS) });
    if (!answer.ok) throw new Error(`status.json: ${answer.status}`);
    const status = await answer.json();
    const stream = status.clients.find((each) => each.client === client);
    show(status);
    picture.classList.toggle("not-live", !stream?.sent); // until its first frame the old picture stands
    if (!stream) picture.src = `stream.mjpg?client=${client}&t=${Date.now()}`;
  } catch {
    show({ fault: "unreachable" });
    picture.classList.add("not-live");
  }
}

setInterval(ask, ASK_EVERY_MS);
setTimeout(ask, ASK_EVERY_MS / 4); // not at once: the stream is being asked for right now
