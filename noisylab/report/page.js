"use strict";
// Downloads, sorted tables and what packed contents have in common. Every page has it.
const page = (() => {
  const by = (id) => document.getElementById(id);

  function bytesOf(base64) {
    // Not in every browser yet, and much faster.
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const text = atob(base64), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  /** The bytes of a packed script element: base64 of gzip. */
  async function unpack(id) {
    const stream = new Blob([bytesOf(by(id).textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  function save(url, name) {
    const link = Object.assign(document.createElement("a"), {href: url, download: name});
    document.body.append(link);
    link.click();
    link.remove();
  }
  function saveBytes(bytes, name) {
    const url = URL.createObjectURL(new Blob([bytes], {type: "text/csv;charset=utf-8"}));
    save(url, name);
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  // As `noisylab.core.foreign_text.for_csv` does: a text that a spreadsheet would run gets an apostrophe.
  function csvCell(value) {
    let text = String(value ?? "");
    if (typeof value !== "number" && /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]./su.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
    return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }
  const csv = (rows) => rows.map((row) => row.map(csvCell).join(",") + "\n").join("");

  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a.download");
    if (!link) return;
    event.preventDefault();
    if (link.dataset.csv) saveBytes(await unpack(link.dataset.csv), link.download);
    else save(link.closest("figure").querySelector("img").src, link.download);
  });

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    for (const [column, head] of heads.entries()) {
      head.querySelector("button").addEventListener("click", () => {
        const sign = head.ariaSort === "ascending" ? -1 : 1;
        const keys = new Map([...body.rows].map((row) => {
          const cell = row.cells[column];
          return [row, cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value)];
        }));
        const compare = (a, b) => {
          if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
          return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", {numeric: true}));
        };
        body.append(...[...body.rows].sort((a, b) => compare(keys.get(a), keys.get(b))));
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
      });
    }
  }

  // What scrolls can be reached with the keyboard.
  const watch = new ResizeObserver((entries) => {
    for (const {target} of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  const reachable = (element) => watch.observe(element);
  document.querySelectorAll(".wide").forEach(reachable);

  return {by, unpack, saveBytes, csv, reachable};
})();
