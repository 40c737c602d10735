// What this browser remembers; one that refuses to store anything just forgets.

const PREFIX = "camera-soft-stream";

export function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(`${PREFIX} ${name}`));
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`${PREFIX} ${name}`, JSON.stringify(value));
  } catch (error) {
    console.debug(error); // private windows, and a storage that is full
  }
}
