// The login page: sends the login that is in the URL, and is left as soon as the browser is logged in by another tab.

const CHECK_INTERVAL = 30000; // ms
const SENT = "camera-soft-stream login"; // when this tab has sent the form; log_out.js removes it after a login
const MAX_AGE = 60000; // ms

const form = document.getElementById("login");
const problem = document.getElementById("problem");
const url = new URL(document.baseURI);
const { name, password } = form.elements;
const storage = openStorage();

// Return the storage of this tab; null where it is blocked, and so are cookies.
function openStorage() {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

// Return whether this tab has sent a right login, and gets the form nevertheless: the browser has not kept the cookie.
function isLost() {
  const age = Date.now() - storage?.getItem(SENT);
  storage?.removeItem(SENT);
  return problem.hidden && (!storage || Math.abs(age) < MAX_AGE);
}

// Decode a name or password of a URL; a % that was typed as it is stays.
function decode(text) {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}

form.addEventListener("submit", () => storage?.setItem(SENT, Date.now()));
if (isLost()) problem.hidden = false;
// Browsers send a login in the URL only after a challenge, which would open a dialog if there is none in the URL.
else if (url.username && problem.hidden) {
  [name.value, password.value] = [decode(url.username), decode(url.password)];
  form.requestSubmit();
}

async function check() {
  if (document.hidden) return;
  const options = { method: "HEAD", cache: "no-store", headers: { "X-Requested-With": "fetch" } };
  const answer = await fetch(Object.assign(url, { username: "", password: "" }), options).catch(() => null);
  if (answer && answer.status !== 401 && answer.status < 500) location.reload();
}

// The page is shown in place of another one, which has the same URL.
if ("waits" in document.querySelector("main").dataset) {
  setInterval(check, CHECK_INTERVAL);
  document.addEventListener("visibilitychange", check);
}
