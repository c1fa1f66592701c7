// The same map, shuffled: decoded maps in any order. No network runs here, only sums.
import { bytes, floats } from "./engine.js";
import { bars, choice, dice, draggable, make, paint, paintSigned, picture, softmax, voice } from "./parts.js";
import { blurred, correlation } from "./pictures.js";

const SIDE = 64;
const PIXELS = SIDE * SIDE;
const BLUR = 4; // pixels

/** Everything that one order of the decoded maps gives. The rebuilt picture's weights move with the maps, as they would
 * in a model that was trained to this order; the class scores never see the decoded maps. @param {any} data */
export function model(data) {
  const decoded = bytes(data.decoded);
  const low = floats(data.low);
  const small = data.low_side * data.low_side;
  const map = (/** @type {number} */ scene, /** @type {number} */ m) => {
    const start = (scene * data.maps + m) * PIXELS;
    return decoded.subarray(start, start + PIXELS);
  };
  const lowMap = (/** @type {number} */ scene, /** @type {number} */ m) =>
    low.subarray((scene * data.maps + m) * small, (scene * data.maps + m + 1) * small);
  return {
    map,
    /** @param {number} scene @param {number[]} order which decoded map stands at each place */
    rebuilt(scene, order) {
      const made = new Float64Array(3 * PIXELS);
      const places = order.map((m, place) => [m, place]).sort((a, b) => a[0] - b[0]); // sums in one order round alike
      for (let c = 0; c < 3; c++) {
        made.fill(data.rebuild_bias[c], c * PIXELS, (c + 1) * PIXELS);
        for (const [m, place] of places) {
          const weight = (data.rebuild[c][order[place]] * data.most[scene][m]) / 255;
          const values = map(scene, m);
          for (let at = 0; at < PIXELS; at++) made[c * PIXELS + at] += weight * values[at];
        }
      }
      return made.map((v) => Math.round(255 * Math.min(1, Math.max(0, v))));
    },
    /** @param {number} scene */
    scores: (scene) =>
      data.class_bias.map((/** @type {number} */ bias, /** @type {number} */ k) =>
        data.class_weights[k].reduce(
          (/** @type {number} */ sum, /** @type {number} */ weight, /** @type {number} */ m) =>
            sum + (weight * lowMap(scene, m).reduce((a, b) => a + b, 0)) / small,
          bias,
        ),
      ),
    /** @param {number} scene @param {number} k @param {number[]} order */
    high(scene, k, order) {
      const made = new Float32Array(PIXELS);
      order.forEach((m, place) => {
        const weight = (data.class_weights[k][place] * data.most[scene][m]) / 255;
        const values = map(scene, m);
        for (let at = 0; at < PIXELS; at++) made[at] += weight * values[at];
      });
      return made;
    },
    /** @param {number} scene @param {number} k its low-resolution class map, enlarged */
    low(scene, k) {
      const sum = new Float32Array(small);
      for (let m = 0; m < data.maps; m++)
        lowMap(scene, m).forEach((v, at) => (sum[at] += data.class_weights[k][m] * v));
      return enlarged(sum, data.low_side);
    },
  };
}

/** Bilinear, as torch's interpolate without aligned corners. @param {Float32Array} x @param {number} side */
function enlarged(x, side) {
  const read = (/** @type {number} */ at) => Math.min(side - 1, Math.max(0, ((at + 0.5) * side) / SIDE - 0.5));
  return Float32Array.from({ length: PIXELS }, (_, at) => {
    const [r, c] = [read(Math.floor(at / SIDE)), read(at % SIDE)];
    const [r0, c0] = [Math.floor(r), Math.floor(c)];
    const [r1, c1] = [Math.min(side - 1, r0 + 1), Math.min(side - 1, c0 + 1)];
    const above = x[r0 * side + c0] * (1 - c + c0) + x[r0 * side + c1] * (c - c0);
    const below = x[r1 * side + c0] * (1 - c + c0) + x[r1 * side + c1] * (c - c0);
    return above * (1 - r + r0) + below * (r - r0);
  });
}

