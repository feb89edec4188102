"use strict";
// Elements and numbers. Whatever comes from a run becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

function element(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function graphic(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

// A table with headings; cells of columns named in `numbers` are set to the right.
function table(caption, headings, rows, numbers = []) {
  const kind = (column) => (numbers.includes(column) ? { class: "number" } : {});
  const head = headings.map((text, column) => element("th", { scope: "col", ...kind(column) }, text));
  const body = rows.map((cells) =>
    element("tr", {}, cells.map((cell, column) =>
      column === 0 ? element("th", { scope: "row", ...kind(0) }, cell) : element("td", kind(column), cell))));
  return element("div", { class: "scroll" },
    element("table", {}, caption ? element("caption", {}, caption) : null,
      headings.some((text) => text) ? element("thead", {}, element("tr", {}, head)) : null, element("tbody", {}, body)));
}

// What is drawn for the width it has: an element, and what draws it for a width.
const drawings = [];

function drawAll() {
  const widths = drawings.map(([holder]) => holder.clientWidth);
  drawings.forEach(([, draw], i) => draw(widths[i]));
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const grouped = (value) => (isNumber(value) ? Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",") : "–");
const percent = (share) => (isNumber(share) ? `${fixed(100 * share, 2)}\u00a0%` : "–");

// So many decimals, and of two that are equally near the even one, as the program prints it. A number is in the middle of
// two if it is an odd multiple of a power of two.
function fixed(value, decimals) {
  const halves = value * 2 ** (decimals + 1);
  if (!Number.isInteger(halves) || halves % 2 === 0) return value.toFixed(decimals);
  const below = Math.floor(value * 10 ** decimals);
  return ((below % 2 === 0 ? below : below + 1) / 10 ** decimals).toFixed(decimals);
}

// At most four decimals; very large and small numbers with an exponent.
function short(value) {
  if (!isNumber(value)) return "–";
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e9)) return value.toExponential(3);
  return fixed(value, 4).replace(/\.?0+$/, "");
}

const loss = (value) => (isNumber(value) ? fixed(value, 4) : "–");

function size(bytes) {
  if (!isNumber(bytes)) return "–";
  const units = ["KiB", "MiB", "GiB", "TiB"];
  if (bytes < 1024) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  let unit = 0;
  let value = bytes / 1024;
  while (value >= 1024 && unit + 1 < units.length) { value /= 1024; unit += 1; }
  return `${fixed(value, unit === 0 ? 1 : 2)} ${units[unit]}`;
}

function seconds(value) {
  if (!isNumber(value)) return "–";
  if (value < 0.01) return `${(1000 * value).toFixed(1)} ms`;
  if (value < 120) return `${value.toFixed(2)} s`;
  const minutes = Math.floor(value / 60);
  return minutes < 120 ? `${minutes} min ${Math.round(value % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const counted = (number, noun) => `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
