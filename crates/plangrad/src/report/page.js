// The page itself: what is shown of one run, and of several side by side.

const whole = (label) => ({ label, format: (x) => (Number.isInteger(x) ? `${x}` : x.toFixed(2)), whole: true });
const STYLES = ["s1", "s2", "s3", "s4", "s5", "s6"];

function state(run) {
  const { end, epochs } = run.history;
  if (end?.model) return end.stopped_early ? "complete: it ended early, since no epoch was better any more" : "complete";
  return epochs.length > 0 ? "not complete: it was interrupted, or is running" : "not complete: no epoch has ended yet";
}

// The epoch that the run names as its best; without one, that with the best figure.
function best(run) {
  const { end, epochs } = run.history;
  if (end?.best) return { epoch: end.best.epoch, by: `${end.best.part} ${end.best.criterion}` };
  const named = epochs.filter((epoch) => epoch.is_best === true).pop();
  if (named) return { epoch: named.epoch, by: "as the run compared them" };
  const of = (key, sign) => epochs.filter((epoch) => isNumber(epoch[key]))
    .reduce((found, epoch) => (found === null || sign * epoch[key] > sign * found[key] ? epoch : found), null);
  for (const [key, sign, by] of [["validation_accuracy", 1, "validation accuracy"], ["test_accuracy", 1, "test accuracy"],
    ["validation_loss", -1, "validation loss"], ["test_loss", -1, "test loss"]]) {
    const found = of(key, sign);
    if (found) return { epoch: found.epoch, by };
  }
  return null;
}

// Figures of a run: name, text, a remark.
function figures(run) {
  const { start, end, epochs } = run.history;
  const last = epochs[epochs.length - 1] ?? {};
  const accuracy = end?.test_accuracy ?? last.test_accuracy ?? last.validation_accuracy;
  const evaluated = end?.test_loss ?? last.test_loss ?? last.validation_loss;
  const part = isNumber(end?.test_loss ?? last.test_loss) ? "test" : "validation";
  const found = best(run);
  const value = found && epochs.find((epoch) => epoch.epoch === found.epoch);
  const bestAccuracy = value && (value.validation_accuracy ?? value.test_accuracy);
  const sum = (key) => epochs.reduce((total, epoch) => total + (epoch[key] ?? 0), 0);
  return [
    isNumber(accuracy) && [`${part} accuracy`, percent(accuracy), "of the last epoch", "accuracy"],
    isNumber(evaluated) && [`${part} loss`, loss(evaluated), "of the last epoch", "loss"],
    found && ["best epoch", `${found.epoch}`, `${isNumber(bestAccuracy) ? `${percent(bestAccuracy)}, ` : ""}by ${found.by}`, "best"],
    ["epochs", `${epochs.length}`, run.steps_per_epoch ? `of ${counted(run.steps_per_epoch, "step")}` : null, "epochs"],
    start && ["parameters", grouped(start.parameters), run.network ? run.network.split(" with ")[0] : null, "parameters"],
    start && ["memory", size(last.measured_bytes ?? start.planned_bytes), `${grouped(last.measured_bytes ?? start.planned_bytes)} bytes`, "memory"],
    epochs.length > 0 && ["training", seconds(sum("train_seconds")), `and ${seconds(sum("eval_seconds"))} of evaluation`, "seconds"],
    isNumber(last.samples_per_second) && ["samples per second", grouped(last.samples_per_second), "in the last epoch", "speed"],
  ].filter(Boolean);
}

function tiles(run) {
  return element("dl", { class: "tiles" }, figures(run).map(([name, text, remark, key]) =>
    element("div", { class: "tile", "data-figure": key }, element("dt", {}, name), element("dd", {}, text, remark ? element("small", {}, remark) : null))));
}

