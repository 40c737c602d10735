import { element } from "./dom.js";
import { locale } from "../shared/i18n.js";

// Return a <time> element for Unix seconds; the date is left out if it is today.
export function timeElement(at) {
  const date = new Date(at * 1000);
  const isToday = date.toDateString() === new Date().toDateString();
  const text = date.toLocaleString(locale, { timeStyle: "medium", dateStyle: isToday ? undefined : "short" });
  return element("time", { dateTime: date.toISOString() }, text);
}
