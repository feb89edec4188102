// Uses the report as a reader does.
const use = () => {
  const inputs = [...document.querySelectorAll(".buffer")].find((buffer) => buffer.dataset.buffer === "inputs");
  inputs?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  const told = text(".told");
  const chart = document.querySelector('.chart svg[role="img"]');
  chart?.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
  const readout = text(".readout");
  document.querySelector(".arena svg")?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  const figures = Object.fromEntries([...document.querySelectorAll("[data-figure] dd")].map((dd) => [dd.parentElement.dataset.figure, dd.firstChild.textContent]));
  const images = [...document.images];
  return {
    problems, told, readout, figures,
    title: document.title,
    next: text(".told"),
    confusion: [...document.querySelectorAll(".confusion tbody tr")].map((row) => [...row.querySelectorAll("td")].map((cell) => Number(cell.textContent.replace("·", "0")))),
    mistakes: document.querySelectorAll(".example").length,
    unnamed: images.filter((image) => !image.alt || image.naturalWidth === 0).length + document.querySelectorAll('svg[role="img"]:not([aria-label])').length,
    units: document.querySelectorAll(".units img").length,
    columns: document.querySelector("#side-by-side table")?.querySelectorAll("thead th").length ?? 0,
    articles: document.querySelectorAll("article").length,
    headings: [...document.querySelectorAll("h1")].map((heading) => heading.textContent),
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    width: innerWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    pale: pale(),
  };
};
