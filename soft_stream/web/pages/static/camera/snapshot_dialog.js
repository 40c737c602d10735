// Takes a picture, says how it goes, and shows it with its facts before it is kept.

import { client, get } from "../shared/api.js";
import { number, say, t } from "../shared/i18n.js";

// Milliseconds. A picture that comes within this needs no words on how it goes.
const UNNOTICED = 400;
const TICK = 200;
// Refusals of a turned picture that may not concern an upright one: there are no renditions, or too many.
const NO_RENDITION = [403, 503];

const dialog = document.getElementById("preview");
const element = (name) => document.getElementById(`preview-${name}`);

let taking;
let url;

element("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  taking.abort();
  URL.revokeObjectURL(url);
  element("picture").removeAttribute("src");
});

// `size` is full or stream; returns once the picture is shown, and raises an AbortError when it was cancelled.
export async function take(size, rotation, status) {
  taking?.abort(); // the newest wish counts
  const { signal } = (taking = new AbortController());
  const began = performance.now();
  const tell = () => expect(status.facts, (performance.now() - began) / 1000);
  const ticks = setInterval(tell, TICK);
  const opening = setTimeout(() => open("taking"), size === "full" ? 0 : UNNOTICED);
  tell();
  try {
    const answer = await ask(size, rotation, signal);
    if (answer.headers.get("Content-Type") !== "image/jpeg") throw new Error(t("panel.nonsense"));
    clearInterval(ticks);
    show(await received(answer), answer.headers);
  } catch (error) {
    if (!signal.aborted) dialog.close();
    throw error;
  } finally {
    clearInterval(ticks);
    clearTimeout(opening);
  }
}

// The file is turned as the picture on the page is, where the server does that.
async function ask(size, rotate, signal) {
  const query = { size, client, t: Date.now() };
  try {
    return await get("snapshot.jpg", rotate ? { ...query, rotate } : query, { signal });
  } catch (error) {
    if (!rotate || !NO_RENDITION.includes(error.status)) throw error;
    return get("snapshot.jpg", query, { signal });
  }
}

function open(phase) {
  dialog.dataset.phase = phase;
  element("close").textContent = t(phase === "taking" ? "preview.cancel" : "preview.close");
  if (!dialog.open) dialog.showModal();
}

// The first half of the way: as long as the last one took, as far as is known.
function expect(facts, seconds) {
  const step = ["starting", "focusing"].includes(facts?.state) ? facts.state : "taking";
  const isKnown = step === "taking" && facts?.last_still;
  progress(t(`preview.${step}`), isKnown ? Math.min(0.5, seconds / facts.last_still.seconds / 2) : NaN);
}

// The other half: the body of an answer, as it comes.
async function received(answer) {
  const total = Number(answer.headers.get("Content-Length"));
  const reader = answer.body.getReader();
  const chunks = [];
  for (let bytes = 0; ; ) {
    progress(t("preview.loading", { received: number(bytes / 1e6) }), total ? 0.5 + bytes / total / 2 : NaN);
    const { value, done } = await reader.read();
    if (done) return new Blob(chunks, { type: "image/jpeg" });
    chunks.push(value);
    bytes += value.length;
  }
}

function progress(sentence, share) {
  say(element("step"), sentence);
  if (isNaN(share)) element("progress").removeAttribute("value");
  else element("progress").value = share;
}

function show(file, headers) {
  const at = Number(headers.get("X-Timestamp")) * 1000 || Date.now(); // a proxy may drop it, and all the others
  const local = new Date(at - new Date(at).getTimezoneOffset() * 60000).toISOString().slice(0, 19);
  const name = document.getElementById("view").dataset.name.replace(/[\s\\/:*?"<>|]+/g, "-");
  URL.revokeObjectURL(url);
  url = URL.createObjectURL(file);
  element("picture").src = url;
  element("facts").textContent = facts(file, headers).join(" · ");
  element("taken").textContent = new Date(at).toLocaleString();
  Object.assign(element("download"), { href: url, download: `${name}-${local.replaceAll(":", "-")}.jpg` });
  open("done");
  element("download").focus();
}

function facts(file, headers) {
  const size = (headers.get("X-Frame-Size") ?? "").replace("x", " × ");
  const focus = headers.get("X-Focus") ?? "none";
  const exposure = Number(headers.get("X-Exposure-Time"));
  const gain = Number(headers.get("X-Gain"));
  return [
    t("preview.size", { size, kb: Math.ceil(file.size / 1000) }),
    focus !== "none" && t(`preview.focus.${focus}`),
    exposure && t("preview.exposure", { time: exposure < 0.3 ? `1/${Math.round(1 / exposure)}` : number(exposure) }),
    gain && t("preview.gain", { gain: number(gain) }),
  ].filter(Boolean);
}
