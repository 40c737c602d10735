// Creates elements. A name that is a property of the element is set as property, any other name as attribute.

export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// Return a <time> element for Unix seconds; the date is left out if it is today.
export function timeElement(at) {
  const date = new Date(at * 1000);
  const isToday = date.toDateString() === new Date().toDateString();
  const text = date.toLocaleString(undefined, { timeStyle: "medium", dateStyle: isToday ? undefined : "short" });
  return element("time", { dateTime: date.toISOString() }, text);
}
