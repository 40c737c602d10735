// Values that this browser stores. Where it refuses that, the page works without them.

const PREFIX = "camera-soft-stream";

export function load(name) {
  try {
    return JSON.parse(localStorage.getItem(`${PREFIX} ${name}`));
  } catch {
    return null;
  }
}

export function save(name, value) {
  try {
    localStorage.setItem(`${PREFIX} ${name}`, JSON.stringify(value));
  } catch (error) {
    console.debug(error); // a private window, or a full storage
  }
}
