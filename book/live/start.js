// What every page with a demonstration loads: it shows the buttons, and loads the rest on a press.
// A plain script, not a module: browsers load no modules from a disk.
(() => {
  const here = new URL(".", /** @type {HTMLScriptElement} */ (document.currentScript).src);
  /** @type {any} */
  const live = {};
  /** @type {any} */ (window).c2fLive = live;
  live.data = {};
  live.demos = {};
  /** @type {Record<string, Promise<void>>} */
  const loaded = {};
  const load = (/** @type {string} */ name) =>
    (loaded[name] ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = new URL(name, here).href;
      script.onload = () => done();
      script.onerror = () => failed(new Error(`${name} could not be loaded`));
      document.head.append(script);
    }));
  live.start = async (/** @type {HTMLElement} */ place) => {
    const name = /** @type {string} */ (place.dataset.live);
    const button = /** @type {HTMLButtonElement} */ (place.querySelector(".live-start"));
    const stage = /** @type {HTMLElement} */ (place.querySelector(".live-stage"));
    button.disabled = true;
    stage.textContent = "Loading …";
    try {
      for (const file of (place.dataset.needs ?? "").split(" ")) await load(file);
      stage.replaceChildren();
      live[name] = await live.demos[name](stage, live.data);
      button.hidden = true;
    } catch (error) {
      stage.textContent = `This cannot run here: ${error instanceof Error ? error.message : error}. The figure in the folded answer says the same.`;
      button.disabled = false;
    }
  };
  const show = () => {
    for (const button of document.querySelectorAll(".live-start")) {
      /** @type {HTMLButtonElement} */ (button).hidden = false;
      button.addEventListener("click", () => live.start(/** @type {HTMLElement} */ (button.closest(".live"))));
    }
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", show);
  else show();
})();
