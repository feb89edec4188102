// Draws on the page as a mouse does, and reads the bars.
const canvas = document.querySelector("canvas");
const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

const point = (name, x, y) => {
  const box = canvas.getBoundingClientRect();
  canvas.dispatchEvent(new PointerEvent(name, { bubbles: true, cancelable: true, button: 0, pointerId: 1,
    clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
};

const stroke = (points) => {
  point("pointerdown", ...points[0]);
  points.slice(1).forEach(([x, y]) => point("pointermove", x, y));
  point("pointerup", ...points[points.length - 1]);
};

// What the bars say, once everything that was drawn is answered.
const settled = async () => {
  for (let tries = 0; tries < 60; tries += 1) {
    await pause();
    if (document.querySelector(".bars").getAttribute("aria-busy") === "false") break;
  }
  return [...document.querySelectorAll(".bars li")].map((item) => [item.querySelector(".name").textContent, item.querySelector(".share").textContent]);
};

const use = async () => {
  const empty = text(".answer");
  stroke([[0.3, 0.2], [0.7, 0.2], [0.45, 0.8]]);
  const bars = await settled();
  const image = canvas.toDataURL("image/png");
  const answer = text(".answer");
  const isCentred = document.querySelector("input[type=checkbox]")?.checked ?? false;
  const lengths = [...document.querySelectorAll(".track i")].map((bar) => bar.getBoundingClientRect().width / bar.parentElement.clientWidth);
  const found = {
    problems, empty, answer, bars, image, isCentred, lengths,
    title: document.title,
    unnamed: document.querySelectorAll("canvas:not([aria-label])").length,
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    width: innerWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    pale: pale(),
  };
  document.querySelector("button").click();
  return { ...found, cleared: text(".answer") };
};
