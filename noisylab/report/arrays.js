"use strict";
// The packed arrays and thumbnails of the samples. Each is unpacked when it is first asked for, and kept.
const arrays = (() => {
  const about = JSON.parse(page.by("about").textContent);
  const kept = new Map();
  function array(name, Type) {
    if (!kept.has(name)) kept.set(name, page.unpack(`array-${name}`).then((buffer) => new Type(buffer)));
    return kept.get(name);
  }

  const sheets = new Map();
  function sheet(number) {
    if (!sheets.has(number)) {
      sheets.set(number, new Promise((resolve, reject) => {
        const image = new Image();
        image.onload = () => resolve(image);
        image.onerror = () => reject(new Error(`sheet ${number} of the thumbnails is damaged`));
        image.src = page.by(`sheet-${number}`).textContent;
      }));
    }
    return sheets.get(number);
  }

  /** Draw the thumbnail of the sample at a position. */
  async function draw(canvas, position) {
    const [height, width] = about.tile;
    const place = position % about.perSheet;
    canvas.width = width;
    canvas.height = height;
    const x = (place % about.perRow) * width, y = Math.floor(place / about.perRow) * height;
    canvas.getContext("2d").drawImage(await sheet(Math.floor(position / about.perSheet)), x, y, width, height, 0, 0, width, height);
  }

  /** A function from the name of a score to its values in a run. */
  async function scoresOf(run) {
    const all = await array(`scores${run.number}`, Float32Array);
    return (name) => {
      const place = run.scores.indexOf(name);
      return place < 0 ? null : all.subarray(place * about.count, (place + 1) * about.count);
    };
  }
  return {about, array, draw, scoresOf};
})();
