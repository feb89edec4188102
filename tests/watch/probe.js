// Opens what can be opened, goes to a curve with the keyboard, waits for news, and looks at what has become of both.
const figure = (name) => document.querySelector(`[data-figure="${name}"] dd`)?.firstChild.textContent ?? null;
const chart = () => document.querySelector('.chart svg[role="img"]');

const until = async (holds) => {
  for (let tries = 0; tries < 400 && !holds(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 25));
};

const use = async () => {
  const before = figure("epochs");
  document.querySelector("#run1-curves details").open = true;
  chart().focus();
  await until(() => figure("epochs") === "EXPECTED");
  const opened = document.querySelector("#run1-curves details").open;
  const focused = document.activeElement === chart();
  chart().dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
  const images = [...document.images];
  return {
    problems, before, opened, focused, after: figure("epochs"), readout: text(".readout"), standing: text(".following"),
    title: document.title,
    unnamed: images.filter((image) => !image.alt || image.naturalWidth === 0).length + document.querySelectorAll('svg[role="img"]:not([aria-label])').length,
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    width: innerWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    pale: pale(),
  };
};
