// Curves: drawn anew for the width there is, with a readout for pointer and keys, and their numbers as a table.

const DASHES = { s1: null, s2: "7 3", s3: "2 3", s4: "9 3 2 3", s5: "12 4", s6: "4 2", s0: null };

// Round numbers from `low` to `high`, about `count` of them.
function ticks(low, high, count, whole) {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  let step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
  if (whole) step = Math.max(1, Math.round(step));
  const first = Math.ceil(low / step - 1e-9);
  const found = [];
  for (let i = first; i * step <= high + step * 1e-9; i += 1) found.push(i * step);
  return found;
}

function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
  return [low, high];
}

// { title, x: { label, format, whole }, y: { label, format, from }, series: [{ name, style, points: [[x, y]], best, thin }] }
function chart(spec) {
  const series = spec.series.map((one) => ({ ...one, points: one.points.filter(([x, y]) => isNumber(x) && isNumber(y)) }))
    .filter((one) => one.points.length > 0);
  if (series.length === 0) return null;
  const isDashed = series.filter((one) => !one.thin).length > 1;
  for (const one of series) one.dashes = isDashed && !one.thin ? DASHES[one.style] : null;
  const all = series.flatMap((one) => one.points);
  let [left, right] = extent(all.map(([x]) => x));
  let [low, high] = extent(all.map(([, y]) => y));
  if (isNumber(spec.y.from)) low = Math.min(low, spec.y.from);
  if (left === right) { left -= 0.5; right += 0.5; }
  if (low === high) { const room = Math.abs(high) || 1; low -= room * 0.1; high += room * 0.1; }
  const scale = { left, right, low, high: high + (high - low) * 0.04 };

  const readout = element("output", { class: "readout", "aria-live": "polite" });
  const svg = graphic("svg", { role: "img", tabindex: 0, "aria-label": summary(spec, series) });
  const figure = element("figure", { class: "chart" }, element("h4", {}, spec.title), legend(series), svg, readout,
    numbers(spec, series));
  let width = 0;
  const draw = (available) => {
    if (available <= 0 || Math.abs(available - width) < 1) return;
    width = available;
    plot(svg, width, spec, series, scale);
  };
  drawings.push([figure, draw]);
  listen(svg, spec, series, scale, readout, () => width);
  return figure;
}

function summary(spec, series) {
  const of = (one) => {
    const [, first] = one.points[0];
    const [, last] = one.points[one.points.length - 1];
    return `${one.name} from ${spec.y.format(first)} to ${spec.y.format(last)}`;
  };
  return `${spec.title}: ${series.map(of).join("; ")}`;
}

function legend(series) {
  const mark = (one) => graphic("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" },
    graphic("line", { x1: 0, y1: 5, x2: 26, y2: 5, class: `curve ${one.style}`, "stroke-dasharray": one.dashes }));
  return element("ul", { class: "legend" }, series.map((one) => element("li", {}, mark(one), one.name)));
}

function numbers(spec, series) {
  const xs = [...new Set(series.flatMap((one) => one.points.map(([x]) => x)))].sort((a, b) => a - b);
  if (xs.length > 400) return null;
  const maps = series.map((one) => new Map(one.points));
  const rows = xs.map((x) => [spec.x.format(x), ...maps.map((map) => (map.has(x) ? spec.y.format(map.get(x)) : ""))]);
  const columns = series.map((_, i) => i + 1);
  return element("details", {}, element("summary", {}, "Numbers"),
    table(spec.title, [spec.x.label, ...series.map((one) => one.name)], rows, columns));
}

const MARGIN = { top: 8, right: 10, bottom: 34, left: 52 };
const HEIGHT = 230;

function place(scale, width) {
  const across = width - MARGIN.left - MARGIN.right;
  const up = HEIGHT - MARGIN.top - MARGIN.bottom;
  return {
    x: (x) => MARGIN.left + ((x - scale.left) / (scale.right - scale.left)) * across,
    y: (y) => MARGIN.top + (1 - (y - scale.low) / (scale.high - scale.low)) * up,
  };
}

