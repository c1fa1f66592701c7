// What the demonstrations share: elements, small pictures, bars, sliders, and dragging by mouse, finger and keyboard.

/** Make an element. @param {string} tag @param {Record<string, any>} [about] attributes; on... are listeners
 * @param {...(Node | string)} inside @returns {any} */
export function make(tag, about = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...inside);
  return made;
}

/** Draw values in [0, 1], C of 1 or 3 channels, rows by columns, into a canvas a pixel each.
 * @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} values @param {number} side @param {number} channels */
export function paint(canvas, values, side, channels = 1) {
  canvas.width = canvas.height = side;
  const image = new ImageData(side, side);
  const count = side * side;
  for (let at = 0; at < count; at++) {
    for (let c = 0; c < 3; c++)
      image.data[4 * at + c] = Math.round(255 * values[at + (channels === 3 ? c * count : 0)]);
    image.data[4 * at + 3] = 255;
  }
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(image, 0, 0);
}

/** Draw values that may be negative: orange above zero, blue below, white at it.
 * @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} values @param {number} side @param {number} most */
export function paintSigned(canvas, values, side, most) {
  const colours = new Float32Array(3 * side * side);
  const [above, below] = [
    [0.835, 0.369, 0],
    [0, 0.447, 0.698],
  ];
  for (let at = 0; at < side * side; at++) {
    const share = Math.min(1, Math.abs(values[at]) / (most || 1));
    for (let c = 0; c < 3; c++) colours[c * side * side + at] = 1 - share * (1 - (values[at] > 0 ? above : below)[c]);
  }
  paint(canvas, colours, side, 3);
}

/** A canvas that says what is on it. @param {string} label @param {string} [kind] its class */
export const picture = (label, kind = "") =>
  make("canvas", { role: "img", "aria-label": label, class: `live-picture ${kind}` });

/** Bars of class scores, a row a class; `show` takes probabilities. @param {string} title @param {string[]} classes */
export function bars(title, classes) {
  const rows = classes.map((name) => {
    const bar = make("span", { class: "live-bar" });
    const value = make("td", { class: "live-number" });
    return { bar, value, row: make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, bar), value) };
  });
  const table = make(
    "table",
    { class: "live-bars" },
    make("caption", {}, title),
    make("tbody", {}, ...rows.map((r) => r.row)),
  );
  /** @param {ArrayLike<number>} shares */
  const show = (shares) => {
    const best = highest(shares);
    rows.forEach(({ bar, value, row }, k) => {
      bar.style.width = `${Math.max(1, 100 * shares[k])}%`;
      value.textContent = `${Math.round(100 * shares[k])} %`;
      row.classList.toggle("live-best", k === best);
    });
  };
  return { table, show };
}

/** A slider with its name and value. @param {string} name @param {[number, number, number, number]} range least, most,
 * step, start @param {(value: number) => void} changed @param {(value: number) => string} [words] of a value */
export function slider(name, [least, most, step, start], changed, words = String) {
  const output = make("output", {}, words(start));
  const input = make("input", {
    type: "range",
    min: least,
    max: most,
    step,
    value: start,
    "aria-valuetext": words(start),
  });
  const set = (/** @type {number} */ value) => {
    input.value = String(value);
    output.textContent = words(value);
    input.setAttribute("aria-valuetext", words(value));
  };
  input.addEventListener("input", () => {
    set(Number(input.value));
    changed(Number(input.value));
  });
  return { label: make("label", { class: "live-slider" }, make("span", {}, name), input, output), set };
}

/** One of several, as radio buttons. @param {string} title @param {string[]} names @param {number} chosen
 * @param {(place: number) => void} changed */
export function choice(title, names, chosen, changed) {
  const group = `live-${title.replace(/\W+/g, "-")}-${choice.count++}`;
  const inputs = names.map((_, place) =>
    make("input", { type: "radio", name: group, checked: place === chosen, onchange: () => changed(place) }),
  );
  const labels = names.map((name, place) => make("label", {}, inputs[place], ` ${name}`));
  /** @param {number} place */
  const set = (place) => {
    inputs[place].checked = true;
  };
  return { field: make("fieldset", { class: "live-choice" }, make("legend", {}, title), ...labels), set };
}
choice.count = 0;

/** Let an element be dragged onto others, by mouse or finger; a press without a drag stays a click.
 * @param {any} element @param {string} targets selector of where it may be dropped
 * @param {(target: any) => void} dropped */
export function draggable(element, targets, dropped) {
  let from = /** @type {[number, number] | null} */ (null);
  let ghost = /** @type {HTMLElement | null} */ (null);
  let dragged = false;
  const under = (/** @type {PointerEvent} */ event) =>
    document
      .elementsFromPoint(event.clientX, event.clientY)
      .map((one) => one.closest(targets))
      .find((one) => one && one !== element);
  const end = () => {
    ghost?.remove();
    for (const one of document.querySelectorAll(".live-over")) one.classList.remove("live-over");
    from = ghost = null;
  };
  element.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    from = [event.clientX, event.clientY];
    dragged = false;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (!from) return;
    if (!ghost && Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 6) {
      const canvas = element.querySelector("canvas");
      ghost = make("div", { class: "live-ghost", "aria-hidden": "true" });
      const copy = make("canvas", { width: canvas.width, height: canvas.height });
      copy.getContext("2d").drawImage(canvas, 0, 0);
      ghost?.append(copy);
      if (ghost) document.body.append(ghost);
    }
    if (!ghost) return;
    ghost.style.left = `${event.clientX}px`;
    ghost.style.top = `${event.clientY}px`;
    for (const one of document.querySelectorAll(".live-over")) one.classList.remove("live-over");
    under(event)?.classList.add("live-over");
  });
  element.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
    const target = ghost && under(event);
    dragged = ghost !== null;
    end();
    if (target) dropped(target);
  });
  element.addEventListener("pointercancel", end);
  element.addEventListener("click", (/** @type {Event} */ event) => dragged && event.stopImmediatePropagation(), true);
}

/** Say something to those who cannot see: a place that is read aloud when it changes. */
export function voice() {
  const place = make("p", { class: "live-voice", "aria-live": "polite", role: "status" });
  return {
    place,
    say: (/** @type {string} */ words) => place.replaceChildren(words),
  };
}

/** @param {ArrayLike<number>} values */
export function highest(values) {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k] > values[best]) best = k;
  return best;
}

/** Logits to probabilities. @param {ArrayLike<number>} logits */
export function softmax(logits) {
  const most = Math.max(...Array.from(logits));
  const powers = Array.from(logits, (x) => Math.exp(x - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / sum);
}

/** Random numbers in [0, 1) that are the same every time (mulberry32). @param {number} seed */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
