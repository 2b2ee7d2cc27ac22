/** The list of models: filtered, and with no more rows than somebody can read. */

import { byId, button, element, on } from "./elements.js";

const ROWS = 100;

let models = [];
let found = [];
let missing = "";
let rows = ROWS;
let chosen = null;
let onChoose = null;

const buttons = () => [...byId("models").querySelectorAll("button")];

/** Empties the list; `choose` is called with each model that the caller chooses. */
export function clear(choose) {
  models = [];
  missing = "";
  chosen = null;
  onChoose = choose;
  byId("filter").value = "";
  search();
  say("Loading …");
}

export function add(more) {
  models.push(...more);
  if (!models.length) say("Your key may call no model. Ask the platform team for a grant.");
  search();
}

/** Says why the list is not complete. */
export function end(reason) {
  missing = `, and no more could be loaded. ${reason}`;
  search();
}

export function say(sentence) {
  byId("catalog-count").textContent = sentence;
}

function search() {
  const words = byId("filter").value.toLowerCase().split(/\s+/);
  found = models.filter(({ name, kind, description }) => {
    const text = `${name} ${kind} ${description ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  rows = ROWS;
  render();
  const [few, all] = [found.length, models.length].map((count) => count.toLocaleString("en"));
  if (models.length) say(`${few === all ? all : `${few} of ${all}`} models${missing}`);
}

function render() {
  byId("models").replaceChildren(...found.slice(0, rows).map(rowOf));
  byId("more-models").hidden = found.length <= rows;
  setTabStop(buttons().find((row) => row.ariaCurrent === "true") ?? buttons()[0]);
}

function rowOf(model) {
  const { name, kind, description } = model;
  const row = button(element("strong", {}, name), () => choose(model, row), { className: "entry" });
  row.append(
    element("span", { className: "badge" }, kind),
    element("span", { className: "quiet" }, description ?? ""),
  );
  row.ariaCurrent = model === chosen;
  return element("li", {}, row);
}

function choose(model, row) {
  chosen = model;
  for (const other of buttons()) other.ariaCurrent = other === row;
  setTabStop(row);
  onChoose(model);
}

/** Makes one row reachable with Tab; arrows lead to the others. */
function setTabStop(row) {
  for (const other of buttons()) other.tabIndex = other === row ? 0 : -1;
}

function focus(row) {
  setTabStop(row);
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
  if (at + step < 0) byId("filter").focus();
  else focus(buttons()[at + step] ?? buttons()[at]);
});
on("more-models", "click", () => {
  rows += ROWS;
  render();
  focus(buttons()[rows - ROWS]);
});
