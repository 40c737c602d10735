// Says why this browser gets far fewer frames than it has asked for.

import { formatNumber, t } from "../shared/i18n.js";

// A camera exposes for at least this part of the interval between frames where the light limits its rate.
const LONG_EXPOSURE = 0.8;

// Name the first part of the way of the frames that lets too few through: less than `part` of the `expected` rate.
export function explainSlowness({ adaptive_quality, captured_fps, frame }, part, expected) {
  const isDark = frame?.exposure_time >= LONG_EXPOSURE / expected;
  const isBusy = adaptive_quality?.fps < expected;
  const camera = isDark ? "dark" : "camera";
  const cause = captured_fps < part * expected ? camera : isBusy ? "busy" : "network";
  return t(`slow.${cause}`, { fps: formatNumber(expected, 0) });
}
