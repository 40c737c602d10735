// What the page asks of the server, and what it says when that fails.

import { t } from "./i18n.js";

// Give up on an answer after so many milliseconds: on one that needs no camera, and on one that may wait for it.
const PATIENCE = 4000;
export const PATIENCE_WITH_CAMERA = 60000;

export const client = document.getElementById("view")?.dataset.client;

// An error whose message is the sentence that the server sent.
async function refusal(answer) {
  const sentence = (await answer.text()).trim();
  const isOurs = sentence && sentence.length < 500 && !sentence.startsWith("<");
  return Object.assign(new Error(isOurs ? sentence : `${answer.status} ${answer.statusText}`), {
    status: answer.status,
  });
}

// Where something is: without the login that may stand in the address of the page, which fetch() refuses.
function addressOf(path, query) {
  const url = Object.assign(new URL(path, document.baseURI), { username: "", password: "" });
  url.search = new URLSearchParams(query);
  return url;
}

export async function get(path, query = {}, options = {}) {
  const signal = AbortSignal.timeout(PATIENCE_WITH_CAMERA);
  const answer = await fetch(addressOf(path, query), { cache: "no-store", signal, ...options }).catch((error) => {
    const isCancelled = error.name === "AbortError"; // by the page; else nobody answers
    throw isCancelled ? error : new Error(t("panel.silence"));
  });
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

export async function getJson(path, query = {}, patience = PATIENCE) {
  return jsonOf(await get(path, query, { signal: AbortSignal.timeout(patience) }));
}

export async function post(path, query = {}, body = undefined) {
  const answer = await get(path, { client, ...query }, {
    method: "POST",
    body: body && JSON.stringify(body),
    headers: body ? { "Content-Type": "application/json" } : {},
  });
  return jsonOf(answer);
}

async function jsonOf(answer) {
  if (!answer.headers.get("Content-Type")?.startsWith("application/json")) throw new Error(t("panel.nonsense"));
  return answer.json();
}
