// What is done to pictures: values in [0, 1], rows by columns, channel after channel.
import { dice } from "./parts.js";

/** Normal noise, the same draw each time. @param {number} count @param {number} seed */
export function normal(count, seed) {
  const next = dice(seed);
  const radius = () => Math.sqrt(-2 * Math.log(1 - next()));
  return Float32Array.from({ length: count }, () => radius() * Math.cos(2 * Math.PI * next()));
}

/** @param {Float32Array} x @param {number} side @param {number} right @param {number} down pixels; black comes in */
export function shifted(x, side, right, down) {
  return x.map((_, at) => {
    const [row, column] = [Math.floor(at / side) - down, (at % side) - right];
    return row >= 0 && row < side && column >= 0 && column < side ? x[row * side + column] : 0;
  });
}

/** Gaussian blur, the border repeated by its mirror image. @param {ArrayLike<number>} x @param {number} side
 * @param {number} sigma in pixels, 0 is none */
export function blurred(x, side, sigma) {
  if (!(sigma > 0)) return Float32Array.from(x);
  const radius = Math.ceil(4 * sigma);
  const taps = Array.from({ length: 2 * radius + 1 }, (_, k) => Math.exp(-((k - radius) ** 2) / (2 * sigma * sigma)));
  const sum = taps.reduce((a, b) => a + b, 0);
  const fold = (/** @type {number} */ at) => {
    const turn = ((at % (2 * side)) + 2 * side) % (2 * side);
    return turn < side ? turn : 2 * side - 1 - turn;
  };
  const folded = Int32Array.from({ length: side + 2 * radius }, (_, at) => fold(at - radius)); // once, not for each sum
  const along = (/** @type {ArrayLike<number>} */ from, /** @type {number} */ step, /** @type {number} */ line) => {
    const made = new Float32Array(side * side);
    for (let l = 0; l < side; l++)
      for (let at = 0; at < side; at++) {
        let value = 0;
        for (let k = 0; k < taps.length; k++) value += taps[k] * from[l * line + folded[at + k] * step];
        made[l * line + at * step] = value / sum;
      }
    return made;
  };
  return along(along(x, 1, side), side, 1);
}

/** @param {Float32Array} x @param {{noise: number, contrast: number, blur: number, shift: number}} how @param {number} side
 * @param {Float32Array} draw of normal noise */
export function changed(x, how, side, draw) {
  const moved = how.shift ? shifted(x, side, how.shift, 0) : x;
  const soft = blurred(moved, side, how.blur);
  return soft.map((v, at) => Math.min(1, Math.max(0, 0.5 + (v - 0.5) * how.contrast + how.noise * draw[at])));
}

/** @param {ArrayLike<number>} x @param {ArrayLike<number>} y their Euclidean distance */
export function distance(x, y) {
  let sum = 0;
  for (let at = 0; at < x.length; at++) sum += (x[at] - y[at]) ** 2;
  return Math.sqrt(sum);
}

/** Shrink by a matrix, rows and columns alike. @param {ArrayLike<number>} x @param {number} side
 * @param {Float32Array} matrix (side / factor) x side */
export function shrunk(x, side, matrix) {
  const small = matrix.length / side;
  const half = new Float32Array(small * side);
  for (let o = 0; o < small; o++)
    for (let r = 0; r < side; r++)
      for (let c = 0, m = matrix[o * side + r]; m && c < side; c++) half[o * side + c] += m * x[r * side + c];
  const made = new Float32Array(small * small);
  for (let r = 0; r < small; r++)
    for (let o = 0; o < small; o++) {
      let value = 0;
      for (let c = 0; c < side; c++) value += matrix[o * side + c] * half[r * side + c];
      made[r * small + o] = value;
    }
  return made;
}

/** Cut a window out, bilinearly, as c2f.networks.glimpse.geometry.take_glimpse does.
 * @param {Float32Array} x channels of side x side @param {number} side @param {number[]} location scale, x, y
 * @param {number} size of the glimpse */
export function glimpse(x, side, [scale, cx, cy], size) {
  const channels = x.length / side / side;
  const made = new Float32Array(channels * size * size);
  const at = (/** @type {number} */ centre, /** @type {number} */ k) =>
    ((centre + scale * (size > 1 ? (2 * k) / (size - 1) - 1 : 0) + 1) / 2) * (side - 1);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < size; i++)
      for (let j = 0; j < size; j++) {
        const [row, column] = [at(cy, i), at(cx, j)];
        const [r, k] = [Math.floor(row), Math.floor(column)];
        let value = 0;
        for (const [rr, wr] of [
          [r, 1 - row + r],
          [r + 1, row - r],
        ])
          for (const [kk, wk] of [
            [k, 1 - column + k],
            [k + 1, column - k],
          ])
            if (rr >= 0 && rr < side && kk >= 0 && kk < side) value += wr * wk * x[(c * side + rr) * side + kk];
        made[(c * size + i) * size + j] = value;
      }
  return made;
}

/** Pearson's correlation. @param {ArrayLike<number>} x @param {ArrayLike<number>} y */
export function correlation(x, y) {
  const mean = (/** @type {ArrayLike<number>} */ z) => {
    let sum = 0;
    for (let at = 0; at < z.length; at++) sum += z[at];
    return sum / z.length;
  };
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let at = 0; at < x.length; at++) {
    xy += (x[at] - mx) * (y[at] - my);
    xx += (x[at] - mx) ** 2;
    yy += (y[at] - my) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}
