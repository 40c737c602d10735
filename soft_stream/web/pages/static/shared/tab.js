// Shows the state of the page in the title and the icon of its tab.

// The icons in static/icons; all other states have "busy". Their shapes differ too, not only their colours.
const ICONS = {
  streaming: "live",
  focusing: "live",
  idle: "camera",
  connecting: "camera",
  paused: "lent",
  retrying: "fault",
  fault: "fault",
  unreachable: "fault",
};

const name = document.title;
const icon = document.querySelector('link[rel="icon"][type="image/svg+xml"]');

// Show a state and its word. Without a state the tab claims nothing.
export function showInTab(state = "idle", word = "") {
  const title = ICONS[state] === "live" || !word ? name : `${word} · ${name}`;
  if (document.title !== title) document.title = title;
  const href = `static/icons/${ICONS[state] ?? "busy"}.svg`;
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href); // each change loads the icon
}
