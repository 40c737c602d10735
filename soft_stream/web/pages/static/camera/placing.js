// Places an answer beside the button that was pressed.

const MARGIN = 8; // pixels between the answer, the button and the edges of the window

const bubble = document.getElementById("answers");
let anchor = null; // the button

export function placeBeside(button) {
  anchor = button;
  place();
}

// Place the bubble above, below or beside the button, where it covers the fewest other buttons; always within the window.
function place() {
  if (!bubble.matches(":popover-open")) return;
  Object.assign(bubble.style, { inset: "0 auto auto 0" }); // the place limits the width
  const { width, height } = bubble.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const box = boxOf(anchor);
  const [middle, centre] = [(box.left + box.right - width) / 2, (box.top + box.bottom - height) / 2];
  const clamp = (start, size, all) => Math.max(MARGIN, Math.min(start, all - size - MARGIN));
  const places = [
    [middle, box.top - height - MARGIN],
    [middle, box.bottom + MARGIN],
    [box.left - width - MARGIN, centre],
    [box.right + MARGIN, centre],
  ].map(([x, y]) => new DOMRect(clamp(x, width, clientWidth), clamp(y, height, clientHeight), width, height));
  const others = [...document.querySelectorAll("button")].filter((each) => each !== anchor).map(boundsOf);
  const cost = (rect) => others.filter((other) => overlap(rect, other)).length + 100 * overlap(rect, box);
  const { left, top } = places.reduce((best, each) => (cost(each) < cost(best) ? each : best));
  Object.assign(bubble.style, { left: `${left}px`, top: `${top}px` });
}

const boundsOf = (each) => each.getBoundingClientRect();

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

// The place of a button, or of the picture, if the button is not visible any more, or if there is none.
function boxOf(button) {
  const box = button && boundsOf(button);
  if (box?.width) return box;
  const { left, bottom } = boundsOf(document.getElementById("view"));
  return new DOMRect(left, bottom, 0, 0);
}

addEventListener("resize", place);
addEventListener("scroll", place, true);
