// Requests to the server, and the errors that they end with.

import { t } from "./i18n.js";

// Milliseconds to wait for an answer: usually, and when the server may have to open the camera first.
const TIMEOUT = 4000;
export const CAMERA_TIMEOUT = 60000;

export const client = document.getElementById("view")?.dataset.client;

// Return an Error with the message that the server sent.
async function readError(response) {
  const message = (await response.text()).trim();
  const isOurs = message && message.length < 500 && !message.startsWith("<");
  return Object.assign(new Error(isOurs ? message : `${response.status} ${response.statusText}`), {
    status: response.status,
  });
}

// Return a URL without user and password: the URL of the page may have them, and fetch() refuses such URLs.
function buildUrl(path, query) {
  const url = Object.assign(new URL(path, document.baseURI), { username: "", password: "" });
  url.search = new URLSearchParams(query);
  return url;
}

export async function get(path, query = {}, options = {}) {
  const signal = AbortSignal.timeout(CAMERA_TIMEOUT);
  const response = await fetch(buildUrl(path, query), { cache: "no-store", signal, ...options }).catch((error) => {
    const isCancelled = error.name === "AbortError"; // by the page
    throw isCancelled ? error : new Error(t("error.no_answer"));
  });
  if (!response.ok) throw await readError(response);
  return response;
}

export async function getJson(path, query = {}, timeout = TIMEOUT) {
  return readJson(await get(path, query, { signal: AbortSignal.timeout(timeout) }));
}

export async function post(path, query = {}, body = undefined) {
  const response = await get(path, { client, ...query }, {
    method: "POST",
    body: body && JSON.stringify(body),
    headers: body ? { "Content-Type": "application/json" } : {},
  });
  return readJson(response);
}

async function readJson(response) {
  const type = response.headers.get("Content-Type");
  if (!type?.startsWith("application/json")) throw new Error(t("error.wrong_answer"));
  return response.json();
}
