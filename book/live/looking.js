// Where would you look? The reader, the network, a window dealt from another picture, and a single pass of equal cost.
import { engine, network, unpacked } from "./engine.js";
import { bars, choice, dice, highest, make, paint, picture, slider, softmax, voice } from "./parts.js";
import { glimpse } from "./pictures.js";

const SHOWN = 256; // pixels of the page that a picture is wide
const WHOLE = [1, 0, 0];
const PLAYERS = ["you", "the network", "its windows of another picture", "one pass of equal cost"];

/** Players of one kind of pictures as functions. @param {any} tf @param {any} kind */
export function players(tf, kind) {
  const [first, later] = kind.glimpses.plans.map((/** @type {any} */ plan) => network(tf, plan, kind.glimpses.weights));
  const single = kind.single && network(tf, kind.single.plan, kind.single.weights);
  const [side, passSide] = kind.sides;
  /** Look at one place more. @param {Float32Array} x @param {number[]} location @param {any[]} memory keys and values */
  const look = (x, location, memory) => {
    const seen = glimpse(x, kind.side, location, side);
    const [logits, after, ...kept] = (memory.length ? later : first)(
      { values: seen, shape: [1, kind.channels, side, side] },
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
      for (let t = 1; t < kind.looks; t++) {
        const location = places ? places[t] : step.next;
        step = look(x, location, step.memory);
        all.push({ ...step, location });
      }
      return all;
    },
    /** The logits of the single pass, where its weights ship. @param {Float32Array} x */
    once(x) {
      if (!single) return null;
      const seen = glimpse(x, kind.side, WHOLE, passSide);
      return single(
        { values: seen, shape: [1, kind.channels, passSide, passSide] },
        { values: Float32Array.from(WHOLE), shape: [1, 3] },
      )[0].values;
    },
  };
}

/** A game on one kind of pictures: who plays, the pictures, and how it stands. @param {any} tf @param {any} kind */
async function opened(tf, kind) {
  const [all, masks] = await Promise.all([unpacked(kind.pictures), unpacked(kind.masks)]);
  const { side } = kind;
  const [pixels, values] = [side * side, kind.channels * side * side];
  const deal = dice(7);
  return {
    ...kind,
    ...players(tf, kind),
    rounds: Array.from(kind.labels.keys()).sort(() => deal() - 0.5),
    round: 0,
    played: 0,
    players: PLAYERS.slice(0, kind.single ? 4 : 3),
    wins: PLAYERS.map(() => 0),
    picture: (/** @type {number} */ k) => Float32Array.from(all.subarray(values * k, values * (k + 1)), (v) => v / 255),
    /** The share of a picture's garment that a window holds. @param {number} k @param {number[]} location */
    held(k, [scale, cx, cy]) {
      let [sum, inside] = [0, 0];
      for (let at = 0; at < pixels; at++)
        if (masks[k * pixels + at]) {
          const [px, py] = [at % side, Math.floor(at / side)].map((v) => (2 * v) / (side - 1) - 1);
          sum++;
          inside += Number(Math.abs(px - cx) <= scale && Math.abs(py - cy) <= scale);
        }
      return inside / sum;
    },
  };
}

