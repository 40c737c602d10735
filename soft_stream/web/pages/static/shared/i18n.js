// The messages of the page, in the language that the server chose; at first only those that the page needs soon.

const messages = JSON.parse(document.getElementById("messages").textContent);

export const addMessages = (more) => Object.assign(messages, more);

export const hasMessage = (key) => key in messages;

// Return a message, with its placeholders replaced.
export function t(key, values = {}) {
  return (messages[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// The locale for numbers and dates: that of the browser if it has the language of the page, as en-GB for en.
const { lang } = document.documentElement;
export const locale = navigator.languages.find((each) => each.split("-")[0] === lang) ?? lang;

export function formatNumber(value, digits = 1) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false };
  return value.toLocaleString(locale, options);
}

// Return a number with the digits that it has, and any other value as it is.
export const formatValue = (value) =>
  typeof value === "number" ? value.toLocaleString(locale, { useGrouping: false }) : value;

// Return a time span such as 3.2 s, 45 s, 5 min.
export function formatDuration(seconds) {
  for (const [unit, length] of [["days", 86400], ["hours", 3600], ["minutes", 60]]) {
    if (seconds >= 2 * length) return t(unit, { n: Math.floor(seconds / length) });
  }
  return t("seconds", { n: formatNumber(Math.max(0, seconds), seconds < 9.95 ? 1 : 0) });
}

// Set a text only if it differs: screen readers repeat a text that is set again.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
