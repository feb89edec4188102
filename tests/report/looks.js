// Added to a copy of a page by the test, with what uses it as a reader does (`use`): writes down what that found.
"use strict";
const problems = [];
window.addEventListener("error", (event) => problems.push(`error: ${event.message}`));
document.addEventListener("securitypolicyviolation", (event) => problems.push(`blocked: ${event.blockedURI} ${event.violatedDirective}`));

const rgba = (text) => {
  const found = text.match(/rgba?\(([^)]+)\)/);
  const [red, green, blue, alpha = 1] = found ? found[1].split(/[ ,/]+/).map(Number) : [0, 0, 0, 0];
  return [red, green, blue, alpha];
};

// The colour behind an element: those of its ancestors laid over each other.
const ground = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
  const base = matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
  return layers.reverse().reduce((under, [red, green, blue, alpha]) => [red, green, blue].map((value, i) => alpha * value + (1 - alpha) * under[i]), base);
};

const luminance = (colour) => {
  const [red, green, blue] = colour.map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};

// Texts of HTML whose contrast is below what WCAG 2 asks for (4.5), and of charts, on the page's own ground.
const pale = () => {
  const found = [];
  const walker = document.createTreeWalker(document.getElementById("page"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest("title") || element.closest("svg text.on-dark, svg text.on-light")) continue;
    const style = getComputedStyle(element);
    const letters = rgba(element.closest("svg") ? style.fill : style.color).slice(0, 3);
    const ratio = contrast(letters, ground(element.closest("svg")?.parentElement ?? element));
    if (ratio < 4.5) found.push(`${node.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return found.slice(0, 5);
};

const text = (selector) => document.querySelector(selector)?.textContent ?? null;

const report = async () => {
  let found;
  try { found = await use(); } catch (error) { found = { problems: [...problems, String(error)] }; }
  const bytes = new TextEncoder().encode(JSON.stringify(found));
  const place = document.createElement("pre");
  place.id = "found";
  place.textContent = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  parent.document.body.append(place);
};
window.addEventListener("load", report);
