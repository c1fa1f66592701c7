// Where would you look? The reader, the network, a window dealt from another picture, and a single pass of equal cost.
import { bytes, engine, network } from "./engine.js";
import { bars, dice, highest, make, paint, picture, slider, softmax, voice } from "./parts.js";
import { glimpse } from "./pictures.js";

const SIDE = 64;
const SHOWN = 256; // pixels of the page that a scene is wide
const WHOLE = [1, 0, 0];
const PLAYERS = ["you", "the network", "its windows of another picture", "one pass of equal cost"];

/** Players as functions. @param {any} tf @param {any} data */
export function players(tf, data) {
  const [first, later] = data.glimpses.plans.map((/** @type {any} */ plan) => network(tf, plan, data.glimpses.weights));
  const single = network(tf, data.single.plan, data.single.weights);
  const [side, passSide] = data.sides;
  /** Look at one place more. @param {Float32Array} x @param {number[]} location @param {any[]} memory keys and values */
  const look = (x, location, memory) => {
    const seen = glimpse(x, SIDE, location, side);
    const [logits, after, ...kept] = (memory.length ? later : first)(
      { values: seen, shape: [1, 3, side, side] },
      { values: Float32Array.from(location), shape: [1, 3] },
      ...memory,
    );
    return { seen, logits: logits.values, next: Array.from(after.values), memory: kept };
  };
  return {
    look,
    /** @param {Float32Array} x @param {number[][] | null} places where to look after the first; null is as it likes */
    play(x, places) {
      let step = look(x, WHOLE, []);
      const all = [{ ...step, location: WHOLE }];
      for (let t = 1; t < data.looks; t++) {
        const location = places ? places[t] : step.next;
        step = look(x, location, step.memory);
        all.push({ ...step, location });
      }
      return all;
    },
    /** @param {Float32Array} x */
    once(x) {
      const seen = glimpse(x, SIDE, WHOLE, passSide);
      return single(
        { values: seen, shape: [1, 3, passSide, passSide] },
        { values: Float32Array.from(WHOLE), shape: [1, 3] },
      )[0].values;
    },
  };
}

