// If a file of the page cannot be loaded: request it until the server answers, and reload the page.
addEventListener("error", ({ target }) => {
  if (!target.matches?.("script, link[rel=stylesheet]")) return;
  const url = Object.assign(new URL(target.src || target.href), { username: "", password: "" });
  const retry = () => fetch(url, { cache: "reload" }).then(() => location.reload(), wait);
  const wait = () => setTimeout(retry, 2000);
  wait();
}, true);