function curves(run) {
  const { epochs, steps, end } = run.history;
  const of = (key) => epochs.map((epoch) => [epoch.epoch, epoch[key]]);
  const found = best(run)?.epoch;
  // Where epochs are compared by a validation part, the test part is for the last epoch, and for the best.
  const tested = (key) => [[end?.best?.epoch, end?.best?.[key]], [epochs[epochs.length - 1]?.epoch, end?.[key]]]
    .filter(([epoch], i, all) => i === 1 || epoch !== all[1][0]);
  const hasTests = epochs.some((epoch) => isNumber(epoch.test_loss));
  const batches = steps.map((step) => [step.epoch - 1 + step.step / (step.of || 1), step.loss]);
  const losses = [
    { name: "single batches", style: "s0", points: batches, thin: true },
    { name: "train (mean of the epoch)", style: "s1", points: of("train_loss") },
    { name: "validation", style: "s2", points: of("validation_loss"), best: found },
    { name: hasTests ? "test" : "test, at the end", style: "s3", points: hasTests ? of("test_loss") : tested("test_loss"), best: found },
  ];
  const accuracies = [
    { name: "validation", style: "s2", points: of("validation_accuracy"), best: found },
    { name: hasTests ? "test" : "test, at the end", style: "s3", points: hasTests ? of("test_accuracy") : tested("test_accuracy"), best: found },
  ];
  const rates = [{ name: "learning rate", style: "s4", points: run.learning_rates, plain: true }];
  const times = [
    { name: "training", style: "s1", points: of("train_seconds") },
    { name: "evaluation", style: "s3", points: of("eval_seconds") },
  ];
  return element("div", { class: "charts" },
    chart({ title: "Loss", x: whole("epoch"), y: { format: loss, from: 0 }, series: losses }),
    chart({ title: "Accuracy", x: whole("epoch"), y: { format: percent, tick: (y) => `${short(100 * y)}\u00a0%` }, series: accuracies }),
    chart({ title: "Learning rate", x: { label: "step", format: grouped, whole: true }, y: { format: short, from: 0 }, series: rates }),
    chart({ title: "Seconds per epoch", x: whole("epoch"), y: { format: seconds, from: 0 }, series: times }));
}

// A matrix of up to so many classes is a table of numbers; a larger one is a picture, with its largest entries listed.
const MOST_IN_TABLE = 24;

function confusion(found) {
  const { names, confusion: counts } = found;
  const totals = counts.map((row) => row.reduce((sum, count) => sum + count, 0));
  return [element("h4", { class: "name" }, "Confusion matrix"),
    names.length <= MOST_IN_TABLE ? matrix(names, counts, totals) : mosaic(names, counts, totals),
    element("div", { class: "columns" }, element("div", {}, perClass(found)), element("div", {}, confusions(names, counts, totals)))];
}

function confusions(names, counts, totals) {
  const pairs = [];
  counts.forEach((row, label) => row.forEach((count, answer) => { if (label !== answer && count > 0) pairs.push([count, label, answer]); }));
  pairs.sort((a, b) => b[0] - a[0]);
  const rows = pairs.slice(0, 12).map(([count, label, answer]) => [names[label], names[answer], grouped(count), percent(count / totals[label])]);
  return rows.length > 0 ? table("Most frequent confusions", ["label", "predicted", "samples", "of the label"], rows, [2, 3]) : null;
}

function matrix(names, counts, totals) {
  const body = counts.map((row, label) => element("tr", {}, element("th", { scope: "row", title: names[label] }, names[label]),
    row.map((count, answer) => {
      const share = totals[label] > 0 ? count / totals[label] : 0;
      const cell = element("td", { class: count === 0 ? "none" : null, title: `${names[label]} predicted as ${names[answer]}: ${grouped(count)} (${percent(share)})` },
        count === 0 ? "·" : `${count}`);
      if (count > 0) cell.style.background = `rgba(var(--${label === answer ? "heat" : "wrong"}), ${label === answer ? 0.08 + 0.32 * share : 0.12 + 0.4 * Math.min(1, 4 * share)})`;
      return cell;
    })));
  return element("div", { class: "scroll" }, element("table", { class: "confusion" },
    element("caption", {}, "Rows: the label. Columns: what was predicted."),
    element("thead", {}, element("tr", {}, element("td", {}), names.map((name) => element("th", { scope: "col", title: name }, name)))),
    element("tbody", {}, body)));
}

