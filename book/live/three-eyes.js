// Three eyes: a picture of its own for each scale of the top-down network, beside the bottom-up one.
import { bytes, engine, floats, network } from "./engine.js";
import { bars, choice, draggable, highest, make, paint, picture, slider, softmax, voice } from "./parts.js";
import { changed, distance, normal, shrunk } from "./pictures.js";

const SIDE = 28;
const SLOTS = ["coarse", "middle", "fine"];
const FACTORS = [4, 2, 1];
const UNTOUCHED = { noise: 0, contrast: 1, blur: 0, shift: 0 };
/** @type {[keyof typeof UNTOUCHED, string, [number, number, number, number], (v: number) => string][]} */
const SLIDERS = [
  ["noise", "noise", [0, 0.6, 0.02, 0], (v) => v.toFixed(2)],
  ["contrast", "contrast", [0, 1, 0.02, 1], (v) => `${Math.round(100 * v)} %`],
  ["blur", "blur", [0, 4, 0.1, 0], (v) => `${v.toFixed(1)} px`],
  ["shift", "shift", [-8, 8, 1, 0], (v) => `${v} px`],
];

/** The two networks as functions: three pictures, coarse first, to the levels and to logits of both. The bottom-up
 * network, which takes one picture, is given the fine one. @param {any} tf @param {any} data */
export function eyes(tf, data) {
  const topDown = network(tf, data.top_down.plan, data.top_down.weights);
  const bottomUp = network(tf, data.bottom_up.plan, data.bottom_up.weights);
  const matrices = data.matrices.map(floats);
  return (/** @type {Float32Array[]} */ pictures) => {
    const levels = pictures.map((x, slot) => (FACTORS[slot] === 1 ? x : shrunk(x, SIDE, matrices[slot])));
    const grids = levels.map((values, slot) => ({ values, shape: [1, 1, SIDE / FACTORS[slot], SIDE / FACTORS[slot]] }));
    const fine = { values: pictures[2], shape: [1, 1, SIDE, SIDE] };
    return { levels, topDown: topDown(grids[2], grids[1], grids[0])[0].values, bottomUp: bottomUp(fine)[0].values };
  };
}

/** Where the place is a teaser, without what is turned, drawn and listed. @param {HTMLElement} root @param {any} data */
export async function begin(root, data) {
  const look = eyes(await engine(), data);
  const whole = root.closest("[data-teaser]") === null;
  const all = bytes(data.garments);
  const garments = Array.from({ length: data.labels.length }, (_, k) =>
    Float32Array.from(all.subarray(k * SIDE * SIDE, (k + 1) * SIDE * SIDE), (v) => v / 255),
  );
  const draws = SLOTS.map((_, slot) => normal(SIDE * SIDE, slot + 1));
  const bag = data.labels.indexOf(data.classes.indexOf("Bag")); // so that one press asks the question
  const slots = SLOTS.map(() => ({ garment: garments[bag], name: "Bag", how: { ...UNTOUCHED } }));
  let chosen = 0; // the slot that is worked on; 3 is all of them
  let last = /** @type {keyof typeof UNTOUCHED} */ ("noise");
  const chosenSlots = () => (chosen === 3 ? [0, 1, 2] : [chosen]);

  const seen = SLOTS.map((name, slot) => ({
    whole: picture(`picture of the ${name} slot`),
    level: picture(`what the ${name} scale sees of it, ${SIDE / FACTORS[slot]} pixels wide`),
  }));
  const words = SLOTS.map(() => make("span", { class: "live-slot-name" }));
  const boxes = SLOTS.map((name, slot) =>
    make(
      "div",
      { class: "live-slot", "data-slot": slot },
      make("strong", {}, name),
      words[slot],
      seen[slot].whole,
      make(
        "span",
        { class: "live-small" },
        `of which it sees ${SIDE / FACTORS[slot]}\u00a0x\u00a0${SIDE / FACTORS[slot]}`,
      ),
      seen[slot].level,
    ),
  );
  const scores = [
    bars("LeNetFC top-down sees all three", data.classes),
    bars("LeNetFC bottom-up sees the fine one", data.classes),
  ];
  const did = make("p", { class: "live-did" });
  const { place, say } = voice();
  const won = make("tbody");
  const heads = [...SLOTS, "top-down says", "won by", "bottom-up says"].map((text) =>
    make("th", { scope: "col" }, text),
  );
  const table = make(
    "table",
    { class: "live-won" },
    make("caption", {}, "Who won, the last tries"),
    make("thead", {}, make("tr", {}, ...heads)),
    won,
  );
  const scroll = make("div", { class: "live-scroll", tabindex: "0", role: "group", "aria-label": "Who won" }, table);
  const into = choice("Work on", [...SLOTS, "all three"], chosen, (which) => {
    chosen = which;
    showSliders();
    showChosen();
  });
  const showChosen = () =>
    boxes.forEach((box, slot) => box.classList.toggle("live-chosen", chosenSlots().includes(slot)));
  const sliders = SLIDERS.map(([kind, name, range, text]) =>
    slider(
      name,
      range,
      (value) => {
        for (const slot of chosenSlots()) slots[slot].how[kind] = value;
        last = kind;
        answer();
      },
      text,
    ),
  );
  const showSliders = () => SLIDERS.forEach(([kind], k) => sliders[k].set(slots[chosenSlots()[0]].how[kind]));

  function answer() {
    const pictures = slots.map(({ garment, how }, slot) => changed(garment, how, SIDE, draws[slot]));
    const { levels, topDown, bottomUp } = look(pictures);
    pictures.forEach((x, slot) => {
      paint(seen[slot].whole, x, SIDE);
      paint(seen[slot].level, levels[slot], SIDE / FACTORS[slot]);
      words[slot].textContent = slots[slot].name;
    });
    const shares = [softmax(topDown), softmax(bottomUp)];
    scores.forEach(({ show }, k) => show(shares[k]));
    const [above, below] = shares.map((s) => data.classes[highest(s)]);
    const lengths = slots.map(({ garment }, slot) => distance(pictures[slot], garment));
    const median = data.medians[last];
    did.textContent =
      `L2 of what was done: ${lengths.map((l, slot) => `${SLOTS[slot]} ${l.toFixed(1)}`).join(", ")}. ` +
      `To be fooled by ${median.title}, half of the pictures need ${median.bottom_up.toFixed(1)} (bottom-up) and ` +
      `${median.top_down.toFixed(1)} (top-down) at all scales.`;
    say(
      `Top-down says ${above}, ${Math.round(100 * Math.max(...shares[0]))} %; bottom-up says ${below}, ${Math.round(100 * Math.max(...shares[1]))} %.`,
    );
    return { above, below };
  }

  function note() {
    const { above, below } = answer();
    const names = slots.map(({ name }) => name);
    if (new Set(names).size === 1) return;
    const winners = SLOTS.filter((_, slot) => names[slot] === above);
    won.prepend(
      make("tr", {}, ...[...names, above, winners.join(" + ") || "none", below].map((text) => make("td", {}, text))),
    );
    while (won.rows.length > 8) won.deleteRow(8);
  }

  /** @param {number[]} where @param {Float32Array} garment @param {string} name */
  function put(where, garment, name) {
    for (const slot of where) Object.assign(slots[slot], { garment, name });
    note();
  }

  const shelf = make("div", {
    class: "live-shelf",
    role: "group",
    "aria-label": "Forty garments: press one to put it where you work, or drag it",
  });
  garments.forEach((garment, k) => {
    const name = data.classes[data.labels[k]];
    const thumb = make("canvas", { "aria-hidden": "true" });
    paint(thumb, garment, SIDE);
    const button = make(
      "button",
      {
        type: "button",
        "aria-label": `${name}, number ${k + 1}`,
        title: name,
        onclick: () => put(chosenSlots(), garment, name),
      },
      thumb,
    );
    draggable(button, ".live-slot", (box) => put([Number(box.dataset.slot)], garment, name));
    shelf.append(button);
  });

  const again = make(
    "button",
    {
      type: "button",
      onclick: () => {
        for (const slot of slots) slot.how = { ...UNTOUCHED };
        showSliders();
        answer();
      },
    },
    "Undo all changes",
  );
  root.replaceChildren(
    into.field,
    make("div", { class: "live-slots" }, ...boxes),
    shelf,
    ...(whole ? [make("div", { class: "live-sliders" }, ...sliders.map((s) => s.label), again), did] : []),
    place,
    make("div", { class: "live-columns" }, ...scores.map((s) => s.table)),
    ...(whole ? [pad((drawn) => put(chosenSlots(), drawn, "a drawing")), scroll] : []),
  );
  showChosen();
  answer();
  return { look };
}

