// What the page asks of the server, and what it says when that fails.

// Give up on an answer that needs no camera after so many milliseconds.
const PATIENCE = 4000;

export const client = document.getElementById("view")?.dataset.client;

// An error whose message is the sentence that the server sent.
async function refusal(answer) {
  const sentence = (await answer.text()).trim();
  const isOurs = sentence && sentence.length < 500 && !sentence.startsWith("<");
  return Object.assign(new Error(isOurs ? sentence : `${answer.status} ${answer.statusText}`), {
    status: answer.status,
    retryAfter: Number(answer.headers.get("Retry-After")) || 0,
  });
}

// Where something is: without the login that may stand in the address of the page, which fetch() refuses.
function addressOf(path, query) {
  const url = Object.assign(new URL(path, document.baseURI), { username: "", password: "" });
  url.search = new URLSearchParams(query);
  return url;
}

export async function get(path, query = {}, options = {}) {
  const answer = await fetch(addressOf(path, query), { cache: "no-store", ...options });
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

export async function getJson(path, query = {}) {
  return (await get(path, query, { signal: AbortSignal.timeout(PATIENCE) })).json();
}

export async function post(path, query = {}, body = undefined) {
  const answer = await get(path, { client, ...query }, {
    method: "POST",
    body: body && JSON.stringify(body),
    headers: body ? { "Content-Type": "application/json" } : {},
  });
  return answer.json();
}
