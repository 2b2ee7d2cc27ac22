/** The list of models: filtered, and with no more rows than somebody can read. */

import { button, element, on, setTabStop, ui } from "./elements.js";

const ROWS = 100;

let models = [];
let found, missing, rows, chosen, onChoose;

const buttons = () => [...ui.models.querySelectorAll("button")];

/** Empties the list; `choose` gets each model that the caller chooses. */
export function clear(choose) {
  models = [];
  missing = "";
  chosen = null;
  onChoose = choose;
  ui.filter.value = "";
  search();
  say("Loading …");
}

export function add(more) {
  models.push(...more);
  if (!models.length) say("Your key may call no model. Ask the platform team for a grant.");
  search();
}

export function end(reason) {
  missing = `, and no more could be loaded. ${reason}`;
  search();
}

export function say(sentence) {
  ui.catalogCount.textContent = sentence;
}

function search() {
  const words = ui.filter.value.toLowerCase().split(/\s+/);
  found = models.filter(({ name, kind, description }) => {
    const text = `${name} ${kind} ${description ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  render(ROWS);
  const [few, all] = [found.length, models.length].map((count) => count.toLocaleString("en"));
  if (models.length) say(`${few === all ? all : `${few} of ${all}`} models${missing}`);
}

function render(most) {
  rows = most;
  ui.models.replaceChildren(...found.slice(0, rows).map(rowOf));
  ui.moreModels.hidden = found.length <= rows;
  setTabStop(buttons(), buttons().find((row) => row.ariaCurrent === "true") ?? buttons()[0]);
}

function rowOf(model) {
  const { name, kind, description } = model;
  const row = button(element("strong", {}, name), () => choose(model, row), "button.entry");
  row.append(element("span.badge", {}, kind), element("span.quiet", {}, description ?? ""));
  row.ariaCurrent = model === chosen;
  return element("li", {}, row);
}

function choose(model, row) {
  chosen = model;
  for (const other of buttons()) other.ariaCurrent = other === row;
  focus(row);
  onChoose(model);
}

function focus(row) {
  setTabStop(buttons(), row);
  row?.focus();
}

on("filter", "input", search);
on("filter", "keydown", (event) => {
  if (event.key === "ArrowDown") focus(buttons()[0]);
  else if (event.key === "Enter") buttons()[0]?.click();
});
on("models", "keydown", (event) => {
  const at = buttons().indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  if (at + step < 0) ui.filter.focus();
  else focus(buttons()[at + step] ?? buttons()[at]);
});
on("more-models", "click", () => {
  render(rows + ROWS);
  focus(buttons()[rows - ROWS]);
});
