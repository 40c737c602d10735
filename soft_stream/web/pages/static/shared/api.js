// Requests to the server, and the errors that they end with.

import { addMessages, t } from "./i18n.js";

// Milliseconds to wait for an answer: usually, and when the server may have to open the camera first.
const TIMEOUT = 4000;
export const CAMERA_TIMEOUT = 60000;
// Milliseconds after which a new page may be reloaded, and after which that is tried again.
const MIN_AGE = 2000;
const RELOAD_TIMEOUT = 30000;

// A browser that gets a 401 opens a dialog for a password, unless a script says that it has sent the request.
export const HEADERS = { "X-Requested-With": "fetch" };

let mayReloadAt = MIN_AGE;
let words = null;

export const client = document.getElementById("view")?.dataset.client;

// Return an Error with the message that the server sent.
async function readError(response) {
  const sentence = (await response.text()).trim();
  const isOurs = sentence && sentence.length < 500 && !sentence.startsWith("<");
  const { status, statusText, headers } = response;
  const shown = isOurs ? await translate(sentence, parseMessage(headers.get("X-Message"))) : `${status} ${statusText}`;
  return Object.assign(new Error(shown), { status });
}

function parseMessage(header) {
  try {
    return JSON.parse(header);
  } catch {
    return null; // a proxy has added or shortened it
  }
}

// Return a sentence of the server in the language of the page, made from its code and its values.
export async function translate(sentence, message) {
  if (!message) return sentence;
  const own = (error) => (console.debug(error), sentence); // offline: as the server has it
  const translated = import("./translate.js").then((module) => module.translate(sentence, message)).catch(own);
  return Promise.race([translated, new Promise((resolve) => setTimeout(resolve, TIMEOUT, sentence))]);
}

// Load the messages that the HTML does not have; after a failure the next call tries again.
export function loadMessages() {
  words ??= getJson(`static/words/${document.documentElement.lang}.json`).then(addMessages);
  words.catch(() => (words = null));
  return words;
}

// Return a URL without user and password: the URL of the page may have them, and fetch() refuses such URLs.
function buildUrl(path, query) {
  const url = Object.assign(new URL(path, document.baseURI), { username: "", password: "" });
  url.search = new URLSearchParams(query);
  return url;
}

// The session has ended: the server will answer with the login page. A new page waits, so that it cannot loop. A second
// reload would cancel the first one, which may take longer than the pause between two requests.
function reload() {
  if (performance.now() < mayReloadAt) return;
  mayReloadAt = performance.now() + RELOAD_TIMEOUT;
  location.reload();
}

export async function get(path, query = {}, options = {}) {
  const signal = AbortSignal.timeout(CAMERA_TIMEOUT);
  const request = { cache: "no-store", signal, ...options, headers: { ...HEADERS, ...options.headers } };
  const response = await fetch(buildUrl(path, query), request).catch((error) => {
    const isCancelled = error.name === "AbortError"; // by the page
    throw isCancelled ? error : new Error(t("error.no_answer"));
  });
  if (response.status === 401) reload();
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