/** @param {ArrayLike<number>} greys 0 to 255 */
const unit = (greys) => Float32Array.from(greys, (v) => v / 255);

/** @param {HTMLCanvasElement} canvas @param {Float32Array} values of a class map; the strongest is shown in full */
const paintMap = (canvas, values) =>
  paintSigned(
    canvas,
    values,
    SIDE,
    values.reduce((most, v) => Math.max(most, Math.abs(v)), 0),
  );

/** @param {HTMLElement} root @param {any} data */
export async function begin(root, data) {
  const { map, rebuilt, scores, high, low } = model(data);
  const next = dice(1);
  const trained = Array.from({ length: data.maps }, (_, m) => m);
  let order = [...trained];
  let [scene, mapped, blur] = [0, data.labels[0], false];
  let held = -1; // the place that is to be exchanged
  /** @type {number[]} */
  let tried = [];
  const all = bytes(data.scenes);

  const shown = {
    scene: picture("the scene"),
    rebuilt: picture("the picture rebuilt from the decoded maps"),
    low: picture("low-resolution class map"),
    high: picture("class map of the decoded maps in this order"),
  };
  const names = {
    scene: "the scene",
    rebuilt: "rebuilt",
    low: "low-resolution class map",
    high: "decoded maps, summed for the class",
  };
  const figures = Object.entries(shown).map(([what, canvas]) =>
    make("figure", {}, canvas, make("figcaption", {}, names[/** @type {keyof typeof names} */ (what)])),
  );
  const maps = trained.map(() => make("canvas", { "aria-hidden": "true" })); // painted once, then moved
  const score = bars("Class scores", data.classes);
  const histogram = make("canvas", { role: "img", "aria-label": "histogram", class: "live-histogram" });
  const moved = make("p", {});
  const { place, say } = voice();
  const tiles = trained.map((at) => {
    const button = make(
      "button",
      { type: "button", "aria-pressed": "false", "data-place": at, onclick: () => pick(at) },
      maps[at],
      make("span", {}),
    );
    draggable(button, ".live-maps button", (target) => exchange(at, Number(target.dataset.place)));
    return button;
  });

  /** @param {number} at */
  function pick(at) {
    if (held === at) held = -1;
    else if (held < 0) held = at;
    else return exchange(held, at);
    tiles.forEach((tile, k) => tile.setAttribute("aria-pressed", String(k === held)));
  }
  /** @param {number} one @param {number} other */
  function exchange(one, other) {
    [order[one], order[other]] = [order[other], order[one]];
    held = -1;
    answer(true);
  }
  let [was, coarse] = [rebuilt(scene, trained), low(scene, mapped)]; // what no order changes

  /** Show another scene, or another class of it, from the beginning. */
  function restart() {
    tried = [];
    [was, coarse] = [rebuilt(scene, trained), low(scene, mapped)];
    const colours = all.subarray(3 * PIXELS * scene, 3 * PIXELS * (scene + 1));
    paint(shown.scene, unit(colours), SIDE, 3);
    paintMap(shown.low, coarse);
    maps.forEach((canvas, m) => paint(canvas, unit(map(scene, m)), SIDE));
    score.show(softmax(scores(scene)));
    answer();
  }

  function answer(isNew = false) {
    const wide = high(scene, mapped, order);
    const smooth = blurred(wide, SIDE, BLUR);
    const [raw, soft] = [correlation(wide, coarse), correlation(smooth, coarse)];
    if (isNew) tried.push(blur ? soft : raw);
    const now = rebuilt(scene, order);
    const greys = was.reduce((most, v, at) => Math.max(most, Math.abs(v - now[at])), 0);
    paint(shown.rebuilt, unit(now), SIDE, 3);
    paintMap(shown.high, blur ? smooth : wide);
    tiles.forEach((tile, at) => {
      tile.prepend(maps[order[at]]);
      tile.lastChild.textContent = order[at] === at ? `${at + 1}` : `${at + 1}: map ${order[at] + 1}`;
      tile.setAttribute("aria-label", `place ${at + 1}, decoded map ${order[at] + 1}`);
      tile.setAttribute("aria-pressed", "false");
    });
    draw(blur ? soft : raw);
    moved.textContent = `The rebuilt picture moved by ${greys} grey levels, the class scores by 0.`;
    say(
      `The map of ${data.classes[mapped]} correlates ${raw.toFixed(2)} with the low-resolution one, blurred ${soft.toFixed(2)}. Orders tried: ${tried.length}.`,
    );
    return { raw, soft, greys, tried: tried.length };
  }
  /** @param {number} here */
  function draw(here) {
    const counts = new Array(20).fill(0);
    for (const r of tried) counts[Math.min(19, Math.max(0, Math.floor((r + 1) * 10)))]++;
    [histogram.width, histogram.height] = [240, 80];
    const pen = histogram.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, 240, 80);
    pen.fillStyle = "#0072b2";
    counts.forEach((count, k) => pen.fillRect(12 * k + 1, 80 - (76 * count) / Math.max(1, ...counts), 10, 80));
    pen.fillStyle = "#666"; // zero
    pen.fillRect(120, 0, 1, 80);
    pen.fillStyle = "#d55e00";
    pen.fillRect(120 * (here + 1) - 1, 0, 3, 80);
    histogram.setAttribute(
      "aria-label",
      `Histogram of the correlations of ${tried.length} orders, from -1 to 1; this one is at ${here.toFixed(2)}`,
    );
  }

  const classes = make(
    "select",
    {
      onchange: () => {
        mapped = Number(classes.value);
        restart();
      },
    },
    ...data.classes.map((/** @type {string} */ name, /** @type {number} */ k) =>
      make("option", { value: k, selected: k === mapped }, name),
    ),
  );
  const scenes = choice(
    "Scene",
    data.labels.map((/** @type {number} */ k) => data.classes[k]),
    0,
    (which) => {
      scene = which;
      mapped = data.labels[which];
      classes.value = String(mapped);
      restart();
    },
  );
  const deal = (/** @type {number} */ times) => {
    for (let n = 0; n < times; n++) {
      for (let k = order.length - 1; k > 0; k--) {
        const other = Math.floor(next() * (k + 1));
        [order[k], order[other]] = [order[other], order[k]];
      }
      if (n < times - 1) {
        const wide = high(scene, mapped, order);
        tried.push(correlation(blur ? blurred(wide, SIDE, BLUR) : wide, coarse));
      }
    }
    answer(true);
  };
  root.replaceChildren(
    scenes.field,
    make(
      "div",
      { class: "live-row" },
      make("button", { type: "button", "data-do": "shuffle", onclick: () => deal(1) }, "Shuffle"),
      make("button", { type: "button", onclick: () => deal(20) }, "Shuffle 20 times"),
      make(
        "button",
        {
          type: "button",
          onclick: () => {
            order = [...trained];
            answer();
          },
        },
        "As trained",
      ),
      make("label", {}, "class ", classes),
      make(
        "label",
        {},
        make("input", {
          type: "checkbox",
          onchange: (/** @type {any} */ event) => {
            blur = event.target.checked;
            restart();
          },
        }),
        " blur first",
      ),
    ),
    make("div", { class: "live-row" }, ...figures),
    moved,
    place,
    make("p", {}, "The decoded maps: drag one onto another, or press one and then another, to exchange them."),
    make("div", { class: "live-maps" }, ...tiles),
    make(
      "div",
      { class: "live-columns" },
      score.table,
      make(
        "figure",
        {},
        histogram,
        make(
          "figcaption",
          {},
          "correlations of the orders tried, from -1 at the left to 1; the thick line is this one, the thin line 0",
        ),
      ),
    ),
  );
  restart();
  return { answer, scores, order: () => order };
}
