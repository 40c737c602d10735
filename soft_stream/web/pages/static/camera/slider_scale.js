// Maps the values of a control to the positions of a slider, so that common values have enough room.

// A scale is not linear if the largest value is this many times the smallest one, or the default.
const WIDE_RANGE = 8;
const STEPS = 240;

// Return the number of steps, the value `at` a step, the step of a value (`stepOf`), and the `step` of a number input.
export function sliderScale({ type, min, max, default: usual }) {
  const round = type === "int" ? Math.round : (value) => Number(value.toFixed(2));
  const clamp = (value) => Math.min(max, Math.max(min, round(Number(value.toPrecision(3)))));
  if (min > 0 && max / min > WIDE_RANGE) {
    const ratio = Math.log(max / min);
    return {
      steps: STEPS,
      step: type === "int" ? 1 : 0.1,
      at: (step) => clamp(min * Math.exp((ratio * step) / STEPS)),
      stepOf: (value) => (STEPS * Math.log(Math.max(value, min) / min)) / ratio,
    };
  }
  if (min === 0 && usual > 0 && max / usual > WIDE_RANGE) {
    return {
      steps: STEPS,
      step: type === "int" ? 1 : 0.1,
      at: (step) => clamp(max * (step / STEPS) ** 3),
      stepOf: (value) => STEPS * Math.cbrt(value / max),
    };
  }
  const range = max - min;
  const step = Math.max(type === "int" ? 1 : 0.01, 10 ** Math.floor(Math.log10(range / 100)));
  return {
    steps: Math.ceil(range / step),
    step,
    at: (position) => clamp(min + position * step),
    stepOf: (value) => (value - min) / step,
  };
}
