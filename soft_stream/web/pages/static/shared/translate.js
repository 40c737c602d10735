// Makes the sentences of the server in the language of the page.

import { loadMessages } from "./api.js";
import { formatValue, hasMessage, t } from "./i18n.js";

const RETRY_TIMEOUT = 30000; // ms: the state of the camera must not wait for words that cannot be loaded each time

let mayLoadAt = 0;

// Return the sentence itself if the page has no words for it, as for the camera of another release.
export async function translate(sentence, message) {
  if (!isMessage(message)) return sentence;
  if (!hasWords(message) && performance.now() > mayLoadAt) {
    mayLoadAt = performance.now() + RETRY_TIMEOUT;
    await loadMessages().catch((error) => console.debug(error)); // as the server has it, for now
  }
  return hasWords(message) ? format(message) : sentence;
}

const keyOf = ({ code }) => (code.includes(".") ? code : `server.${code}`);
const isMessage = (value) => Boolean(value?.code && value.values);
const hasWords = (message) =>
  hasMessage(keyOf(message)) && Object.values(message.values).filter(isMessage).every(hasWords);

// A value is a number, a text, or a message.
function format(message) {
  const formatted = (value) => (isMessage(value) ? format(value) : formatValue(value));
  const values = Object.entries(message.values).map(([name, value]) => [name, formatted(value)]);
  return t(keyOf(message), Object.fromEntries(values));
}
