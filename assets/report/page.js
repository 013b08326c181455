"use strict";
const root = document.documentElement;
const found = [...document.querySelectorAll("[data-words]")];
const layers = [...document.querySelectorAll("section.layer")];
const search = document.getElementById("search");
let waiting = 0;

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const one of found) {
    one.hidden = !words.every((word) => one.dataset.words.includes(word));
  }
  let any = false;
  for (const layer of layers) {
    const cards = layer.querySelector("article:not([hidden])");
    const line = layer.querySelector("tr[data-words]:not([hidden])");
    layer.hidden = words.length > 0 && !cards && !line;
    const table = layer.querySelector("details");
    if (table && words.length) table.open = !cards && !!line;
    any = any || !layer.hidden;
  }
  document.getElementById("nothing").hidden = any;
}

search.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(filter, 120);
});

document.getElementById("theme").addEventListener("click", () => {
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
