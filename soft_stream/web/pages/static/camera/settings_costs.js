// Estimates what settings cost, as a factor of what they cost now: for the data of a stream, and for the CPU.

// The bytes of a JPEG grow with the fineness of libjpeg's quantization to this power, and the time to encode it by a
// constant part and one that grows with the bytes. Measured with simplejpeg, at qualities from 30 to 100.
const BYTES_POWER = 0.66;
const FINEST = 0.04;
const USUAL_QUALITY = 80;
const CONSTANT_TIME = 0.63;
const TURN_TIME = 1.3; // a quarter turn; sensors mirror and turn by 180 degrees themselves

const isTurned = ({ rotation, hflip, vflip }) => Boolean(rotation || hflip || vflip);

// Return the factors { data, cpu } between two sets of values. `isReady` means that the camera delivers JPEGs, which are
// passed on as they are unless they are turned; a factor that is not known is NaN.
export function estimate(now, next, isReady = false) {
  const [before, after] = [now, next].map((values) => work(values, isReady));
  const isComparable = !isReady || isTurned(now) === isTurned(next);
  return { data: after.data / before.data, cpu: isComparable ? after.cpu / before.cpu : NaN };
}

function work(values, isReady) {
  const { width, height, fps, quality, rotation } = values;
  const pixels = width * height * fps;
  if (isReady && !isTurned(values)) return { data: pixels, cpu: pixels };
  const bytes = bytesAt(quality) / bytesAt(USUAL_QUALITY);
  const time = CONSTANT_TIME + (1 - CONSTANT_TIME) * bytes;
  return { data: pixels * bytes, cpu: pixels * time * (rotation % 180 ? TURN_TIME : 1) };
}

// https://github.com/libjpeg-turbo/libjpeg-turbo, src/jcparam.c: jpeg_quality_scaling()
function bytesAt(quality) {
  const step = quality < 50 ? 50 / quality : 2 - quality / 50;
  return Math.max(step, FINEST) ** -BYTES_POWER;
}
