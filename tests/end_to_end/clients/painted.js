// Notes each number that appears in a picture, and when: [number or null, Unix milliseconds]. See numbered_camera.py.
([selector, bits, blackMost, whiteLeast]) => {
  const picture = document.querySelector(selector);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let last;
  window.painted = [];

  function numberIn({ data, width, height }) {
    let number = 0;
    for (let bit = 0; bit < bits; bit++) {
      const column = Math.floor(((2 * bit + 1) * width) / (2 * bits));
      const [upper, lower] = [height >> 2, (3 * height) >> 2].map((row) => data[4 * (row * width + column)]);
      const [black, white] = [Math.min(upper, lower), Math.max(upper, lower)];
      if (black > blackMost || white < whiteLeast) return null;
      if (upper > lower) number += 1 << bit;
    }
    return number;
  }

  function look() {
    requestAnimationFrame(look);
    const { naturalWidth: width = picture.width, naturalHeight: height = picture.height } = picture; // <img> or <canvas>
    if (!width) return;
    if (canvas.width !== width) [canvas.width, canvas.height] = [width, height];
    context.drawImage(picture, 0, 0);
    const number = numberIn(context.getImageData(0, 0, canvas.width, canvas.height));
    if (number !== last) painted.push([number, Date.now()]);
    last = number;
  }
  look();
}
