// The words of the page, in the language that the server chose: those that it needs at once, until it learns more.

const words = JSON.parse(document.getElementById("words").textContent);

export const learn = (more) => Object.assign(words, more);

export const has = (key) => key in words;

export function t(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// A number as people of that language write it.
export function number(value, digits = 1) {
  const shape = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false };
  return value.toLocaleString(document.documentElement.lang, shape);
}

// Changes an element only where it says something else: a screen reader speaks whenever a text is set.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// A time span as people say it.
export function span(seconds) {
  for (const [unit, length] of [["days", 86400], ["hours", 3600], ["minutes", 60]]) {
    if (seconds >= 2 * length) return t(unit, { n: Math.floor(seconds / length) });
  }
  return t("seconds", { n: number(Math.max(0, seconds), seconds < 9.95 ? 1 : 0) });
}
