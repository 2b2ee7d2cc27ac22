/** A picture of 8×8 cells to draw: each is a number from 0 to 16, as in the digits data set. */

import { byId, element, on } from "./elements.js";

const SIDE = 8;
const INK = 16;
const PEN = 1.2; // in cells: a cell whose middle is farther away gets no ink
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const grid = byId("grid");
const cells = Array.from({ length: SIDE * SIDE }, () =>
  element("div", { role: "gridcell", className: "cell", tabIndex: -1 }),
);
let last = null;

/** The 64 numbers, row by row. */
export let values = [];

/** Shows these 64 numbers; without any, an empty picture. */
export function load(numbers) {
  values = cells.map((_, at) => Math.min(Math.max(0, Math.round(numbers[at] ?? 0)), INK));
  values.forEach((value, at) => {
    cells[at].style.setProperty("--ink", `${(value / INK) * 100}%`);
    const [column, row] = placeOf(at);
    cells[at].ariaLabel = `row ${row + 1}, column ${column + 1}: ${value}`;
  });
}

const placeOf = (at) => [at % SIDE, Math.floor(at / SIDE)];

function change(numbers) {
  load(numbers);
  grid.dispatchEvent(new Event("input", { bubbles: true }));
}

function onKey(event) {
  const at = cells.indexOf(document.activeElement);
  const [right, down] = STEPS[event.key] ?? [0, 0];
  if (event.key === " ") {
    change(values.map((value, cell) => (cell === at ? (value < INK / 2 ? INK : 0) : value)));
  } else if (right || down) {
    const [column, row] = placeOf(at);
    if (Math.floor((column + right) / SIDE) === 0) focus(cells[at + right + down * SIDE] ?? cells[at]);
  } else return;
  event.preventDefault();
}

function focus(cell) {
  for (const other of cells) other.tabIndex = other === cell ? 0 : -1;
  cell.focus();
}

/** Draws a line from the last place of the pointer to this one. */
function draw({ clientX, clientY }) {
  const { left, top, width, height } = grid.getBoundingClientRect();
  const to = [((clientX - left) / width) * SIDE, ((clientY - top) / height) * SIDE];
  const [fromX, fromY] = last ?? to;
  const [x, y] = [to[0] - fromX, to[1] - fromY];
  const steps = Math.ceil(Math.hypot(x, y) * 4) || 1;
  let drawn = values;
  for (let step = 0; step <= steps; step += 1) {
    drawn = dab(drawn, fromX + (x * step) / steps, fromY + (y * step) / steps);
  }
  last = to;
  change(drawn);
}

/** Returns the numbers after the pen has touched a place: less ink in cells that are farther. */
const dab = (numbers, x, y) =>
  numbers.map((value, at) => {
    const [column, row] = placeOf(at);
    const distance = Math.hypot(column + 0.5 - x, row + 0.5 - y);
    return Math.max(value, Math.min(1, (PEN - distance) * 2) * INK);
  });

cells[0].tabIndex = 0;
for (let at = 0; at < cells.length; at += SIDE) {
  grid.append(element("div", { role: "row" }, ...cells.slice(at, at + SIDE)));
}
on("grid", "keydown", onKey);
on("grid", "pointerdown", (event) => {
  if (event.button) return;
  event.preventDefault();
  grid.setPointerCapture(event.pointerId);
  draw(event);
});
on("grid", "pointermove", (event) => last && draw(event));
for (const end of ["pointerup", "pointercancel"]) on("grid", end, () => (last = null));
on("clear", "click", () => change([]));
