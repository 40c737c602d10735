// What the page is made of did not come: asks again until the portal answers, and loads the page anew.
addEventListener("error", ({ target }) => {
  if (!target.matches?.("script, link[rel=stylesheet]")) return;
  const url = Object.assign(new URL(target.src || target.href), { username: "", password: "" });
  const retry = () => fetch(url, { cache: "reload" }).then(() => location.reload(), wait);
  const wait = () => setTimeout(retry, 2000);
  wait();
}, true);
