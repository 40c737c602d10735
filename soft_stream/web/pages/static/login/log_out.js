// The logout button of the pages; without scripts a link to the login page is there instead.

const button = document.getElementById("log-out");
const without = { username: "", password: "", hash: "" };

button.addEventListener("click", async () => {
  button.disabled = true;
  const url = Object.assign(new URL("logout", document.baseURI), without);
  const options = { method: "POST", headers: { "X-Requested-With": "fetch" } };
  await fetch(url, options).catch((error) => console.debug(error)); // the page that is loaded next shows the reason
  location.replace(Object.assign(new URL(location), without)); // a login in the URL would be sent again
});
button.hidden = false;
sessionStorage.removeItem("camera-soft-stream login"); // the browser has kept the login
