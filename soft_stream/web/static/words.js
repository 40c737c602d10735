// The words of the page, in the language that the server chose.

const words = JSON.parse(document.getElementById("words").textContent);

export const has = (key) => key in words;

export function t(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// A time span as people say it.
export function span(seconds) {
  for (const [unit, length] of [["days", 86400], ["hours", 3600], ["minutes", 60]]) {
    if (seconds >= 2 * length) return t(unit, { n: Math.floor(seconds / length) });
  }
  return t("seconds", { n: Math.max(0, seconds).toFixed(seconds < 9.95 ? 1 : 0) });
}
