// Follows a run that goes on: what the server sends takes the place of what is shown, and what the reader has opened stays so.

// From what a section is made; the others follow from the logs and change with each message.
const BASIS = {
  Predictions: (run) => [run.examined, run.not_examined, run.is_best],
  "First layer": (run) => run.first_layer,
  Memory: (run) => [run.memory, run.history.rungs, run.history.epochs.length],
  "Settings, data, machine": (run) => [run.settings, run.data, run.history.start, run.history.rungs, run.history.sessions],
  "How to reproduce it": (run) => run.history.sessions,
};

const named = (root) => new Map([...root.querySelectorAll("section")].map((section) => [section.querySelector("h3").textContent, section]));

// Where something is: its section, and its number among those of its kind there.
function placeOf(node) {
  const section = node?.closest("section");
  return section ? `${section.id} ${node.tagName} ${[...section.querySelectorAll(node.tagName)].indexOf(node)}` : null;
}

// What the reader has opened, where the keyboard is, and what is read out under the curves.
function attention(root) {
  return {
    opened: new Set([...root.querySelectorAll("details[open]")].map(placeOf)),
    focused: placeOf(document.activeElement),
    told: new Map([...root.querySelectorAll(".readout")].map((node) => [placeOf(node), node.textContent])),
  };
}

function restore(root, { opened, focused, told }) {
  for (const node of root.querySelectorAll("details")) node.open = opened.has(placeOf(node));
  for (const node of root.querySelectorAll(".readout")) node.textContent = told.get(placeOf(node)) ?? "";
  if (focused === null || placeOf(document.activeElement) === focused) return;
  [...root.querySelectorAll("[tabindex], a, summary")].find((node) => placeOf(node) === focused)?.focus({ preventScroll: true });
}

function renew(run, shownBasis) {
  const page = document.getElementById("page");
  const shown = page.querySelector("article");
  const fresh = article(run, 1, "h1");
  const kept = attention(page);
  const [before, now] = [named(shown), named(fresh)];
  if ([...before.keys()].join() !== [...now.keys()].join()) {
    shown.replaceWith(fresh);
  } else {
    for (const part of ["p.quiet", ".tiles"]) shown.querySelector(part).replaceWith(fresh.querySelector(part));
    for (const [name, section] of now) {
      const basis = BASIS[name] ? JSON.stringify(BASIS[name](run)) : null;
      if (basis === null || basis !== shownBasis.get(name)) before.get(name).replaceWith(section);
      shownBasis.set(name, basis);
    }
  }
  for (let i = drawings.length - 1; i >= 0; i -= 1) if (!drawings[i][0].isConnected) drawings.splice(i, 1);
  drawAll();
  restore(page, kept);
}

function standing(run) {
  if (run.problem) return run.problem;
  const { end, epochs, steps } = run.history;
  if (end) return end.model ? "The run is complete." : "The run was interrupted.";
  return `Following the run: epoch ${Math.max(epochs.length + 1, steps[steps.length - 1]?.epoch ?? 1)}.`;
}

function follow(run) {
  const line = element("p", { class: "following", role: "status" });
  document.getElementById("page").prepend(line);
  const say = (text) => { if (line.textContent !== text) line.textContent = text; };
  say(standing(run));
  const shownBasis = new Map(Object.entries(BASIS).map(([name, basis]) => [name, JSON.stringify(basis(run))]));
  const events = new EventSource("events");
  events.onmessage = ({ data }) => {
    Object.assign(run, JSON.parse(data));
    renew(run, shownBasis);
    say(standing(run));
  };
  events.onerror = () => say("The server has stopped or cannot be reached; this is the last that it said.");
}

follow(JSON.parse(document.getElementById("runs").textContent)[0]);