/** @param {HTMLElement} root @param {any} data */
export async function begin(root, data) {
  const { look, play, once } = players(await engine(), data);
  const all = bytes(data.scenes);
  const bits = bytes(data.masks);
  const pixels = SIDE * SIDE;
  const scene = (/** @type {number} */ k) =>
    Float32Array.from(all.subarray(3 * pixels * k, 3 * pixels * (k + 1)), (v) => v / 255);
  const onGarment = (/** @type {number} */ k, /** @type {number} */ at) =>
    (bits[(k * pixels + at) >> 3] >> (7 - (at & 7))) & 1;
  const deal = dice(7);
  const rounds = Array.from(data.labels.keys()).sort(() => deal() - 0.5);
  const wins = PLAYERS.map(() => 0);
  let played = 0;
  let [round, stage, size] = [0, 0, data.scales[1]];
  let location = [size, 0, 0];
  let x = scene(rounds[0]);

  const canvas = picture("the first glimpse, 16 pixels wide");
  const frame = make("div", {
    class: "live-window",
    tabindex: "0",
    role: "application",
    "aria-label": "Your window: drag it, or move it with the arrow keys",
  });
  const stageBox = make("div", { class: "live-scene" }, canvas, frame);
  const second = picture("the window that you chose, 16 pixels wide");
  const secondBox = make("figure", {}, second, make("figcaption", {}, "your window"));
  const { place, say } = voice();
  const score = bars("What the network says of your two looks", data.classes);
  const body = make("tbody");
  const board = make("table", {}, make("caption", {}, "Right so far"), body);
  const trade = make("p", { class: "live-trade" });
  const widest = slider(
    "largest window",
    [data.scales[0], data.scales[1], 0.05, size],
    (value) => {
      size = value;
      frameTo(location[1], location[2]);
      answer();
    },
    (v) => `${Math.round(100 * v)} %`,
  );
  const guesses = make(
    "div",
    { class: "live-guesses", role: "group", "aria-label": "Your guess" },
    ...data.classes.map((/** @type {string} */ name, /** @type {number} */ k) =>
      make("button", { type: "button", onclick: () => guess(k) }, name),
    ),
  );
  const lookButton = make("button", { type: "button", onclick: () => showWindow() }, "Look here");
  const nextButton = make("button", { type: "button", onclick: () => begun(round + 1) }, "Next scene");
  const results = make("div", { class: "live-row" });

  /** @param {number} cx @param {number} cy */
  function frameTo(cx, cy) {
    const reach = 1 - size;
    location = [size, Math.min(reach, Math.max(-reach, cx)), Math.min(reach, Math.max(-reach, cy))];
    const px = (/** @type {number} */ v) => `${((v + 1) / 2) * SHOWN}px`;
    frame.style.left = px(location[1] - size);
    frame.style.top = px(location[2] - size);
    frame.style.width = frame.style.height = `${size * SHOWN}px`;
  }
  /** How the window stands to the garment, and what windows of this size do on all pictures. */
  function answer() {
    const row = data.trade.reduce((/** @type {any} */ best, /** @type {any} */ one) =>
      Math.abs(one.scale - size) < Math.abs(best.scale - size) ? one : best,
    );
    trade.textContent = `A window of this size brings ${row.rows.toFixed(0)} rows of pixels onto the garment, and holds less than half of it in ${Math.round(100 * row.missed)} % of the pictures, at the places that the network likes.`;
    if (stage >= 3) return preview();
    return null;
  }
  /** What the network makes of the first glimpse and this window. */
  function preview() {
    const first = look(x, WHOLE, []);
    const then = look(x, location, first.memory);
    paint(second, then.seen, data.sides[0], 3);
    score.show(softmax(then.logits));
    return then.logits;
  }
  /** @param {number} at */
  function begun(at) {
    [round, stage] = [at % rounds.length, 1];
    x = scene(rounds[round]);
    paint(canvas, glimpse(x, SIDE, WHOLE, data.sides[0]), data.sides[0], 3);
    canvas.setAttribute("aria-label", "the first glimpse, 16 pixels wide");
    widest.label.hidden = trade.hidden = played === 0; // they belong to the answer
    frame.hidden = lookButton.hidden = nextButton.hidden = secondBox.hidden = score.table.hidden = true;
    guesses.hidden = false;
    results.replaceChildren();
    say(`Scene ${round + 1}. This is all that the first glimpse sees. What is the garment? Guess.`);
    answer();
  }
  let firstGuess = 0;
  /** @param {number} k */
  function guess(k) {
    if (stage === 1) {
      [firstGuess, stage] = [k, 2];
      guesses.hidden = true;
      frame.hidden = lookButton.hidden = false;
      frameTo(0, 0);
      say(`You said ${data.classes[k]}. Now put one window where you would look, and look.`);
    } else if (stage === 3) finish(k);
  }
  function showWindow() {
    stage = 3;
    lookButton.hidden = true;
    secondBox.hidden = false;
    guesses.hidden = false;
    preview();
    say("That is what is there. Guess again.");
  }
  /** @param {number} k */
  function finish(k) {
    stage = 4;
    const label = data.labels[rounds[round]];
    const own = play(x, null);
    const dealt = play(x, data.dealt[rounds[round]]);
    const said = [k, highest(own[own.length - 1].logits), highest(dealt[dealt.length - 1].logits), highest(once(x))];
    said.forEach((one, player) => (wins[player] += Number(one === label)));
    played++;
    body.replaceChildren(
      ...PLAYERS.map((name, player) =>
        make(
          "tr",
          {},
          make("th", { scope: "row" }, name),
          make("td", {}, `${wins[player]} of ${played}`),
          make("td", {}, `said ${data.classes[said[player]]}`),
        ),
      ),
    );
    let held = 0;
    let sum = 0;
    for (let at = 0; at < pixels; at++)
      if (onGarment(rounds[round], at)) {
        sum++;
        const [px, py] = [(2 * (at % SIDE)) / (SIDE - 1) - 1, (2 * Math.floor(at / SIDE)) / (SIDE - 1) - 1];
        held += Number(Math.abs(px - location[1]) <= location[0] && Math.abs(py - location[2]) <= location[0]);
      }
    paint(canvas, x, SIDE, 3);
    canvas.setAttribute("aria-label", `the whole scene: ${data.classes[label]}`);
    guesses.hidden = true;
    nextButton.hidden = score.table.hidden = widest.label.hidden = trade.hidden = false;
    preview();
    results.replaceChildren(
      ...own.map(({ seen, location: [scale] }, t) => {
        const small = picture(`glimpse ${t + 1} of the network`);
        paint(small, seen, data.sides[0], 3);
        return make(
          "figure",
          {},
          small,
          make(
            "figcaption",
            {},
            t ? `the network's glimpse ${t + 1}, ${Math.round(100 * scale)} % of the side` : "glimpse 1",
          ),
        );
      }),
    );
    say(
      `It is: ${data.classes[label]}. You said ${data.classes[firstGuess]}, then ${data.classes[k]}; your window held ` +
        `${Math.round((100 * held) / sum)} % of it. Right so far: ${PLAYERS.map((name, p) => `${name} ${wins[p]}`).join(", ")}, of ${played}.`,
    );
  }

  const drag = (/** @type {PointerEvent} */ event) => {
    const box = stageBox.getBoundingClientRect();
    frameTo(((event.clientX - box.left) / box.width) * 2 - 1, ((event.clientY - box.top) / box.height) * 2 - 1);
    answer();
  };
  stageBox.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (stage < 2) return;
    stageBox.setPointerCapture(event.pointerId);
    drag(event);
  });
  stageBox.addEventListener(
    "pointermove",
    (/** @type {PointerEvent} */ event) => stageBox.hasPointerCapture(event.pointerId) && drag(event),
  );
  frame.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowUp: [0, -0.1], ArrowDown: [0, 0.1], ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    frameTo(location[1] + step[0], location[2] + step[1]);
    answer();
    say(
      `Window at ${Math.round(50 * (location[1] + 1))} % from the left, ${Math.round(50 * (location[2] + 1))} % from the top.`,
    );
  });
  root.replaceChildren(
    place,
    make("div", { class: "live-row" }, stageBox, secondBox, score.table),
    lookButton,
    guesses,
    nextButton,
    board,
    results,
    make("div", { class: "live-sliders" }, widest.label),
    trade,
  );
  begun(0);
  return { answer, play, once, scene, move: frameTo, preview };
}
