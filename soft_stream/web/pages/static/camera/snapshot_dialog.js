// The snapshot dialog: takes a snapshot, shows the progress, and then the snapshot with its details.

import { element } from "./dom.js";
import { client, get } from "../shared/api.js";
import { formatNumber, locale, setText, t } from "../shared/i18n.js";

// Milliseconds. A stream-size snapshot that takes less is shown without progress.
const PROGRESS_DELAY = 400;
const PROGRESS_INTERVAL = 200;
// Errors of a rotated snapshot that an unrotated one may not have: renditions are disabled, or there are too many.
const NO_RENDITION = [403, 503];

const part = (name) => document.getElementById(`snapshot-${name}`);

let dialog;
let request;
let url;

// Take a snapshot of the size "full" or "stream" and show it. Throws an AbortError if the user cancels it.
export async function takeSnapshot(size, rotation, status) {
  dialog ??= createDialog();
  request?.abort(); // only the newest request counts
  const { signal } = (request = new AbortController());
  const began = performance.now();
  const update = () => showWaiting(status.facts, (performance.now() - began) / 1000);
  const updates = setInterval(update, PROGRESS_INTERVAL);
  const opening = setTimeout(() => open("taking"), size === "full" ? 0 : PROGRESS_DELAY);
  update();
  try {
    const response = await requestSnapshot(size, rotation, signal);
    if (response.headers.get("Content-Type") !== "image/jpeg") throw new Error(t("error.wrong_answer"));
    clearInterval(updates);
    showSnapshot(await download(response), response.headers);
  } catch (error) {
    if (!signal.aborted) dialog.close();
    throw error;
  } finally {
    clearInterval(updates);
    clearTimeout(opening);
  }
}

function createDialog() {
  const create = (tag, name, properties) => element(tag, { id: `snapshot-${name}`, ...properties });
  const created = create("dialog", "dialog", { "aria-label": t("snapshot.title") });
  created.append(
    create("p", "step", { role: "status" }),
    create("progress", "progress", { "aria-label": t("snapshot.progress") }),
    create("img", "picture", { alt: t("snapshot.picture") }),
    element("p", {}, create("span", "taken"), element("br"), create("span", "facts")),
    element("a", { id: "snapshot-download", className: "button" }, t("snapshot.download")),
    create("button", "close", { type: "button" }),
  );
  document.body.append(created);
  part("close").addEventListener("click", () => created.close());
  created.addEventListener("close", () => {
    request.abort();
    URL.revokeObjectURL(url);
    part("picture").removeAttribute("src");
  });
  return created;
}

// The server rotates the snapshot as this page rotates the picture, if it can.
async function requestSnapshot(size, rotate, signal) {
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
  part("close").textContent = t(phase === "taking" ? "snapshot.cancel" : "snapshot.close");
  if (!dialog.open) dialog.showModal();
}

// The first half of the progress: the last still says how long it takes.
function showWaiting(facts, seconds) {
  const step = ["starting", "focusing"].includes(facts?.state) ? facts.state : "taking";
  const isKnown = step === "taking" && facts?.last_still;
  showProgress(t(`snapshot.${step}`), isKnown ? Math.min(0.5, seconds / facts.last_still.seconds / 2) : NaN);
}

// The second half of the progress: the download.
async function download(response) {
  const total = Number(response.headers.get("Content-Length"));
  const reader = response.body.getReader();
  const chunks = [];
  for (let bytes = 0; ; ) {
    showProgress(t("snapshot.loading", { received: formatNumber(bytes / 1e6) }), total ? 0.5 + bytes / total / 2 : NaN);
    const { value, done } = await reader.read();
    if (done) return new Blob(chunks, { type: "image/jpeg" });
    chunks.push(value);
    bytes += value.length;
  }
}

// A fraction that is NaN is unknown.
function showProgress(step, fraction) {
  setText(part("step"), step);
  if (isNaN(fraction)) part("progress").removeAttribute("value");
  else part("progress").value = fraction;
}

function showSnapshot(file, headers) {
  const at = Number(headers.get("X-Timestamp")) * 1000 || Date.now(); // a proxy may drop this and the other headers
  const local = new Date(at - new Date(at).getTimezoneOffset() * 60000).toISOString().slice(0, 19);
  const name = document.getElementById("view").dataset.name.replace(/[\s\\/:*?"<>|]+/g, "-");
  URL.revokeObjectURL(url);
  url = URL.createObjectURL(file);
  part("picture").src = url;
  part("facts").textContent = detailsOf(file, headers).join(" · ");
  part("taken").textContent = new Date(at).toLocaleString(locale);
  Object.assign(part("download"), { href: url, download: `${name}-${local.replaceAll(":", "-")}.jpg` });
  open("done");
  part("download").focus();
}

function detailsOf(file, headers) {
  const size = (headers.get("X-Frame-Size") ?? "").replace("x", " × ");
  const focus = headers.get("X-Focus") ?? "none";
  const exposure = Number(headers.get("X-Exposure-Time"));
  const gain = Number(headers.get("X-Gain"));
  const time = exposure < 0.3 ? `1/${Math.round(1 / exposure)}` : formatNumber(exposure);
  return [
    t("snapshot.size", { size, kb: Math.ceil(file.size / 1000) }),
    focus !== "none" && t(`snapshot.focus.${focus}`),
    exposure && t("snapshot.exposure", { time }),
    gain && t("snapshot.gain", { gain: formatNumber(gain) }),
  ].filter(Boolean);
}
