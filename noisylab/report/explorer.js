"use strict";
// The explorer of samples: filters, list, detail, and the state in the address.
(async () => {
  const {by} = page;
  const {about, array, draw, scoresOf} = arrays;
  const PAGE = 60, FEW = 20, VISIBLE = 6;
  const WORDS = ["another class", "given label", "true label", "not seen"];
  const CHOICES = ["noise", "seed", "method", "which", "sort", "order", "true", "given", "predicted", "low", "high", "x", "y", "columns"];
  const narrow = matchMedia("(max-width: 60rem)");

  const [truth, sample] = await Promise.all([array("true", Uint16Array), array("sample", Uint32Array)]);
  let given, last, scores, run, setting;
  let order = [], values = sample, sheetPage = 0, shown = null, box = null, turn = 0, tied = false;

  // The choosers

  function fill(select, pairs, wanted = select.value) {
    select.replaceChildren(...pairs.map(([value, text]) => new Option(text, value)));
    if (pairs.some(([value]) => String(value) === String(wanted))) select.value = wanted;
  }
  const unique = (items) => [...new Set(items)];
  const words = (name) => name.replaceAll("_", " ");
  const shortOf = (number) => about.short[number] ?? "not seen";
  const nameOf = (number) => about.classes[number] ?? "not seen";
  const classes = [["", "any"], ...about.classes.map((name, number) => [number, name])];
  fill(by("noise"), unique(about.settings.map((each) => each.noise)).map((name) => [name, name]));
  for (const id of ["true", "given", "predicted"]) fill(by(id), classes);
  // In the order of the page's methods.
  function offerRuns(wanted = {}) {
    const noise = by("noise").value;
    fill(by("seed"), about.settings.filter((each) => each.noise === noise).map(({seed}) => [seed, seed]), wanted.seed);
    setting = about.settings.findIndex((each) => each.noise === noise && String(each.seed) === by("seed").value);
    const there = Object.keys(about.settings[setting].runs).map(Number).sort((a, b) => a - b);
    fill(by("method"), there.map((number) => [number, about.methods[number].name]), wanted.method);
    run = about.settings[setting].runs[by("method").value];
    const offered = run.scores.map((name) => [name, words(name)]);
    const first = run.scores.includes(about.sort) ? about.sort : "sample";
    fill(by("sort"), [...offered, ["sample", "sample number"]], wanted.sort ?? (by("sort").value || first));
    const [x, y] = ["variability", "confidence"].map((name, k) => (run.scores.includes(name) ? name : run.scores[k]));
    fill(by("x"), offered, wanted.x ?? (by("x").value || x));
    fill(by("y"), offered, wanted.y ?? (by("y").value || y));
    const both = about.pair.length > 0 && about.pair.every((number) => number in about.settings[setting].runs);
    by("pair").hidden = !both;
    by("which").querySelector("[value=pair]")?.remove();
    if (both) {
      const [a, b] = about.pair.map((number) => about.methods[number].name);
      by("pair").textContent = `memorised by ${a} and recovered by ${b}`;
      by("which").append(new Option(`memorised by ${a}, recovered by ${b}`, "pair"));
    }
    by("said").textContent = `The ${about.count.toLocaleString("en")} training samples under ${noise}, seed ${by("seed").value}; ` +
      `${about.settings[setting].record} records, scores over all epochs.`;
  }
  const lastOf = (method) => array(`last${about.settings[setting].runs[method].number}`, Uint16Array);

  // The state in the address

  let written = location.hash;
  function write() {
    const state = new URLSearchParams();
    for (const id of CHOICES) {
      const element = by(id), usual = element.dataset.usual ?? "";
      if (element.value !== usual) state.set(id, element.value);
    }
    if (box) state.set("box", box.map((value) => Number(value.toPrecision(6))).join(","));
    if (sheetPage) state.set("page", sheetPage + 1);
    if (shown !== null) state.set("sample", sample[shown]);
    const text = state.toString();
    written = text ? `#samples?${text}` : "#samples";
    if (text || location.hash.startsWith("#samples?")) history.replaceState(null, "", written);
  }
  async function read() {
    if (!location.hash.startsWith("#samples?")) return false;
    const state = new URLSearchParams(location.hash.slice("#samples?".length));
    const wanted = Object.fromEntries(CHOICES.map((id) => [id, state.get(id) ?? by(id).dataset.usual ?? ""]));
    if ([...by("noise").options].some(({value}) => value === wanted.noise)) by("noise").value = wanted.noise;
    offerRuns(wanted);
    for (const id of ["which", "order", "true", "given", "predicted", "low", "high", "columns"]) by(id).value = wanted[id];
    for (const id of ["which", "order", "columns"]) if (by(id).selectedIndex < 0) by(id).selectedIndex = 0;
    if (["true", "given", "predicted", "low", "high"].some((id) => by(id).value !== "")) by("more").open = true;
    const corners = (state.get("box") ?? "").split(",").map(Number);
    box = corners.length === 4 && corners.every(Number.isFinite) ? corners : null;
    const place = state.has("sample") ? sample.indexOf(Number(state.get("sample"))) : -1;
    await select(Math.max(0, (Number(state.get("page")) || 1) - 1));
    if (place >= 0) await show(place);
    by("samples").scrollIntoView();
    return true;
  }

  // Selection

  const bound = (id, without) => (by(id).value === "" ? without : Number(by(id).value));
  async function select(startPage = 0) {
    const mine = ++turn;
    const sort = by("sort").value, which = by("which").value;
    const pairs = which === "pair" ? await Promise.all(about.pair.map(lastOf)) : [];
    const found = await Promise.all([array(`given${setting}`, Uint16Array), lastOf(by("method").value), scoresOf(run)]);
    if (mine !== turn) return;
    [given, last, scores] = found;
    values = sort === "sample" ? sample : scores(sort);
    const wanted = ["true", "given", "predicted"].map((id) => by(id).value);
    const [wantTrue, wantGiven, wantPredicted] = wanted.map((value) => (value === "" ? null : Number(value)));
    const low = bound("low", -Infinity), high = bound("high", Infinity);
    const bounded = by("low").value !== "" || by("high").value !== "";
    const x = scores(by("x").value), y = scores(by("y").value);
    const keep = [], outside = [], around = [];
    let unbounded = [];
    for (let i = 0; i < about.count; i++) {
      const wrong = given[i] !== truth[i];
      if (which === "mislabelled" && !wrong) continue;
      if (which === "clean" && wrong) continue;
      if (which === "memorised" && !(wrong && last[i] === given[i])) continue;
      if (which === "recovered" && !(wrong && last[i] === truth[i])) continue;
      if (which === "pair" && !(wrong && pairs[0][i] === given[i] && pairs[1][i] === truth[i])) continue;
      const ofClass = (wantTrue === null || truth[i] === wantTrue) && (wantGiven === null || given[i] === wantGiven) &&
        (wantPredicted === null || last[i] === wantPredicted);
      const boxed = inBox(x, y, i);
      if (ofClass && boxed) unbounded.push(i);
      if (bounded && !(values[i] >= low && values[i] <= high)) continue;
      // Each picture shows what the others leave, and not only what was chosen in itself.
      if (ofClass) around.push(i);
      if (boxed) outside.push(i);
      if (ofClass && boxed) keep.push(i);
    }
    // Suspect first: high or low values, as the score has it; what has no value comes last. Equal values are ordered by the mean
    // probability of the given label, as in the figure of the most suspect samples.
    const descending = (sort !== "sample" && about.high[sort]) === (by("order").value === "suspect");
    const sign = descending ? -1 : 1, reverse = by("order").value === "suspect" ? 1 : -1;
    const confidence = sort === "sample" ? null : scores("confidence");
    const missing = (i) => Number.isNaN(values[i]);
    keep.sort((a, b) => (missing(a) - missing(b)) || sign * compare(values[a], values[b]) ||
      (confidence ? reverse * compare(confidence[a], confidence[b]) : 0) || a - b);
    order = keep;
    sheetPage = Math.min(startPage, pages() - 1);
    by("count").textContent = order.length ? `${order.length.toLocaleString("en")} of ${about.count.toLocaleString("en")} samples`
      : nothing(unbounded, bounded, low, high);
    tied = confidence !== null && sort !== "confidence" && order.some((i, place) => place > 0 && values[i] === values[order[place - 1]]);
    const first = order.length && tied ? order.filter((i) => values[i] === values[order[0]]).length : 0;
    by("ties").textContent = !tied ? "" : `Samples with equal ${words(sort)} are in the order of p, the mean probability of the given label ` +
      `(confidence), the ${reverse === 1 ? "lowest" : "highest"} first` + (first > 1 ? `; ${first.toLocaleString("en")} share the first place.` : ".");
    by("pair").setAttribute("aria-pressed", String(which === "pair"));
    by("unbox").hidden = !box;
    await showPage();
    write();
    document.body.dataset.ready = String(mine);
    performance.mark("samples");
    // The pictures come once the list is there.
    requestAnimationFrame(() => setTimeout(() => {
      if (mine !== turn) return;
      overview(around, outside);
      document.body.dataset.drawn = String(mine);
    }));
  }
  const inBox = (x, y, i) => !box || (x[i] >= box[0] && x[i] <= box[1] && y[i] >= box[2] && y[i] <= box[3]);

  function nothing(unbounded, bounded, low, high) {
    const name = words(by("sort").value);
    if (bounded && low > high) return `No samples: the lower bound of ${name}, ${format(low)}, is above the upper one, ${format(high)}.`;
    const there = charts.finite(values, unbounded);
    if (bounded && there.length) {
      const [least, most] = there.reduce(([a, b], i) => [Math.min(a, values[i]), Math.max(b, values[i])], [Infinity, -Infinity]);
      return `No samples: values of ${name} are between ${format(least)} and ${format(most)}.`;
    }
    return bounded && unbounded.length ? `No samples: none has a finite ${name}.` : "No samples: none fits all these filters.";
  }

  // Not a difference: that of two infinite values is no number.
  const compare = (a, b) => (a > b) - (a < b);

  function format(value) {
    if (value === Infinity) return "∞ (never)";
    return Number.isNaN(value) ? "–" : Number.isInteger(value) ? String(value) : value.toPrecision(3);
  }

  // The list

  const pages = () => Math.max(1, Math.ceil(order.length / PAGE));
  const tiles = () => [...by("tiles").querySelectorAll(".tile")];
  const tileOf = (i) => tiles().find((tile) => Number(tile.dataset.position) === i);
  function labelOf(i, name) {
    return given[i] === truth[i] ? name(truth[i]) : `${name(truth[i])} → ${name(given[i])}`;
  }
  async function showPage() {
    by("page").textContent = `page ${sheetPage + 1} of ${pages()}`;
    // Not disabled, because that would take the focus away.
    by("previous").setAttribute("aria-disabled", String(sheetPage === 0));
    by("next").setAttribute("aria-disabled", String(sheetPage + 1 >= pages()));
    const sort = by("sort").value, confidence = tied ? scores("confidence") : null, drawn = [];
    const made = order.slice(sheetPage * PAGE, (sheetPage + 1) * PAGE).map((i, place) => {
      const tile = document.createElement("button"), canvas = document.createElement("canvas");
      tile.type = "button";
      tile.tabIndex = place === 0 ? 0 : -1;
      tile.dataset.position = i;
      tile.className = given[i] === truth[i] ? "tile clean" : "tile mislabelled";
      tile.setAttribute("aria-pressed", String(i === shown));
      const label = document.createElement("span"), detail = document.createElement("span");
      label.textContent = labelOf(i, shortOf);
      detail.textContent = sort === "sample" ? `# ${sample[i]}` : format(values[i]) + (tied ? `, p ${format(confidence[i])}` : "");
      tile.title = `sample ${sample[i]}: ${labelOf(i, nameOf)}`;
      tile.append(canvas, label, detail);
      drawn.push(draw(canvas, i));
      return tile;
    });
    if (by("detail").parentElement === by("tiles")) by("explorer").append(by("detail"));
    by("tiles").replaceChildren(...made);
    const chosen = shown === null ? null : tileOf(shown);
    if (chosen) point(chosen, false);
    place();
    await Promise.all(drawn);
  }

  /** The detail stands beside the list, or below the row of its sample if there is no room beside. */
  function place() {
    const detail = by("detail"), tile = shown === null ? null : tileOf(shown);
    if (!narrow.matches || !tile) {
      if (detail.parentElement !== by("explorer")) by("explorer").append(detail);
      detail.hidden = narrow.matches;
      return;
    }
    detail.hidden = false;
    const same = tiles().filter((each) => each.offsetTop === tile.offsetTop);
    if (same.at(-1).nextElementSibling !== detail) same.at(-1).after(detail);
  }
  narrow.addEventListener("change", place);
  addEventListener("resize", () => { if (narrow.matches && shown !== null) { by("explorer").append(by("detail")); place(); } });

  function point(tile, focus = true) {
    for (const each of tiles()) each.tabIndex = -1;
    tile.tabIndex = 0;
    if (focus) tile.focus();
  }
  async function turnPage(step, focus = false) {
    if (sheetPage + step < 0 || sheetPage + step >= pages()) return;
    sheetPage += step;
    await showPage();
    if (focus && tiles().length) point(tiles()[0]);
    write();
  }
  by("previous").addEventListener("click", () => turnPage(-1));
  by("next").addEventListener("click", () => turnPage(1));
  by("tiles").addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    point(tile);
    show(Number(tile.dataset.position));
  });
  by("tiles").addEventListener("keydown", (event) => {
    const tile = event.target.closest(".tile");
    if (!tile || event.ctrlKey || event.altKey || event.metaKey) return;
    const all = tiles(), here = all.indexOf(tile);
    const across = all.filter((each) => each.offsetTop === all[0].offsetTop).length;
    const steps = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, Home: -here, End: all.length - 1 - here};
    if (event.key in steps) {
      const next = all[here + steps[event.key]];
      if (next) point(next);
    } else if (event.key === "PageDown" || event.key === "PageUp") turnPage(event.key === "PageDown" ? 1 : -1, true);
    else return;
    event.preventDefault();
  });
  by("explorer").addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });

  // The detail

  function close() {
    if (shown === null) return;
    const tile = tileOf(shown);
    shown = null;
    tile?.setAttribute("aria-pressed", "false");
    for (const node of by("detail").querySelectorAll("#curve")) charts.forget(node);
    by("detail").replaceChildren(make("p", "Choose a sample to see its curves.", "quiet"));
    delete by("detail").dataset.sample;
    place();
    (tile ?? by("list")).focus();
    write();
  }
  const make = (kind, text, className = "") => Object.assign(document.createElement(kind), {textContent: text, className});

  async function show(i) {
    shown = i;
    for (const tile of tiles()) tile.setAttribute("aria-pressed", String(Number(tile.dataset.position) === i));
    const wrong = given[i] !== truth[i], runs = about.settings[setting].runs;
    const methods = Object.keys(runs).map(Number).sort((a, b) => a - b);
    const found = await Promise.all(methods.map((number) => Promise.all(
      [array(`last${runs[number].number}`, Uint16Array), scoresOf(runs[number]), array(`curves${runs[number].number}`, Uint8Array)])));
    if (shown !== i) return;
    const canvas = Object.assign(document.createElement("canvas"), {className: "sample"});
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `image of sample ${sample[i]}`);
    const head = make("h3", `Sample ${sample[i]}: ` + (wrong ? `${nameOf(truth[i])}, labelled as ${nameOf(given[i])}` : `${nameOf(truth[i])}, rightly labelled`));
    const shut = Object.assign(make("button", "close"), {type: "button", id: "close"});
    shut.addEventListener("click", close);
    const curve = Object.assign(document.createElement("div"), {id: "curve"}), readout = Object.assign(make("p", "", "quiet"), {id: "readout"});
    const lines = methods.map((number, k) => {
      const bytes = found[k][2], epochs = runs[number].epochs, points = epochs.map((_, e) => bytes[e * about.count + i]);
      return {...lineOf(number), epochs, states: points.map((b) => b >> 6), values: points.map((b) => ((b >> 6) === 3 ? null : (b & 63) / 63)), words: WORDS};
    });
    const names = unique(methods.flatMap((number) => runs[number].scores));
    const rows = [["predicted at the end", ...found.map(([end]) => shortOf(end[i]))],
      ...names.map((name) => [words(name), ...found.map(([, score]) => { const all = score(name); return all ? format(all[i]) : "–"; })])];
    const table = document.createElement("table"), headRow = table.createTHead().insertRow(), body = table.createTBody();
    for (const [k, text] of ["score", ...methods.map((number) => about.methods[number].name)].entries()) {
      headRow.append(Object.assign(make("th", text, k ? "" : "name"), {scope: "col"}));
    }
    for (const [name, ...cells] of rows) {
      const row = body.insertRow();
      row.append(Object.assign(make("th", name, "name"), {scope: "row"}));
      for (const text of cells) row.insertCell().textContent = text;
    }
    const scroll = make("div", "", "wide");
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Scores of this sample");
    scroll.append(table);
    page.reachable(scroll);
    const legend = make("p", "● predicted as the given label" + (wrong ? ", ★ as the true label" : "") + ", × as another class", "quiet");
    const toggles = Object.assign(document.createElement("div"), {id: "lines"});
    for (const node of by("detail").querySelectorAll("#curve")) charts.forget(node);
    by("detail").replaceChildren(shut, head, canvas, curve, toggles, readout, legend, scroll);
    by("detail").hidden = false;
    place();
    const chart = charts.curve(curve, lines, (text) => { readout.textContent = text; });
    // More lines cannot be told apart; the ticks bring in the others.
    for (const [k, line] of lines.entries()) {
      const label = make("label", ""), tick = Object.assign(document.createElement("input"), {type: "checkbox"});
      tick.checked = k < VISIBLE || methods[k] === Number(by("method").value);
      tick.addEventListener("change", () => chart.setSeries(k + 1, {show: tick.checked}));
      label.append(tick, swatch(line), line.name);
      toggles.append(label);
      if (!tick.checked) chart.setSeries(k + 1, {show: false});
    }
    await draw(canvas, i);
    redrawScatter();
    by("detail").dataset.sample = sample[i];
    write();
  }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  function lineOf(number) {
    const look = about.methods[number];
    return {...look, color: dark.matches ? look.dark : look.color};
  }
  function swatch({color, line}) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const [name, value] of Object.entries({width: 28, height: 8, "aria-hidden": "true"})) svg.setAttribute(name, value);
    for (const [name, value] of Object.entries({d: "M0 4H28", stroke: color, "stroke-width": 2, "stroke-dasharray": line.join(" ")})) path.setAttribute(name, value);
    svg.append(path);
    return svg;
  }

  // Scores and classes of the selection

  let pictures = null;
  function overview(around, outside) {
    pictures = {around, outside};
    if (!by("overview").open) return;
    drawScatter();
    const names = [by("x").value, by("y").value];
    by("histograms").replaceChildren(...names.map(() => document.createElement("div")));
    for (const [k, name] of names.entries()) charts.histogram(by("histograms").children[k], scores(name), words(name), around, isWrong);
    drawMatrix(outside);
  }
  const isWrong = (i) => given[i] !== truth[i];
  function drawScatter() {
    const {around} = pictures, names = [by("x").value, by("y").value], [x, y] = names.map(scores);
    const there = charts.scatter(by("scatter"), {
      x, y, names: names.map(words), ids: around, wrong: isWrong, inBox: (i) => inBox(x, y, i), frame: box, shown: () => shown,
      onBox: (corners) => { box = corners; select(); }, onPoint: show,
    });
    const without = around.length - there;
    by("scatter-note").textContent = "■ clean, ✚ mislabelled. Drag a box to choose samples; click a point to show its sample." +
      (without ? ` ${without.toLocaleString("en")} samples without a finite value are not drawn.` : "");
  }
  function redrawScatter() { if (pictures && by("overview").open) drawScatter(); }

  function drawMatrix(outside) {
    const byColumn = by("columns").value, columns = byColumn === "given" ? given : last;
    const counts = new Map();
    for (const i of outside) {
      const key = truth[i] * 65536 + columns[i];
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const most = Math.max(1, ...[...counts].filter(([key]) => Math.floor(key / 65536) !== key % 65536).map(([, count]) => count));
    const title = byColumn === "given" ? "labelled" : "predicted";
    function cell(row, column) {
      const count = counts.get(row * 65536 + column) ?? 0, button = make("button", count || "·");
      button.type = "button";
      button.tabIndex = -1;
      button.dataset.pair = `${row},${column}`;
      button.setAttribute("aria-label", `${nameOf(row)}, ${title} as ${nameOf(column)}: ${count} samples`);
      button.setAttribute("aria-pressed", String(by("true").value === String(row) && by(byColumn).value === String(column)));
      button.style.setProperty("--share", Math.min(1, count / most));
      return button;
    }
    const had = by("matrix").contains(document.activeElement) ? document.activeElement.dataset.pair : null;
    if (about.classes.length > FEW) {
      const list = document.createElement("ol");
      const pairs = [...counts].filter(([key]) => Math.floor(key / 65536) !== key % 65536).sort((a, b) => b[1] - a[1]).slice(0, FEW);
      list.append(...pairs.map(([key, count]) => {
        const item = document.createElement("li"), button = cell(Math.floor(key / 65536), key % 65536);
        button.textContent = `${shortOf(Math.floor(key / 65536))} → ${shortOf(key % 65536)}: ${count}`;
        item.append(button);
        return item;
      }));
      by("matrix").replaceChildren(make("p", `The ${pairs.length} most frequent confusions; a click chooses their samples.`, "quiet"), list);
    } else {
      const table = document.createElement("table"), head = table.createTHead().insertRow(), body = table.createTBody();
      table.setAttribute("aria-label", `Samples by true class and class they are ${title} as`);
      head.append(make("td", `true \\ ${title}`));
      for (const [k, name] of about.classes.entries()) head.append(Object.assign(make("th", shortOf(k)), {scope: "col", title: name}));
      for (const [row, name] of about.classes.entries()) {
        const line = body.insertRow();
        line.append(Object.assign(make("th", shortOf(row)), {scope: "row", title: name}));
        for (let column = 0; column < about.classes.length; column++) line.insertCell().append(cell(row, column));
      }
      by("matrix").replaceChildren(table, make("p", "A click chooses the samples of a cell, a second one all.", "quiet"));
    }
    const buttons = [...by("matrix").querySelectorAll("button")];
    const current = buttons.find((button) => button.dataset.pair === had) ?? buttons[0];
    if (current) current.tabIndex = 0;
    if (had !== null) (current ?? by("columns")).focus();
  }
  by("matrix").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const [row, column] = button.dataset.pair.split(","), again = button.getAttribute("aria-pressed") === "true";
    button.focus();
    for (const id of ["given", "predicted"]) by(id).value = "";
    by("true").value = again ? "" : row;
    by(by("columns").value).value = again ? "" : column;
    if (!again) by("more").open = true;
    select();
  });
  by("matrix").addEventListener("keydown", (event) => {
    const buttons = [...by("matrix").querySelectorAll("button")], here = buttons.indexOf(event.target);
    const across = about.classes.length > FEW ? 1 : about.classes.length;
    const step = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across}[event.key];
    const next = step === undefined || here < 0 ? null : buttons[here + step];
    if (!next) return;
    event.preventDefault();
    buttons[here].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  // The selection as CSV

  by("save").addEventListener("click", () => {
    const columns = run.scores.map((name) => scores(name));
    const rows = order.map((i) => [sample[i], nameOf(truth[i]), nameOf(given[i]), nameOf(last[i]), ...columns.map((all) => all[i])]);
    const head = ["sample", "true", "given", "predicted_at_the_end", ...run.scores];
    page.saveBytes(page.csv([head, ...rows]), "samples.csv");
  });

  // What changes the selection

  // A narrow page begins with the list.
  if (narrow.matches) by("overview").open = false;
  offerRuns();
  for (const id of CHOICES) by(id).dataset.usual = by(id).value;
  const reselect = () => select();
  for (const id of ["which", "order", "true", "given", "predicted", "columns"]) by(id).addEventListener("change", reselect);
  // While a bound is typed, and not when it is left: the list must not change under a click.
  for (const id of ["low", "high"]) by(id).addEventListener("input", reselect);
  // Bounds belong to the score, and the box to its two.
  by("sort").addEventListener("change", () => { by("low").value = by("high").value = ""; select(); });
  for (const id of ["x", "y"]) by(id).addEventListener("change", () => { box = null; select(); });
  for (const id of ["noise", "seed", "method"]) {
    by(id).addEventListener("change", async () => {
      offerRuns({sort: by("sort").value, x: by("x").value, y: by("y").value});
      await select();
      if (shown !== null && id !== "method") await show(shown);
    });
  }
  by("pair").addEventListener("click", () => {
    by("which").value = by("which").value === "pair" ? "all" : "pair";
    select();
  });
  by("unbox").addEventListener("click", () => { box = null; by("y").focus(); select(); });
  by("filters").addEventListener("reset", () => setTimeout(() => {
    box = null;
    by("noise").value = by("noise").dataset.usual;
    offerRuns(Object.fromEntries(CHOICES.map((id) => [id, by(id).dataset.usual])));
    for (const id of ["x", "y"]) by(id).value = by(id).dataset.usual;
    by("columns").value = by("columns").dataset.usual;
    select();
  }));
  by("overview").addEventListener("toggle", () => { if (pictures && by("overview").open) overview(pictures.around, pictures.outside); });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    by("samples").scrollIntoView();
    by("list").focus();
  });
  dark.addEventListener("change", () => {
    if (pictures) overview(pictures.around, pictures.outside);
    if (shown !== null) show(shown);
  });
  addEventListener("hashchange", () => { if (location.hash !== written) read(); });
  if (!(await read())) await select();
})();
