// Networks in the page: TensorFlow.js, its WebAssembly beside the script as data, so that it works from a disk too.
// A network is a plan, the operations of PyTorch in their order, as c2f/book/plans.py writes it.

/** @typedef {{op: string, args: any[], out: string}} Step */
/** @typedef {{inputs: string[], steps: Step[], outputs: string[]}} Plan */
/** @typedef {{numbers: string, places: Record<string, [number, number[]]>, steps?: Record<string, number>}} Weights */
/** @typedef {{values: Float32Array, shape: number[]}} Grid */

/** Bytes of a base64 text. @param {string} text */
export function bytes(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}

/** Numbers of a base64 text of float32, little end first. @param {string} text */
export function floats(text) {
  return new Float32Array(bytes(text).buffer);
}

/** Bytes of a base64 text of their gzip form. @param {string} text */
export async function unpacked(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** TensorFlow.js, made ready once. Its scripts, and its WebAssembly packed, are there already. */
export async function engine() {
  const { tf, c2fLive } = /** @type {any} */ (window);
  const wasm = URL.createObjectURL(new Blob([await unpacked(c2fLive.wasm)], { type: "application/wasm" }));
  tf.wasm.setWasmPaths({
    "tfjs-backend-wasm.wasm": wasm,
    "tfjs-backend-wasm-simd.wasm": wasm,
    "tfjs-backend-wasm-threaded-simd.wasm": wasm,
  });
  if (!(await tf.setBackend("wasm"))) throw new Error("this browser runs no WebAssembly with SIMD");
  await tf.ready();
  return tf;
}

/** Lists of PyTorch may leave out what is the same. @param {number[] | number | undefined} two @param {number} usual */
const pair = (two, usual) =>
  Array.isArray(two) && two.length ? [two[0], two[two.length - 1]] : [two ?? usual, two ?? usual];

/** @param {any} tf @param {any} x @param {(x: any) => any} work on pictures with their channels last */
const channelsLast = (tf, x, work) => tf.transpose(work(tf.transpose(x, [0, 2, 3, 1])), [0, 3, 1, 2]);

/** What each operation of a plan does. @type {Record<string, (tf: any, ...args: any[]) => any>} */
const OPERATIONS = {
  conv2d(tf, x, weight, bias, stride, padding) {
    const [rows, columns] = pair(padding, 0);
    const around = [
      [0, 0],
      [rows, rows],
      [columns, columns],
      [0, 0],
    ];
    return channelsLast(tf, x, (y) => {
      const made = tf.conv2d(y, weight, pair(stride, 1), around);
      return bias ? tf.add(made, bias) : made;
    });
  },
  max_pool2d: (tf, x, kernel, stride) =>
    channelsLast(tf, x, (y) => tf.maxPool(y, pair(kernel, 1), pair(stride, kernel[0]), "valid")),
  upsample_nearest2d: (tf, x, _size, [rows, columns]) =>
    channelsLast(tf, x, (y) => tf.image.resizeNearestNeighbor(y, [y.shape[1] * rows, y.shape[2] * columns])),
  relu: (tf, x) => tf.relu(x),
  sigmoid: (tf, x) => tf.sigmoid(x),
  softmax: (tf, x, axis) => tf.softmax(x, axis < 0 ? x.rank + axis : axis),
  mean: (tf, x, axes) =>
    tf.mean(
      x,
      axes.map((/** @type {number} */ axis) => (axis < 0 ? x.rank + axis : axis)),
    ),
  add: (tf, x, y) => tf.add(x, y),
  sub: (tf, x, y) => tf.sub(x, y),
  mul: (tf, x, y) => tf.mul(x, y),
  div: (tf, x, y) => tf.div(x, y),
  cat: (tf, list, axis) => tf.concat(list, axis < 0 ? list[0].rank + axis : (axis ?? 0)),
  matmul: (tf, x, y) => tf.matMul(x, y),
  linear: (tf, x, weight, bias) => tf.add(tf.matMul(x, weight, false, true), bias),
  transpose(tf, x, one, other) {
    const order = [...x.shape.keys()];
    [order[one], order[other]] = [order[other], order[one]];
    return tf.transpose(x, order);
  },
  layer_norm(tf, x, _shape, weight, bias, epsilon) {
    const { mean, variance } = tf.moments(x, -1, true);
    return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon ?? 1e-5))), weight), bias);
  },
  unsqueeze: (tf, x, axis) => tf.expandDims(x, axis),
  squeeze: (tf, x, axis) => tf.squeeze(x, [axis]),
  chunk: (tf, x, parts, axis) => tf.split(x, parts, axis),
  getitem: (_tf, list, place) => list[place],
  rsub: (tf, x, from) => tf.sub(from, x),
  slice: (tf, x, axis, start, end) => {
    const from = x.shape.map(() => 0);
    const size = [...x.shape];
    const at = axis < 0 ? x.rank + axis : axis;
    from[at] = start ?? 0;
    size[at] = Math.min(end ?? size[at], size[at]) - from[at];
    return tf.slice(x, from, size);
  },
};

/** A network of a plan: a function from its inputs to its outputs. The plan's operations are all known, or it throws.
 * @param {any} tf @param {Plan} plan @param {Weights} weights
 * @returns {(...inputs: Grid[]) => Grid[]}
 */
export function network(tf, plan, weights) {
  const strange = plan.steps.find((step) => !(step.op in OPERATIONS));
  if (strange) throw new Error(`the page does not know the operation ${strange.op}`);
  const { places, steps } = weights; // with steps, numbers are whole ones of 16 bits, multiples of their tensor's step
  const numbers = steps ? new Int16Array(bytes(weights.numbers).buffer) : floats(weights.numbers);
  /** @type {Record<string, any>} */
  const kept = {};
  for (const [name, [start, shape]] of Object.entries(places)) {
    const part = numbers.subarray(start, start + shape.reduce((a, b) => a * b, 1));
    kept[name] = tf.tensor(
      Float32Array.from(part, (v) => v * (steps?.[name] ?? 1)),
      shape,
    );
  }
  const filters = new Set(plan.steps.filter(({ op }) => op === "conv2d").map(({ args }) => args[1].of));
  for (const name of filters) kept[name] = tf.tidy(() => tf.transpose(kept[name], [2, 3, 1, 0])); // as conv2d takes them
  return (...inputs) =>
    tf.tidy(() => {
      const values = { ...kept };
      plan.inputs.forEach((name, place) => {
        values[name] = tf.tensor(inputs[place].values, inputs[place].shape);
      });
      /** @param {any} given @returns {any} */
      const read = (given) => {
        if (Array.isArray(given)) return given.map(read);
        return given && typeof given === "object" ? values[given.of] : (given ?? undefined);
      };
      for (const step of plan.steps) values[step.out] = OPERATIONS[step.op](tf, ...step.args.map(read));
      return plan.outputs.map((name) => ({ values: values[name].dataSync(), shape: values[name].shape }));
    });
}
