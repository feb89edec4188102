// A canvas to draw on, and the probabilities of what it shows. Drawings are sent while they are drawn, one at a time: the next
// one once the answer to the last is there.

const model = JSON.parse(document.getElementById("model").textContent);
const MOST_BARS = 10;
const SCALE = Math.max(1, Math.floor(336 / Math.max(model.width, model.height)));

const canvas = element("canvas", { width: model.width * SCALE, height: model.height * SCALE, tabindex: "0", role: "img",
  "aria-label": "Draw here with a mouse, a pen or a finger; or choose an image file below" });
const pen = canvas.getContext("2d");
const answer = element("p", { class: "answer", role: "status" }, "Draw something.");
const list = element("ol", { class: "bars", "aria-label": "Probabilities" });
const clear = element("button", { type: "button" }, "Clear");
const file = element("input", { type: "file", accept: "image/*" });
const colour = element("input", { type: "color", value: "#ffffff" });
const centre = element("input", { type: "checkbox" });
centre.checked = model.is_centred;

let last = null; // where the pen is, while it draws
let round = 0; // counts clearings, after which older answers say nothing
let isEmpty = true;
let isAsking = false;
let isStale = false;

function blank() {
  round += 1;
  isEmpty = true;
  pen.fillStyle = "#000000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  say("Draw something.");
  bars(null);
}

function say(text, isWrong) {
  answer.textContent = text;
  answer.classList.toggle("wrong", Boolean(isWrong));
}

function bars(probabilities) {
  const order = model.classes.map((_, i) => i);
  if (order.length > MOST_BARS && probabilities) order.sort((a, b) => probabilities[b] - probabilities[a]);
  const most = probabilities ? Math.max(...probabilities) : null;
  list.replaceChildren(...order.slice(0, MOST_BARS).map((i) => {
    const share = probabilities ? probabilities[i] : null;
    const fillBar = element("i");
    fillBar.style.width = `${100 * (share ?? 0)}%`;
    return element("li", { class: share !== null && share === most ? "first" : null },
      element("span", { class: "name", title: model.classes[i] }, model.classes[i]), element("span", { class: "track" }, fillBar),
      element("span", { class: "share" }, share === null ? "–" : percent(share)));
  }));
}

async function predict(image, type) {
  const response = await fetch(centre.checked ? "predict?centre" : "predict", { method: "POST", headers: { "Content-Type": type }, body: image });
  const found = await response.json();
  if (!response.ok) throw new Error(found.error);
  return found;
}

function show(found) {
  const [first] = found.predictions;
  say([`${first.name}, ${percent(first.probabilities[first.class])}`, ...found.remarks].join(". "));
  bars(first.probabilities);
}

async function ask() {
  isStale = true;
  if (isAsking) return;
  isAsking = true;
  list.setAttribute("aria-busy", "true");
  while (isStale && !isEmpty) {
    isStale = false;
    const asked = round;
    try {
      const image = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
      const found = await predict(image, "image/png");
      if (asked === round) show(found);
    } catch (error) {
      if (asked === round) say(`No answer: ${error.message}`, true);
    }
  }
  isAsking = false;
  list.setAttribute("aria-busy", "false");
}

async function look() {
  const [image] = file.files;
  if (!image) return;
  blank();
  const asked = round;
  try {
    const found = await predict(image, image.type || "application/octet-stream");
    if (asked === round) show(found);
  } catch (error) {
    if (asked === round) say(`No answer: ${error.message}`, true);
  }
}

const place = (event) => {
  const box = canvas.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
};

function draw(event) {
  if (!last) return;
  const here = place(event);
  pen.strokeStyle = colour.value;
  pen.lineWidth = canvas.width / 12;
  pen.lineCap = "round";
  pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(...last);
  pen.lineTo(...here);
  pen.stroke();
  last = here;
  isEmpty = false;
  ask();
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  event.preventDefault();
  if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
  last = place(event);
  draw(event);
});
canvas.addEventListener("pointermove", draw);
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
clear.addEventListener("click", () => { file.value = ""; blank(); });
file.addEventListener("change", look);
centre.addEventListener("change", () => (isEmpty ? look() : ask()));

document.title = `${model.dataset} – plangrad serve`;
document.getElementById("page").replaceChildren(
  element("h1", {}, "Draw, and watch the probabilities"),
  element("p", { class: "quiet" }, `${model.layers}, trained on ${model.dataset}; reads ${model.width} × ${model.height} pixels.`),
  element("div", { class: "columns" },
    element("div", { class: "drawing" }, canvas,
      element("div", { class: "tools" }, clear,
        model.is_coloured ? element("label", {}, "Colour", colour) : element("label", {}, centre, "Place it as MNIST’s digits are"))),
    element("div", { class: "found" }, answer, list),
    element("div", { class: "files" }, element("label", {}, "Or an image file:", file))));
blank();
