"use strict";
(async () => {
  const about = JSON.parse(document.getElementById("about").textContent);
  const PAGE = 60;
  const WORDS = ["another class", "given label", "true label", "not seen"];
  const by = (id) => document.getElementById(id);

  // Arrays are unpacked when they are first asked for, and kept.
  const unpacked = new Map();
  function unpack(name, Type) {
    if (!unpacked.has(name)) {
      const text = atob(by(`array-${name}`).textContent);
      const bytes = new Uint8Array(text.length);
      for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      unpacked.set(name, new Response(stream).arrayBuffer().then((buffer) => new Type(buffer)));
    }
    return unpacked.get(name);
  }

  const sheets = new Map();
  function sheet(number) {
    if (!sheets.has(number)) {
      sheets.set(number, new Promise((resolve, reject) => {
        const image = new Image();
        image.onload = () => resolve(image);
        image.onerror = () => reject(new Error(`sheet ${number} of the thumbnails is damaged`));
        image.src = by(`sheet-${number}`).textContent;
      }));
    }
    return sheets.get(number);
  }
  async function draw(canvas, position) {
    const [height, width] = about.tile;
    const place = position % about.perSheet;
    canvas.width = width;
    canvas.height = height;
    const x = (place % about.perRow) * width, y = Math.floor(place / about.perRow) * height;
    canvas.getContext("2d").drawImage(await sheet(Math.floor(position / about.perSheet)), x, y, width, height, 0, 0, width, height);
  }

  const [given, truth, sample] = await Promise.all([unpack("given", Uint16Array), unpack("true", Uint16Array), unpack("sample", Uint32Array)]);
  let order = [], page = 0, shown = null, turn = 0;

  function fill(select, pairs) {
    select.replaceChildren(...pairs.map(([value, text]) => new Option(text, value)));
  }
  const classes = about.classes.map((name, number) => [number, name]);
  fill(by("method"), about.methods.map((name, number) => [number, name]));
  fill(by("true"), [["", "any"], ...classes]);
  fill(by("given"), [["", "any"], ...classes]);
  function offerScores() {
    const before = by("sort").value;
    const names = about.scores[about.methods[Number(by("method").value)]];
    fill(by("sort"), [...names.map((name) => [name, name.replaceAll("_", " ")]), ["sample", "sample number"]]);
    if (names.includes(before) || before === "sample") by("sort").value = before;
  }
  offerScores();

  async function scoresOf(number) {
    const all = await unpack(`scores${number}`, Float32Array);
    const names = about.scores[about.methods[number]];
    return (name) => all.subarray(names.indexOf(name) * about.count, (names.indexOf(name) + 1) * about.count);
  }

  async function select() {
    const mine = ++turn;
    const number = Number(by("method").value), sort = by("sort").value;
    const last = await unpack(`last${number}`, Uint16Array);
    const values = sort === "sample" ? sample : (await scoresOf(number))(sort);
    if (mine !== turn) return;
    const which = by("which").value, wantTrue = by("true").value, wantGiven = by("given").value;
    const low = by("low").value === "" ? -Infinity : Number(by("low").value);
    const high = by("high").value === "" ? Infinity : Number(by("high").value);
    const bounded = by("low").value !== "" || by("high").value !== "";
    const keep = [];
    for (let i = 0; i < about.count; i++) {
      const wrong = given[i] !== truth[i];
      if (which === "mislabelled" && !wrong) continue;
      if (which === "clean" && wrong) continue;
      if (which === "memorised" && !(wrong && last[i] === given[i])) continue;
      if (which === "recovered" && !(wrong && last[i] === truth[i])) continue;
      if (wantTrue !== "" && truth[i] !== Number(wantTrue)) continue;
      if (wantGiven !== "" && given[i] !== Number(wantGiven)) continue;
      if (bounded && !(values[i] >= low && values[i] <= high)) continue;
      keep.push(i);
    }
    // Suspect first: high or low values, as the score has it; what has no value comes last.
    const descending = (sort !== "sample" && about.high[sort]) === (by("order").value === "suspect");
    const sign = descending ? -1 : 1;
    const missing = (i) => Number.isNaN(values[i]);
    keep.sort((a, b) => (missing(a) - missing(b)) || sign * compare(values[a], values[b]) || a - b);
    order = keep;
    page = 0;
    const all = about.count.toLocaleString("en");
    by("count").textContent = `${order.length.toLocaleString("en")} of ${all} samples`;
    await showPage(values, sort);
    document.body.dataset.ready = String(mine);
  }

  // Not a difference: that of two infinite values is no number.
  const compare = (a, b) => (a > b) - (a < b);

  function format(value) {
    if (value === Infinity) return "∞ (never)";
    return Number.isNaN(value) ? "–" : Number.isInteger(value) ? String(value) : value.toPrecision(3);
  }

  async function showPage(values, sort) {
    const pages = Math.max(1, Math.ceil(order.length / PAGE));
    by("page").textContent = `page ${page + 1} of ${pages}`;
    by("previous").disabled = page === 0;
    by("next").disabled = page + 1 >= pages;
    const drawn = [];
    by("tiles").replaceChildren(...order.slice(page * PAGE, (page + 1) * PAGE).map((i) => {
      const button = document.createElement("button"), canvas = document.createElement("canvas");
      button.type = "button";
      button.dataset.position = i;
      button.className = given[i] === truth[i] ? "clean" : "mislabelled";
      button.setAttribute("aria-pressed", String(i === shown));
      const label = document.createElement("span"), detail = document.createElement("span");
      label.textContent = given[i] === truth[i] ? about.classes[truth[i]] : `${about.classes[truth[i]]} → ${about.classes[given[i]]}`;
      detail.textContent = sort === "sample" ? `# ${sample[i]}` : format(values[i]);
      button.title = `sample ${sample[i]}: ${label.textContent}`;
      button.append(canvas, label, detail);
      button.addEventListener("click", () => show(i));
      drawn.push(draw(canvas, i));
      return button;
    }));
    await Promise.all(drawn);
  }

  async function show(i) {
    shown = i;
    for (const button of by("tiles").children) button.setAttribute("aria-pressed", String(Number(button.dataset.position) === i));
    const canvas = document.createElement("canvas"), head = document.createElement("h3"), curve = document.createElement("div");
    curve.id = "curve";
    if (about.methods.length > 6) curve.className = "many";
    const wrong = given[i] !== truth[i];
    head.textContent = `Sample ${sample[i]}: ` + (wrong
      ? `${about.classes[truth[i]]}, labelled as ${about.classes[given[i]]}` : `${about.classes[truth[i]]}, rightly labelled`);
    const table = document.createElement("table"), headRow = table.createTHead().insertRow(), body = table.createTBody();
    for (const text of ["", ...about.methods]) headRow.appendChild(Object.assign(document.createElement("th"), {textContent: text}));
    const rows = [["predicted at the end", []]];
    const names = [...new Set(about.methods.flatMap((method) => about.scores[method]))];
    for (const name of names) rows.push([name.replaceAll("_", " "), []]);
    const traces = [];
    for (const [number, method] of about.methods.entries()) {
      const last = await unpack(`last${number}`, Uint16Array), values = await scoresOf(number);
      rows[0][1].push(about.classes[last[i]] ?? "–");
      for (const [k, name] of names.entries()) {
        rows[k + 1][1].push(about.scores[method].includes(name) ? format(values(name)[i]) : "–");
      }
      const bytes = await unpack(`curves${number}`, Uint8Array);
      const epochs = about.epochs[method], point = epochs.map((_, e) => bytes[e * about.count + i]);
      traces.push({
        x: epochs, y: point.map((b) => (b >> 6) === 3 ? null : (b & 63) / 63), name: about.legend[number], mode: "lines+markers",
        // More lines cannot be told apart; the legend brings in the others.
        visible: number < 6 || number === Number(by("method").value) ? true : "legendonly",
        line: {color: about.colors[method], width: 1.5},
        marker: {size: 6, symbol: point.map((b) => ["x", "circle", "star", "circle-open"][b >> 6])},
        text: point.map((b) => `predicted as ${WORDS[b >> 6]}`), hovertemplate: "epoch %{x}: %{y:.2f}, %{text}",
      });
    }
    for (const [name, cells] of rows) {
      const row = body.insertRow();
      for (const text of [name, ...cells]) row.insertCell().textContent = text;
    }
    const legend = document.createElement("p");
    legend.className = "quiet";
    legend.textContent = "● predicted as the given label" + (wrong ? ", ★ as the true label" : "") + ", × as another class";
    if (shown !== i) return;
    const scroll = document.createElement("div");
    scroll.className = "wide";
    scroll.append(table);
    by("detail").replaceChildren(head, canvas, curve, legend, scroll);
    await draw(canvas, i);
    await Plotly.newPlot(curve, traces, {
      margin: {l: 45, r: 10, t: 10, b: 40}, xaxis: {title: {text: "epoch"}}, legend: {orientation: "h", y: -0.38},
      yaxis: {title: {text: "probability of the given label"}, range: [-0.03, 1.03]},
    }, {displayModeBar: false, responsive: true});
    by("detail").dataset.sample = sample[i];
  }

  async function turnPage(step) {
    page += step;
    const sort = by("sort").value;
    const values = sort === "sample" ? sample : (await scoresOf(Number(by("method").value)))(sort);
    await showPage(values, sort);
  }
  by("previous").addEventListener("click", () => turnPage(-1));
  by("next").addEventListener("click", () => turnPage(1));
  for (const id of ["which", "true", "given", "sort", "order", "low", "high"]) by(id).addEventListener("change", select);
  by("method").addEventListener("change", () => { offerScores(); return select(); });
  by("filters").addEventListener("reset", () => setTimeout(() => { offerScores(); select(); }));
  await select();
})();
