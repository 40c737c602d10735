// Makes elements: what an element has as a property is set as such, all else as an attribute.

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// A moment (Unix seconds) as this browser writes it, with its day where that is not today's.
export function moment(at) {
  const date = new Date(at * 1000);
  const isToday = date.toDateString() === new Date().toDateString();
  const written = date.toLocaleString(undefined, { timeStyle: "medium", dateStyle: isToday ? undefined : "short" });
  return make("time", { dateTime: date.toISOString() }, written);
}