/** @param {HTMLElement} root @param {any} data */
export async function begin(root, data) {
  const tf = await engine();
  const games = await Promise.all(data.kinds.map((/** @type {any} */ kind) => opened(tf, kind)));
  let game = games[0];
  let [stage, size] = [0, game.scales[1]];
  let location = [size, 0, 0];
  let x = game.picture(0);

  const canvas = picture("the first glimpse");
  const frame = make("div", {
    class: "live-window",
    tabindex: "0",
    role: "application",
    "aria-label": "Your window: drag it, or move it with the arrow keys",
  });
  const stageBox = make("div", { class: "live-scene" }, canvas, frame);
  const second = picture("the window that you chose");
  const secondBox = make("figure", {}, second, make("figcaption", {}, "your window"));
  const { place, say } = voice();
  const score = bars("What the network says of your two looks", data.classes);
  const body = make("tbody");
  const board = make("table", { class: "live-board" }, make("caption", {}, "Right so far"), body);
  const trade = make("p", { class: "live-trade" });
  const widest = slider(
    "largest window",
    [game.scales[0], game.scales[1], 0.05, size],
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
  const nextButton = make("button", { type: "button", onclick: () => begun(game.round + 1) }, "Next picture");
  const results = make("div", { class: "live-row" });
  const kinds = choice(
    "Pictures",
    games.map((one) => one.title),
    0,
    (which) => {
      game = games[which];
      begun(game.round);
    },
  );

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
    const row = game.trade.reduce((/** @type {any} */ best, /** @type {any} */ one) =>
      Math.abs(one.scale - size) < Math.abs(best.scale - size) ? one : best,
    );
    trade.textContent = `A window of this size brings ${row.rows.toFixed(0)} rows of pixels onto the garment, and holds less than half of it in ${Math.round(100 * row.missed)} % of the pictures, at the places that the network likes.`;
    if (stage >= 3) preview();
  }
  /** What the network makes of the first glimpse and this window. */
  function preview() {
    const first = game.look(x, WHOLE, []);
    const then = game.look(x, location, first.memory);
    paint(second, then.seen, game.sides[0], game.channels);
    score.show(softmax(then.logits));
  }
  /** @param {number} at */
  function begun(at) {
    [game.round, stage] = [at % game.rounds.length, 1];
    x = game.picture(game.rounds[game.round]);
    const [side] = game.sides;
    paint(canvas, glimpse(x, game.side, WHOLE, side), side, game.channels);
    canvas.setAttribute("aria-label", `the first glimpse, ${side} pixels wide`);
    widest.label.hidden = trade.hidden = board.hidden = game.played === 0; // they belong to the answer
    showBoard(null);
    frame.hidden = lookButton.hidden = nextButton.hidden = secondBox.hidden = score.table.hidden = true;
    guesses.hidden = false;
    results.replaceChildren();
    say(`Picture ${game.round + 1}. This is all that the first glimpse sees. What is the garment? Guess.`);
    answer();
  }
  /** @param {number[] | null} said what each player said of this picture, if the round is over */
  function showBoard(said) {
    body.replaceChildren(
      ...game.players.map((/** @type {string} */ name, /** @type {number} */ player) =>
        make(
          "tr",
          {},
          make("th", { scope: "row" }, name),
          make("td", { class: "live-number" }, `${game.wins[player]} of ${game.played}`),
          make("td", {}, said ? `said ${data.classes[said[player]]}` : ""),
        ),
      ),
    );
    if (game.players.length < PLAYERS.length)
      body.append(
        make(
          "tr",
          {},
          make("th", { scope: "row" }, PLAYERS[3]),
          make("td", { colspan: 2 }, `does not play, its weights do not ship; its record: ${game.equal} %`),
        ),
      );
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
    const which = game.rounds[game.round];
    const label = game.labels[which];
    const own = game.play(x, null);
    const dealt = game.play(x, game.dealt[which]);
    const logits = [...[own, dealt].map((looks) => looks[looks.length - 1].logits), game.once(x)];
    const said = [k, ...logits.filter((one) => one !== null).map(highest)];
    said.forEach((one, player) => (game.wins[player] += Number(one === label)));
    game.played++;
    showBoard(said);
    paint(canvas, x, game.side, game.channels);
    canvas.setAttribute("aria-label", `the whole picture: ${data.classes[label]}`);
    guesses.hidden = true;
    nextButton.hidden = score.table.hidden = widest.label.hidden = trade.hidden = board.hidden = false;
    preview();
    results.replaceChildren(
      ...own.map((/** @type {any} */ { seen, location: [scale] }, /** @type {number} */ t) => {
        const small = picture(`glimpse ${t + 1} of the network`);
        paint(small, seen, game.sides[0], game.channels);
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
        `${Math.round(100 * game.held(which, location))} % of it. Right so far: ` +
        `${game.players.map((/** @type {string} */ name, /** @type {number} */ p) => `${name} ${game.wins[p]}`).join(", ")}, of ${game.played}.`,
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
    kinds.field,
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
  return { games };
}
