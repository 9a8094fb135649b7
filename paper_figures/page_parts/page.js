"use strict";
const byId = (id) => document.getElementById(id);
const filters = ["network", "technique", "family"];
const root = document.documentElement;

function filter() {
  const wanted = filters.map((name) => [name, byId(name).value]).filter(([, value]) => value);
  const fits = (element) => wanted.every(([name, value]) =>
    element.dataset[name] === undefined || element.dataset[name].split(" ").includes(value));
  let shown = 0;
  for (const figure of document.querySelectorAll("article")) {
    figure.hidden = !fits(figure);
    shown += figure.hidden ? 0 : 1;
  }
  for (const row of document.querySelectorAll("tbody tr")) row.hidden = !fits(row);
  byId("count").textContent = `${shown} figure${shown === 1 ? "" : "s"}`;
  byId("nothing").hidden = shown > 0;
}

const themes = { "": "as the system", light: "light", dark: "dark" };

function show(theme) {
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  byId("theme").textContent = `Theme: ${themes[theme]}`;
}

function remembered(theme) {
  try { // browsers may forbid storage to files
    if (theme === undefined) return localStorage.getItem("theme") || "";
    localStorage.setItem("theme", theme);
  } catch { /* then the choice lasts until the page is closed */ }
  return theme || "";
}

byId("theme").addEventListener("click", () => {
  const names = Object.keys(themes);
  const next = names[(names.indexOf(root.dataset.theme || "") + 1) % names.length];
  show(remembered(next));
});
byId("filters").addEventListener("change", filter);
byId("filters").addEventListener("reset", () => setTimeout(filter)); // after the browser has reset the choices
byId("filters").addEventListener("submit", (event) => event.preventDefault());
show(remembered() in themes ? remembered() : "");
filter();
