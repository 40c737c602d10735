// Loads parts of the page that most visits do not need: a module, its stylesheets, and the messages of all parts.

import { element } from "./dom.js";
import { loadMessages } from "../shared/api.js";
import { t } from "../shared/i18n.js";

export { loadMessages };

const loading = new Map();

export async function loadPart(importModule, ...styles) {
  const loaded = styles.map((style) => once(style, loadStyle));
  const [module] = await Promise.all([importModule(), loadMessages(), ...loaded]);
  return module;
}

// After a failure the next call tries again.
function once(name, load) {
  if (!loading.has(name)) loading.set(name, load(name));
  loading.get(name).catch(() => loading.delete(name));
  return loading.get(name);
}

function loadStyle(name) {
  return new Promise((resolve, reject) => {
    const onerror = () => reject(new Error(t("error.no_answer")));
    const link = { rel: "stylesheet", href: `static/camera/${name}.css`, onload: resolve, onerror };
    document.head.append(element("link", link));
  });
}