/** A pad of 28x28 pixels to draw on, by pointer or by arrow keys and the space bar. @param {(x: Float32Array) => void} done */
function pad(done) {
  const ink = new Float32Array(SIDE * SIDE);
  let [row, column, down] = [14, 14, false];
  const canvas = make("canvas", {
    class: "live-pad",
    tabindex: "0",
    role: "img",
    "aria-label":
      "Drawing pad of 28 by 28 pixels: draw with the pointer, or move with the arrow keys and paint with the space bar",
  });
  const show = () => {
    const shown = ink.slice();
    if (document.activeElement === canvas) shown[row * SIDE + column] = 0.5;
    paint(canvas, shown, SIDE);
  };
  const dab = () => {
    for (let r = -1; r <= 1; r++)
      for (let c = -1; c <= 1; c++) {
        const [y, x] = [row + r, column + c];
        if (y >= 0 && y < SIDE && x >= 0 && x < SIDE)
          ink[y * SIDE + x] = Math.min(1, ink[y * SIDE + x] + 1 / (1 + 2 * Math.hypot(r, c)));
      }
    show();
  };
  const at = (/** @type {PointerEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    column = Math.min(SIDE - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * SIDE)));
    row = Math.min(SIDE - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * SIDE)));
  };
  canvas.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    down = true;
    canvas.setPointerCapture(event.pointerId);
    at(event);
    dab();
  });
  canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (!down) return;
    at(event);
    dab();
  });
  const up = () => {
    if (down) done(ink.slice());
    down = false;
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("focus", show);
  canvas.addEventListener("blur", show);
  canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (step) {
      row = Math.min(SIDE - 1, Math.max(0, row + step[0]));
      column = Math.min(SIDE - 1, Math.max(0, column + step[1]));
      show();
    } else if (event.key === " ") {
      dab();
      done(ink.slice());
    } else return;
    event.preventDefault();
  });
  show();
  const clear = make(
    "button",
    {
      type: "button",
      onclick: () => {
        ink.fill(0);
        show();
      },
    },
    "Clear the pad",
  );
  return make("details", { class: "live-drawing" }, make("summary", {}, "Draw a garment of your own"), canvas, clear);
}
