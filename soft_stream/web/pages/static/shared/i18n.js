// The messages of the page, in the language that the server chose; at first only those that the page needs soon.

const messages = JSON.parse(document.getElementById("messages").textContent);

export const addMessages = (more) => Object.assign(messages, more);

export const hasMessage = (key) => key in messages;

// Return a message, with its placeholders replaced.
export function t(key, values = {}) {
  return (messages[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function formatNumber(value, digits = 1) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false };
  return value.toLocaleString(document.documentElement.lang, options);
}

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
