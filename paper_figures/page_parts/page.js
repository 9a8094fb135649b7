"use strict";
const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const filters = all("#filters select").map((select) => select.id);
const root = document.documentElement;

function filter() {
  const wanted = filters.map((name) => [name, byId(name).value]).filter(([, value]) => value);
  const fits = (element) => wanted.every(([name, value]) =>
    element.dataset[name] === undefined || element.dataset[name].split(" ").includes(value));
  const figures = all("article");
  for (const figure of figures) figure.hidden = !fits(figure);
  for (const family of all("section.family")) {
    family.hidden = all("article", family).every((figure) => figure.hidden);
    for (const link of all(`[data-of="${family.id}"]`)) link.hidden = family.hidden;
  }
  for (const body of all("tbody")) {
    const rows = all("tr:not(.statement)", body);
    for (const row of rows) row.hidden = !fits(row);
    for (const head of all("tr.statement", body)) head.hidden = rows.every((row) => row.hidden);
  }
  const shown = figures.filter((figure) => !figure.hidden).length;
  byId("count").textContent = `${shown} figure${shown === 1 ? "" : "s"}`;
  byId("nothing").hidden = shown > 0;
}

function remember() { // in the address, so that a link shows the same
  const query = new URLSearchParams(filters.filter((name) => byId(name).value).map((name) => [name, byId(name).value]));
  try {
    history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
  } catch { /* a browser may forbid it to files: then the choice is not in the link */ }
}

function recall() {
  const query = new URLSearchParams(location.search);
  for (const name of filters) {
    const value = query.get(name) || "";
    byId(name).value = all("option", byId(name)).some((option) => option.value === value) ? value : "";
  }
  filter();
}

function reveal() { // a link to what the filter hides shows all
  const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.closest("[hidden]") || all("tr", target).some((row) => row.classList.contains("statement") && row.hidden)) {
    byId("filters").reset();
    setTimeout(() => target.scrollIntoView());
  }
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
byId("filters").addEventListener("change", () => { filter(); remember(); });
byId("filters").addEventListener("reset", () => setTimeout(() => { filter(); remember(); })); // after the browser did it
byId("filters").addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", reveal);
byId("filters").hidden = byId("theme").hidden = false; // without scripts there is nothing to choose, and all is shown
show(remembered() in themes ? remembered() : "");
recall();
reveal();
