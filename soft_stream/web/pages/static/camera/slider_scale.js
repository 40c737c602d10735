// Lays the values of a control out along a slider, so that those that people want have room.

// So many times the smallest value, or the usual one, and the largest one leaves the others no room.
const FAR = 8;
const STEPS = 240;

// Returns the number of steps, the value `at` a step, the step that a value has, and what a spin button adds.
export function scaleOf({ type, min, max, default: usual }) {
  const round = type === "int" ? Math.round : (value) => Number(value.toFixed(2));
  const bounded = (value) => Math.min(max, Math.max(min, round(Number(value.toPrecision(3)))));
  if (min > 0 && max / min > FAR) {
    const ratio = Math.log(max / min);
    return {
      steps: STEPS,
      step: type === "int" ? 1 : 0.1,
      at: (step) => bounded(min * Math.exp((ratio * step) / STEPS)),
      stepOf: (value) => (STEPS * Math.log(Math.max(value, min) / min)) / ratio,
    };
  }
  if (min === 0 && usual > 0 && max / usual > FAR) {
    return {
      steps: STEPS,
      step: type === "int" ? 1 : 0.1,
      at: (step) => bounded(max * (step / STEPS) ** 3),
      stepOf: (value) => STEPS * Math.cbrt(value / max),
    };
  }
  const span = max - min;
  const step = Math.max(type === "int" ? 1 : 0.01, 10 ** Math.floor(Math.log10(span / 100)));
  return {
    steps: Math.ceil(span / step),
    step,
    at: (position) => bounded(min + position * step),
    stepOf: (value) => (value - min) / step,
  };
}
