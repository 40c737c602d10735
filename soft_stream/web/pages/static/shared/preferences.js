// The menus for the language and the theme: the choice is in cookies, so that the server sends the page as it must be.

const YEAR = 31536000; // seconds

const root = document.documentElement;
const menus = document.getElementById("preferences");
const problem = menus.querySelector("p");
const [language, theme] = menus.querySelectorAll("select");

const find = (name) => document.cookie.split("; ").find((each) => each.startsWith(`${name}=`))?.split("=")[1] ?? "";

function choose({ name, value }) {
  const { pathname } = new URL(menus.dataset.home, document.baseURI);
  document.cookie = `${name}=${value}; path=${pathname}; max-age=${value ? YEAR : 0}; samesite=lax`;
  problem.hidden = find(name) === value;
  return problem.hidden;
}

for (const menu of [language, theme]) {
  menu.value = find(menu.name);
  if (menu.selectedIndex < 0) menu.value = ""; // another program's cookie of this name
}
language.addEventListener("change", () => {
  const url = Object.assign(new URL(location), { username: "", password: "", hash: "" });
  if (choose(language)) location.replace(url); // not reload(), which would send the form of a login again
});
theme.addEventListener("change", () => {
  if (theme.value) root.dataset.theme = theme.value;
  else delete root.dataset.theme;
  document.querySelector("[name=color-scheme]").content = theme.value || "dark light";
  choose(theme);
});
menus.hidden = false;
document.querySelector("header > #more")?.removeAttribute("hidden"); // on the page of all cameras
