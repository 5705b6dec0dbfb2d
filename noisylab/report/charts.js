"use strict";
// Curves, scatter and histograms, drawn with uPlot in the colours of the page.
const charts = (() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const FONT = "12px system-ui, sans-serif";
  const short = (value) => String(Number(value.toPrecision(3)));

  function axis(label, more = {}) {
    const line = {stroke: colour("line"), width: 1};
    return {label, labelFont: FONT, font: FONT, labelSize: 18, labelGap: 0, stroke: colour("ink"), grid: line, ticks: {...line, size: 4}, ...more};
  }

  // A chart goes with its box: it is as wide, and ends with it.
  const drawn = new Map();
  const resized = new ResizeObserver((entries) => {
    for (const {target, contentRect} of entries) {
      const chart = drawn.get(target);
      if (chart && contentRect.width > 0 && Math.abs(chart.width - contentRect.width) > 1) chart.setSize({width: contentRect.width, height: chart.height});
    }
  });
  function draw(box, options, data, words) {
    drawn.get(box)?.destroy();
    box.replaceChildren();
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", words);
    const chart = new uPlot({width: box.clientWidth || 320, legend: {show: false}, ...options}, data, box);
    drawn.set(box, chart);
    box.chart = chart;
    resized.observe(box);
    return chart;
  }
  function forget(box) {
    drawn.get(box)?.destroy();
    drawn.delete(box);
    resized.unobserve(box);
  }

  function glyph(ctx, state, x, y, size) {
    ctx.beginPath();
    if (state === 1) ctx.arc(x, y, size, 0, 2 * Math.PI);
    else if (state === 2) {
      for (let k = 0; k < 10; k++) {
        const turn = Math.PI * (k / 5 - 0.5), far = k % 2 ? 0.65 * size : 1.6 * size;
        ctx.lineTo(x + far * Math.cos(turn), y + far * Math.sin(turn));
      }
    } else {
      for (const sign of [-1, 1]) {
        ctx.moveTo(x - size, y - sign * size);
        ctx.lineTo(x + size, y + sign * size);
      }
      ctx.stroke();
      return;
    }
    ctx.closePath();
    ctx.fill();
  }

  /** The probability of the given label over epochs. lines: name, color, line, epochs, values, states, words of each. */
  function curve(box, lines, say) {
    const data = uPlot.join(lines.map(({epochs, values}) => [epochs, values]));
    const states = uPlot.join(lines.map(({epochs, states: each}) => [epochs, each]));
    const words = lines.map(({name, epochs, values}) => {
      const seen = values.flatMap((value, k) => (value === null ? [] : [k]));
      if (!seen.length) return `${name} not recorded`;
      const [first, last] = [seen[0], seen.at(-1)];
      return `${name} from ${short(values[first])} at epoch ${epochs[first]} to ${short(values[last])} at epoch ${epochs[last]}`;
    });
    return draw(box, {
      height: 250,
      scales: {x: {time: false}, y: {range: [-0.04, 1.04]}},
      axes: [axis("epoch", {size: 28, incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000]}), axis("probability of the given label", {size: 40})],
      cursor: {points: {show: false}, drag: {x: false, y: false}, y: false},
      series: [{}, ...lines.map((line) => ({label: line.name, stroke: line.color, width: 1.6, dash: line.line, points: {show: false}}))],
      hooks: {
        draw: [(u) => {
          const size = 3.2 * devicePixelRatio;
          u.ctx.save();
          u.ctx.lineWidth = 1.4 * devicePixelRatio;
          for (let s = 1; s < data.length; s++) {
            if (!u.series[s].show) continue;
            u.ctx.fillStyle = u.ctx.strokeStyle = lines[s - 1].color;
            for (let k = 0; k < data[0].length; k++) {
              if (data[s][k] == null) continue;
              glyph(u.ctx, states[s][k], u.valToPos(data[0][k], "x", true), u.valToPos(data[s][k], "y", true), size);
            }
          }
          u.ctx.restore();
        }],
        setCursor: [(u) => {
          const k = u.cursor.idx;
          say(k == null ? "" : `epoch ${data[0][k]}: ` + lines.flatMap((line, s) =>
            (data[s + 1][k] == null || !u.series[s + 1].show ? [] : [`${line.name} ${short(data[s + 1][k])} (${line.words[states[s + 1][k]]})`])).join(", "));
        }],
      },
    }, data, `Probability of the given label over epochs: ${words.join("; ")}.`);
  }

  const finite = (values, ids) => ids.filter((i) => Number.isFinite(values[i]));
  function range(values, ids) {
    let low = Infinity, high = -Infinity;
    for (const i of ids) {
      if (values[i] < low) low = values[i];
      if (values[i] > high) high = values[i];
    }
    if (low > high) return [0, 1];
    const margin = 0.04 * (high - low) || 0.5;
    return [low - margin, high + margin];
  }

  /** Two scores of samples. inBox: whether a sample is in the chosen box. onBox and onPoint: told of a box, and of a click on a sample. */
  function scatter(box, {x, y, names, ids, wrong, inBox, frame, shown, onBox, onPoint}) {
    const there = finite(y, finite(x, ids));
    // What is mislabelled lies above.
    const order = [...there.filter((i) => !wrong(i)), ...there.filter(wrong)];
    const size = there.length > 20_000 ? 2 : there.length > 3_000 ? 3 : 5;
    const colours = {clean: colour("clean"), wrong: colour("wrong"), ink: colour("ink")};
    function points(u) {
      const pixels = size * devicePixelRatio, arm = Math.max(1, pixels / 3);
      const {ctx} = u;
      ctx.save();
      ctx.beginPath();
      ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      ctx.clip();
      for (const i of order) {
        const px = u.valToPos(x[i], "x", true), py = u.valToPos(y[i], "y", true);
        ctx.globalAlpha = inBox(i) ? 0.75 : 0.12;
        if (wrong(i)) {
          ctx.fillStyle = colours.wrong;
          ctx.fillRect(px - pixels * 0.7, py - arm / 2, pixels * 1.4, arm);
          ctx.fillRect(px - arm / 2, py - pixels * 0.7, arm, pixels * 1.4);
        } else {
          ctx.fillStyle = colours.clean;
          ctx.fillRect(px - pixels / 2, py - pixels / 2, pixels, pixels);
        }
      }
      ctx.globalAlpha = 1;
      const chosen = shown();
      if (chosen !== null && Number.isFinite(x[chosen]) && Number.isFinite(y[chosen])) {
        ctx.strokeStyle = colours.ink;
        ctx.lineWidth = 2 * devicePixelRatio;
        ctx.beginPath();
        ctx.arc(u.valToPos(x[chosen], "x", true), u.valToPos(y[chosen], "y", true), 7 * devicePixelRatio, 0, 2 * Math.PI);
        ctx.stroke();
      }
      ctx.restore();
    }
    let dragged = false;
    const chart = draw(box, {
      height: 260,
      scales: {x: {time: false, range: range(x, there)}, y: {range: range(y, there)}},
      axes: [axis(names[0], {size: 28}), axis(names[1], {size: 50})],
      cursor: {points: {show: false}, drag: {x: true, y: true, setScale: false, dist: 4}},
      series: [{}, {show: true, points: {show: false}, stroke: "transparent"}],
      hooks: {
        draw: [points],
        setSelect: [(u) => {
          const {left, top, width, height} = u.select;
          if (width < 3 || height < 3) return;
          dragged = true;
          onBox([u.posToVal(left, "x"), u.posToVal(left + width, "x"), u.posToVal(top + height, "y"), u.posToVal(top, "y")]);
        }],
      },
    }, [[0, 1], [null, null]], `Scatter of ${names[1]} against ${names[0]} of ${there.length} samples, ${there.filter(wrong).length} of them mislabelled.`);
    if (frame) {
      const left = chart.valToPos(frame[0], "x"), top = chart.valToPos(frame[3], "y");
      chart.setSelect({left, top, width: chart.valToPos(frame[1], "x") - left, height: chart.valToPos(frame[2], "y") - top}, false);
    }
    chart.over.addEventListener("click", () => {
      if (dragged) { dragged = false; return; }
      const {left, top} = chart.cursor;
      let best = null, least = 12 ** 2;
      for (const i of order) {
        const away = (chart.valToPos(x[i], "x") - left) ** 2 + (chart.valToPos(y[i], "y") - top) ** 2;
        if (away <= least) [best, least] = [i, away];
      }
      if (best !== null) onPoint(best);
    });
    return there.length;
  }

  /** The shares of clean and of mislabelled samples over the values of a score. */
  function histogram(box, values, name, ids, wrong, bins = 40) {
    const there = finite(values, ids), [low, high] = range(values, there);
    const edges = Array.from({length: bins + 1}, (_, k) => low + (k / bins) * (high - low));
    const counts = [new Array(bins + 1).fill(0), new Array(bins + 1).fill(0)];
    for (const i of there) counts[Number(wrong(i))][Math.min(bins - 1, Math.floor(((values[i] - low) / (high - low)) * bins))]++;
    const totals = counts.map((each) => each.reduce((a, b) => a + b, 0));
    const shares = counts.map((each, k) => each.map((count) => (totals[k] ? count / totals[k] : 0)));
    const series = ["clean", "wrong"].map((group) => ({
      stroke: colour(group), fill: colour(`${group}-fill`), width: 1.5, dash: group === "clean" ? [5, 3] : [], points: {show: false}, paths: uPlot.paths.stepped({align: 1}),
    }));
    const mean = (k) => {
      const sum = there.reduce((total, i) => total + (Number(wrong(i)) === k ? values[i] : 0), 0);
      return totals[k] ? short(sum / totals[k]) : "none";
    };
    return draw(box, {
      height: 120,
      scales: {x: {time: false, range: [low, high]}, y: {range: (_, __, most) => [0, most * 1.05 || 1]}},
      axes: [axis(name, {size: 24}), axis("share", {size: 50})],
      cursor: {show: false},
      series: [{}, ...series],
    }, [edges, ...shares], `Histogram of ${name}: mean ${mean(0)} of ${totals[0]} clean and ${mean(1)} of ${totals[1]} mislabelled samples.`);
  }

  return {curve, scatter, histogram, forget, colour, finite};
})();
