// The memory of a run: a bar by category, and the arena over the stages of a step, buffer by buffer.

const kind = (category) => `c-${category.replace(/ /g, "-")}`;
const LIGHT = ["gradients", "dataset", "optimizer state", "workspace"];
const isLight = (category) => LIGHT.includes(category);

function memory(run) {
  const { memory } = run;
  const epoch = run.history.epochs[run.history.epochs.length - 1];
  const planned = run.history.start?.planned_bytes;
  const parts = [];
  if (epoch) {
    parts.push(element("p", {}, `Planned ${grouped(epoch.planned_bytes)} bytes, measured ${grouped(epoch.measured_bytes)} by the ` +
      `device's ledger after the last epoch${isNumber(epoch.peak_resident_bytes) ? `; peak of the process ${size(epoch.peak_resident_bytes)}` : ""}.`));
  }
  if (!memory) return parts;
  if (isNumber(planned) && planned !== memory.total) {
    parts.push(element("p", {}, `The plans that this version makes come to ${grouped(memory.total)} bytes; the run planned ${grouped(planned)}.`));
  }
  const share = (bytes) => (memory.total > 0 ? bytes / memory.total : 0);
  const bar = element("div", { class: "bar", role: "img", "aria-label": memory.categories.map((one) => `${one.name} ${percent(share(one.bytes))}`).join(", ") });
  for (const one of memory.categories) {
    const piece = element("i", { class: kind(one.name), title: `${one.name}: ${grouped(one.bytes)} bytes` });
    piece.style.width = `${100 * share(one.bytes)}%`;
    bar.append(piece);
  }
  const name = (text) => [element("span", { class: `swatch ${kind(text)}` }), text];
  const rows = memory.categories.map((one) => [name(one.name), grouped(one.bytes), size(one.bytes), percent(share(one.bytes))]);
  rows.push(["total", grouped(memory.total), size(memory.total), ""]);
  parts.push(bar, table("Every byte of the session by what it is for", ["category", "bytes", "", "share"], rows, [1, 2, 3]));
  const formulas = memory.parts.map((part) => [part.name, part.category, part.formula, grouped(part.bytes)]);
  parts.push(element("details", {}, element("summary", {}, "The formula behind every figure"),
    table(null, ["buffer", "category", "formula", "bytes"], formulas, [3])));
  parts.push(element("h4", { class: "name" }, "The arena over a step"), arena(memory.timeline));
  return parts;
}

function arena(timeline) {
  const told = element("div", { class: "told", "aria-live": "polite" },
    element("p", { class: "hint" }, "Point at a buffer, or tap it, to see what it is; with the keyboard, the arrow keys go from one to the next."));
  const svg = graphic("svg", { tabindex: 0, role: "group", "aria-label": `The ${counted(timeline.buffers.length, "buffer")} of a step of ` +
    `${counted(timeline.stages.length, "stage")}; the arrow keys go from one to the next` });
  const shapes = [];
  let chosen = -1;
  const choose = (index) => {
    shapes[chosen]?.classList.remove("chosen");
    chosen = index;
    shapes[chosen].classList.add("chosen");
    tell(told, timeline, timeline.buffers[chosen]);
  };
  const scroll = element("div", { class: "scroll" }, svg);
  const holder = element("div", { class: "arena" }, scroll, told, buffers(timeline));
  let width = 0;
  const draw = (available) => {
    if (available <= 0 || Math.abs(available - width) < 1) return;
    width = available;
    layOut(svg, Math.max(available, 90 + 20 * timeline.stages.length), timeline, shapes, choose);
    if (chosen >= 0) shapes[chosen].classList.add("chosen");
  };
  drawings.push([holder, draw]);
  svg.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (move === undefined || timeline.buffers.length === 0) return;
    event.preventDefault();
    choose(chosen < 0 ? 0 : (chosen + move + timeline.buffers.length) % timeline.buffers.length);
  });
  return holder;
}

const SHELF = { left: 84, right: 6, transient: 260, persistent: 130 };