function mosaic(names, counts, totals) {
  const cell = 5;
  const side = names.length * cell;
  const svg = graphic("svg", { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": `Confusion matrix of ${counted(names.length, "class").replace(/classs$/, "classes")}; the largest entries are listed below` },
    graphic("rect", { class: "field", width: side, height: side }));
  counts.forEach((row, label) => row.forEach((count, answer) => {
    if (count === 0) return;
    const share = totals[label] > 0 ? count / totals[label] : 0;
    const mark = graphic("rect", { x: answer * cell, y: label * cell, width: cell, height: cell },
      graphic("title", {}, `${names[label]} predicted as ${names[answer]}: ${grouped(count)}`));
    mark.style.fill = label === answer ? `rgba(var(--heat), ${0.15 + 0.85 * share})` : `rgba(var(--wrong), ${0.25 + 0.75 * Math.min(1, 5 * share)})`;
    svg.append(mark);
  }));
  svg.style.maxWidth = "640px";
  return element("figure", {}, svg, element("figcaption", {}, "Rows: the label. Columns: what was predicted. The darker, the more of the label's samples."));
}

function perClass(found) {
  const rows = found.names.map((name, i) => {
    const { precision, recall, f1, support, predicted } = found.per_class[i];
    return [name, percent(precision), percent(recall), percent(f1), grouped(support), grouped(predicted)];
  });
  const list = table("Figures of each class", ["class", "precision", "recall", "F1", "samples", "predicted"], rows, [1, 2, 3, 4, 5]);
  return rows.length <= 30 ? list : element("details", {}, element("summary", {}, `Figures of all ${rows.length} classes`), list);
}

function examples(title, list, found, isMistake) {
  if (list.length === 0) return element("p", { class: "quiet" }, isMistake ? "There is not one mistake." : "There is not one right prediction.");
  const text = (one) => isMistake
    ? `${found.names[one.label]}, predicted ${found.names[one.class]} with ${percent(one.probability)}`
    : `${found.names[one.class]}, predicted with ${percent(one.probability)}`;
  const item = (one) => element("li", { class: "example" },
    one.picture ? element("img", { src: one.picture, alt: `sample ${one.index}: ${text(one)}` }) : null,
    isMistake
      ? [element("strong", {}, found.names[one.class]), ` ${percent(one.probability)}`, element("br"), `is ${found.names[one.label]} (${percent(one.of_label)})`]
      : [element("strong", {}, found.names[one.class]), ` ${percent(one.probability)}`],
    element("div", { class: "quiet" }, `sample ${one.index}`));
  return [element("h4", { class: "name" }, title), element("ul", { class: list[0].picture ? "examples" : "examples wide" }, list.map(item))];
}

function classes(found) {
  const figures = `${grouped(found.correct)} are right: ${percent(found.accuracy)}${isNumber(found.top_5_accuracy) ? `, top five ${percent(found.top_5_accuracy)}` : ""}, mean F1 ${percent(found.macro_f1)}.`;
  return [element("p", { "data-figure": "correct" }, figures),
    confusion(found),
    examples("Most confident mistakes", found.mistakes, found, true),
    examples("Right predictions, from first to last", found.right, found, false)];
}

function values(found) {
  const figures = `RMSE ${short(found.rmse)}, mean absolute error ${short(found.mae)}, R² ${short(found.r2)}` +
    `${isNumber(found.baseline_rmse) ? `; always predicting the mean: RMSE ${short(found.baseline_rmse)}` : ""}.`;
  const points = found.points.map(([, value, predicted]) => [value, predicted]);
  const worst = [...found.points].sort((a, b) => Math.abs(b[2] - b[1]) - Math.abs(a[2] - a[1])).slice(0, 12)
    .map(([index, value, predicted]) => [`${index}`, short(value), short(predicted), short(predicted - value)]);
  return [element("p", {}, figures),
    element("div", { class: "charts" }, chart({ title: "Predicted over true values", x: { label: "true value", format: short },
      y: { format: short }, series: [{ name: "samples", style: "s1", points, dots: true }] }),
    table("Largest errors", ["sample", "true value", "predicted", "error"], worst, [1, 2, 3]))];
}

function predictions(run) {
  const { examined } = run;
  if (!examined) return [element("p", { class: "quiet" }, `No sample was predicted for this page: ${run.not_examined ?? "there is no model"}.`)];
  const which = run.is_best ? "the best epoch's model" : "the last epoch's model";
  return [element("p", {}, `${examined.what}, ${counted(examined.samples, "sample")}, predicted by ${which}.`),
    ...(examined.classes ? classes(examined.classes) : values(examined.values))];
}

function firstLayer(layer) {
  const of = layer.pictures.length < layer.units ? `the first ${layer.pictures.length} of ${layer.units} units` : `all ${counted(layer.units, "unit")}`;
  const meaning = layer.is_coloured ? "Red, green and blue are the weights of the three channels; grey is 0." :
    "Red pixels excite the unit, blue ones inhibit it.";
  const legend = layer.is_coloured ? element("p", { class: "quiet" }, `from −${short(layer.limit)} to ${short(layer.limit)}`) :
    element("div", { class: "scale" }, `−${short(layer.limit)}`, element("i", { role: "img", "aria-label": "scale of colours from blue over white to red" }), short(layer.limit));
  return [element("p", {}, `${layer.name}, ${of}. ${meaning}`), legend,
    element("ul", { class: "units" }, layer.pictures.map((address, i) =>
      element("li", {}, element("img", { src: address, title: `unit ${i}`, alt: `weights of unit ${i}` }))))];
}

function origin(run) {
  const { start, rungs, sessions } = run.history;
  const parts = [];
  const settings = table("Settings (config.toml)", ["", ""], run.settings);
  const data = [];
  if (start) data.push(["samples", `${grouped(start.train_samples)} to learn from, ${grouped(start.validation_samples)} to validate, ${grouped(start.test_samples)} to test`]);
  if (run.data) data.push(["fingerprint (SHA-256)", run.data.digest]);
  const right = [data.length > 0 ? table("Data", ["", ""], data) : null];
  right.push(sessions.length > 0
    ? sessions.map((one, i) => table(i === 0 ? "Begun" : `Resumed after ${counted(one.step, "step")}`, ["", ""], [
      ["when", one.began.replace("T", " ").replace("Z", " UTC")], ["plangrad", one.version], ["system", `${one.system}, ${counted(one.cores, "core")}`],
      ["device", one.device + (one.instruction_set ? ` (${one.instruction_set})` : "")], ["command", element("code", {}, one.command)],
      ...(one.changes ?? []).map((change) => ["changed", `${change.setting} is ${change.now}, was ${change.was}`])]))
    : element("p", { class: "quiet" }, "The run does not say on which machine it was made: an earlier version wrote it."));
  right.push(rungs.length > 0
    ? table("Memory ran out", ["way", "reason", "before", "after"], rungs.map((rung) => [rung.rung, rung.reason, size(rung.bytes_before), size(rung.bytes_after)]), [2, 3])
    : element("p", {}, "Memory never ran out."));
  parts.push(element("div", { class: "columns" }, element("div", {}, settings), element("div", {}, right)));
  return parts;
}

function reproduction(run) {
  const [first] = run.history.sessions;
  const says = [element("p", {}, "The same settings, data and seed give the same bits on the same instruction set, with any number of threads.")];
  says.push(element("pre", {}, `plangrad train --config ${run.name}/config.toml --out again`));
  if (first) says.push(element("p", {}, "It was begun with "), element("pre", {}, first.command));
  says.push(element("p", {}, "Everything that decides the result is in config.toml; fingerprint.json tells whether the data are the same."));
  return says;
}

function sections(run) {
  return [
    ["Curves", [curves(run)]],
    ["Predictions", predictions(run)],
    run.first_layer ? ["First layer", firstLayer(run.first_layer)] : null,
    ["Memory", memory(run)],
    ["Settings, data, machine", origin(run)],
    ["How to reproduce it", reproduction(run)],
  ].filter(Boolean);
}

function article(run, number, heading) {
  const parts = sections(run).map(([title, content]) => [`run${number}-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`, title, content]);
  const links = parts.map(([id, title]) => element("li", {}, element("a", { href: `#${id}` }, title)));
  return element("article", { id: `run${number}` }, element(heading, {}, run.name),
    element("p", { class: "quiet" }, `${setting(run, "dataset")}; ${run.network ?? "no model yet"}; ${state(run)}`),
    element("nav", { "aria-label": `Parts of ${run.name}` }, element("ul", {}, links)), tiles(run),
    parts.map(([id, title, content]) => element("section", { id }, element("h3", {}, title), content)));
}

const setting = (run, name) => run.settings.find(([found]) => found === name)?.[1] ?? "–";

function sideBySide(runs) {
  const names = [...new Set(runs.flatMap((run) => figures(run).map(([, , , key]) => key)))];
  const cell = (run, key) => figures(run).find(([, , , found]) => found === key)?.[1] ?? "–";
  const title = (key) => runs.map((run) => figures(run).find(([, , , found]) => found === key)?.[0]).find(Boolean);
  const all = [...new Set(runs.flatMap((run) => run.settings.map(([name]) => name)))];
  const differing = all.filter((name) => new Set(runs.map((run) => setting(run, name))).size > 1);
  const rows = [...names.map((key) => [title(key), ...runs.map((run) => cell(run, key))]),
    ...differing.map((name) => [name, ...runs.map((run) => setting(run, name))])];
  const of = (keys) => runs.map((run, i) => ({ name: run.name, style: STYLES[i % STYLES.length], best: best(run)?.epoch,
    points: run.history.epochs.map((epoch) => [epoch.epoch, keys.map((key) => epoch[key]).find(isNumber)]) }));
  return element("section", { id: "side-by-side" }, element("h2", {}, "Side by side"),
    table("Figures, and the settings that differ", ["", ...runs.map((run) => run.name)], rows, runs.map((_, i) => i + 1)),
    element("div", { class: "charts" },
      chart({ title: "Train loss", x: whole("epoch"), y: { format: loss, from: 0 }, series: of(["train_loss"]).map((one) => ({ ...one, best: null })) }),
      chart({ title: "Validation or test loss", x: whole("epoch"), y: { format: loss, from: 0 }, series: of(["validation_loss", "test_loss"]) }),
      chart({ title: "Validation or test accuracy", x: whole("epoch"), y: { format: percent, tick: (y) => `${short(100 * y)}\u00a0%` }, series: of(["validation_accuracy", "test_accuracy"]) }),
      chart({ title: "Seconds per epoch", x: whole("epoch"), y: { format: seconds, from: 0 }, series: of(["train_seconds"]).map((one) => ({ ...one, best: null })) })));
}

// All trials of a search: a table, the best first, and what they came to over their learning rates.
function searched(trials) {
  const cell = (value, format) => (isNumber(value) ? format(value) : "–");
  const rows = trials.map((one) => [`${one.trial}`, one.optimizer, short(one.learning_rate), one.hidden, grouped(one.batch_size),
    size(one.planned_bytes), `${one.epochs}`, cell(one.accuracy, percent), cell(one.loss, loss), seconds(one.seconds)]);
  const headings = ["trial", "optimizer", "learning rate", "hidden", "batch size", "planned", "epochs", "accuracy", "loss", "time"];
  const kinds = [...new Set(trials.map((one) => one.optimizer))].sort();
  const over = (key) => kinds.map((kind, i) => ({ name: kind, style: STYLES[i % STYLES.length], dots: true,
    points: trials.filter((one) => one.optimizer === kind).map((one) => [Math.log10(one.learning_rate), one[key]]).sort(([a], [b]) => a - b) }));
  const rate = { label: "learning rate", format: (x) => short(10 ** x), whole: true };
  return element("section", { id: "search" }, element("h2", {}, "Trials"),
    table("The best first; what did not go on has fewer epochs", headings, rows, [2, 4, 5, 6, 7, 8, 9]),
    element("div", { class: "charts" },
      chart({ title: "Accuracy of trials", x: rate, y: { format: percent, tick: (y) => `${short(100 * y)}\u00a0%` }, series: over("accuracy") }),
      chart({ title: "Loss of trials", x: rate, y: { format: loss, from: 0 }, series: over("loss") })));
}

function showSearch(trials, runs) {
  document.title = `${counted(trials.length, "trial")} – plangrad search`;
  const links = runs.map((run, i) => element("li", {}, element("a", { href: `#run${i + 1}` }, run.name)));
  return [element("h1", {}, counted(trials.length, "trial")), element("nav", { "aria-label": "Runs" }, element("ul", {}, links)),
    searched(trials), runs.length > 1 ? sideBySide(runs) : null, ...runs.map((run, i) => article(run, i + 1, "h2"))].filter(Boolean);
}

function show(runs) {
  document.title = `${runs.map((run) => run.name).join(", ")} – plangrad report`;
  if (runs.length === 1) return [article(runs[0], 1, "h1")];
  const links = runs.map((run, i) => element("li", {}, element("a", { href: `#run${i + 1}` }, run.name)));
  return [element("h1", {}, counted(runs.length, "run")), element("nav", { "aria-label": "Runs" }, element("ul", {}, links)),
    sideBySide(runs), ...runs.map((run, i) => article(run, i + 1, "h2"))];
}

const shownRuns = JSON.parse(document.getElementById("runs").textContent);
const shownTrials = JSON.parse(document.getElementById("search")?.textContent ?? "null");
document.getElementById("page").replaceChildren(...(shownTrials ? showSearch(shownTrials, shownRuns) : show(shownRuns)));
drawAll();
window.addEventListener("resize", () => requestAnimationFrame(drawAll));
window.addEventListener("beforeprint", drawAll);
