"use strict";
// Without this script the page shows the same; with it, a pointer reads values and rows can be sorted.
const list = document.getElementById("operators");
for (const figure of document.querySelectorAll("figure")) {
  const points = JSON.parse(figure.dataset.points);
  const charts = [...figure.querySelectorAll("svg")];
  const said = figure.querySelector("output");
  const show = (event) => {
    const svg = event.currentTarget, box = svg.getBoundingClientRect();
    const left = +svg.dataset.left, right = +svg.dataset.right;
    const at = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    const low = points[0][1], high = points[points.length - 1][1];
    const x = low + Math.min(Math.max((at - left) / (right - left), 0), 1) * (high - low);
    const nearest = points.reduce((a, b) => Math.abs(b[1] - x) < Math.abs(a[1] - x) ? b : a);
    const [q, real, wanted, answer] = nearest;
    const error = wanted === null ? "not defined" : (answer - wanted).toPrecision(3);
    said.textContent = `q = ${q}   x = ${real}   f(x) = ${wanted ?? "not defined"}   table = ${answer}   error = ${error}`;
    const across = left + (high > low ? (real - low) / (high - low) : 0) * (right - left);
    for (const each of charts) each.querySelector(".cursor").setAttribute("d", `M${across} 10V206`);
  };
  if (points.length) for (const svg of charts) svg.addEventListener("pointermove", show);
}
if (list) {
  const rows = [...list.children], worst = document.getElementById("worst"), all = document.getElementById("all");
  let sorted = false, open = false;
  worst.hidden = all.hidden = false;
  worst.addEventListener("click", () => {
    sorted = !sorted;
    worst.textContent = sorted ? "Program order" : "Worst first";
    const snr = (row) => row.dataset.snr === "" ? Infinity : +row.dataset.snr;
    const by = sorted ? (a, b) => snr(a) - snr(b) || a.dataset.order - b.dataset.order : (a, b) => a.dataset.order - b.dataset.order;
    list.append(...rows.sort(by));
  });
  const openAll = (state) => {
    open = state;
    all.textContent = open ? "Close all" : "Open all";
    for (const row of rows) row.open = open;
  };
  all.addEventListener("click", () => openAll(!open));
  addEventListener("beforeprint", () => openAll(true));
}