// Offsets grow upwards, stages from left to right. What persists and what does not have separate scales, since one may be
// hundreds of times the other.
function layOut(svg, width, timeline, shapes, choose) {
  const stage = (width - SHELF.left - SHELF.right) / timeline.stages.length;
  const marks = [];
  shapes.length = 0;
  const panel = (top, height, isPersistent, title, first, last) => {
    const y = (offset) => top + height * (1 - (offset - first) / Math.max(1, last - first));
    marks.push(graphic("text", { x: SHELF.left, y: top - 6 }, `${title}: ${size(last - first)}`),
      graphic("rect", { class: "field", x: SHELF.left, y: top, width: stage * timeline.stages.length, height }));
    for (const tick of byteTicks(first, last)) {
      marks.push(graphic("text", { x: SHELF.left - 8, y: y(tick) + 4, "text-anchor": "end" }, size(tick).replace("bytes", "B")));
    }
    timeline.buffers.forEach((buffer, index) => {
      if (buffer.is_persistent !== isPersistent) return;
      const [low, high] = [y(buffer.offset), y(buffer.offset + buffer.bytes)];
      const tall = Math.max(2, low - high);
      const area = { x: SHELF.left + stage * buffer.first_stage, y: low - tall, width: stage * (buffer.last_stage + 1 - buffer.first_stage), height: tall };
      const shape = graphic("rect", { ...area, class: `buffer ${kind(buffer.category)}`, "data-buffer": buffer.name },
        graphic("title", {}, `${buffer.name}: ${grouped(buffer.bytes)} bytes`));
      shape.addEventListener("pointerenter", () => choose(index));
      shape.addEventListener("click", () => choose(index));
      shapes[index] = shape;
      marks.push(shape);
      if (tall >= 13 && area.width > 8 * buffer.name.length) {
        marks.push(graphic("text", { class: isLight(buffer.category) ? "on-light" : "on-dark", x: area.x + area.width / 2,
          y: area.y + tall / 2 + 4, "text-anchor": "middle" }, buffer.name));
      }
    });
  };
  const [upper, lower] = [22, 22 + SHELF.transient + 34];
  panel(upper, SHELF.transient, false, "during a step", timeline.persistent_bytes, timeline.bytes);
  panel(lower, SHELF.persistent, true, "kept from step to step", 0, timeline.persistent_bytes);
  const bottom = lower + SHELF.persistent;
  const every = Math.max(1, Math.ceil(26 / stage));
  timeline.stages.forEach((kernels, i) => {
    if (i % every === 0) {
      marks.push(graphic("text", { x: SHELF.left + stage * (i + 0.5), y: bottom + 16, "text-anchor": "middle" }, `${i + 1}`,
        graphic("title", {}, kernels.join(", "))));
    }
  });
  marks.push(graphic("text", { x: SHELF.left - 8, y: bottom + 16, "text-anchor": "end" }, "stage"));
  const height = bottom + 24;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.width = `${width}px`;
  svg.style.height = `${height}px`;
  svg.replaceChildren(...marks);
}

// Round numbers of bytes: powers of two and their halves.
function byteTicks(first, last) {
  let step = 1;
  while ((last - first) / step > 5) step *= 2;
  const found = [];
  for (let tick = Math.ceil(first / step) * step; tick <= last; tick += step) found.push(tick);
  return found;
}

function life(buffer, timeline) {
  if (buffer.is_persistent) return "kept from step to step";
  const [first, last] = [buffer.first_stage + 1, Math.min(buffer.last_stage + 1, timeline.stages.length)];
  return first === last ? `stage ${first}` : `stages ${first} to ${last}`;
}

function tell(told, timeline, buffer) {
  const from = timeline.stages[buffer.first_stage] ?? [];
  told.replaceChildren(
    element("p", { class: "name" }, `${buffer.name} ${buffer.shape.join("×")}`),
    element("p", {}, element("span", { class: `swatch ${kind(buffer.category)}` }), `${buffer.category}: ${grouped(buffer.bytes)} bytes from byte ${grouped(buffer.offset)} on`),
    element("p", {}, `${buffer.formula} = ${grouped(buffer.bytes)} B`),
    element("p", {}, `${life(buffer, timeline)}${buffer.is_persistent || from.length === 0 ? "" : `; first in ${from.join(" | ")}`}`));
}

function buffers(timeline) {
  const rows = timeline.buffers.map((buffer) => [buffer.name, buffer.category, buffer.shape.join("×"), grouped(buffer.bytes),
    grouped(buffer.offset), life(buffer, timeline)]);
  return element("details", {}, element("summary", {}, "All buffers as a table"),
    table(null, ["buffer", "category", "shape", "bytes", "offset", "life"], rows, [3, 4]),
    table("Kernels of each stage", ["stage", "kernels"], timeline.stages.map((kernels, i) => [`${i + 1}`, kernels.join(" | ")])));
}