function plot(svg, width, spec, series, scale) {
  const { x, y } = place(scale, width);
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const bottom = HEIGHT - MARGIN.bottom;
  const marks = [];
  for (const tick of ticks(scale.low, scale.high, 4, false)) {
    marks.push(graphic("line", { class: "axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(tick), y2: y(tick) }),
      graphic("text", { x: MARGIN.left - 6, y: y(tick) + 4, "text-anchor": "end" }, (spec.y.tick ?? short)(tick)));
  }
  for (const tick of ticks(scale.left, scale.right, Math.max(2, Math.floor(width / 90)), spec.x.whole)) {
    marks.push(graphic("line", { class: "axis", x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 4 }),
      graphic("text", { x: x(tick), y: bottom + 16, "text-anchor": "middle" }, spec.x.format(tick)));
  }
  marks.push(graphic("text", { x: (MARGIN.left + width - MARGIN.right) / 2, y: HEIGHT - 3, "text-anchor": "middle" }, spec.x.label));
  for (const one of series) marks.push(...curve(one, x, y, spec));
  marks.push(graphic("line", { class: "rule", y1: MARGIN.top, y2: bottom, visibility: "hidden" }));
  svg.replaceChildren(...marks);
}

function curve(one, x, y, spec) {
  const path = one.points.map(([px, py], i) => `${i === 0 ? "M" : "L"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join("");
  const kind = `${one.style}${one.thin ? " thin" : ""}`;
  const marks = one.dots ? [] : [graphic("path", { class: `curve ${kind}`, d: path, "stroke-dasharray": one.dashes })];
  if (!one.thin && !one.plain && one.points.length <= 120 || one.dots) {
    for (const [px, py] of one.points) {
      const isBest = one.best === px;
      const text = `${one.name}, ${spec.x.label} ${spec.x.format(px)}: ${spec.y.format(py)}${isBest ? " (best)" : ""}`;
      const circle = { class: `${one.style}${isBest ? " best" : ""}`, cx: x(px).toFixed(1), cy: y(py).toFixed(1), r: isBest ? 5.5 : 2.6 };
      marks.push(graphic("circle", circle, graphic("title", {}, text)));
    }
  }
  return marks;
}

// Shows the numbers at the place of the pointer, or where the arrow keys have led.
function listen(svg, spec, series, scale, readout, width) {
  const xs = [...new Set(series.filter((one) => !one.thin).flatMap((one) => one.points.map(([x]) => x)))].sort((a, b) => a - b);
  if (xs.length === 0) return;
  let at = -1;
  const show = (index) => {
    at = Math.min(Math.max(index, 0), xs.length - 1);
    const px = place(scale, width()).x(xs[at]);
    const rule = svg.querySelector(".rule");
    for (const [name, value] of [["x1", px], ["x2", px], ["visibility", "visible"]]) rule.setAttribute(name, value);
    const of = (one) => {
      const found = one.points.find(([x]) => x === xs[at]);
      return found ? `${one.name} ${spec.y.format(found[1])}` : null;
    };
    const texts = series.map(of).filter((text) => text !== null);
    readout.textContent = `${spec.x.label} ${spec.x.format(xs[at])}: ${texts.join(", ")}`;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const wanted = ((event.clientX - box.left) / box.width) * width();
    const { x } = place(scale, width());
    let nearest = 0;
    xs.forEach((value, i) => { if (Math.abs(x(value) - wanted) < Math.abs(x(xs[nearest]) - wanted)) nearest = i; });
    if (nearest !== at) show(nearest);
  });
  svg.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1, Home: -xs.length, End: xs.length }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    show(at < 0 && move > 0 ? (event.key === "End" ? xs.length - 1 : 0) : at + move);
  });
}
