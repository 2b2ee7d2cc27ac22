/** A picture of 8×8 cells to draw: each is a number from 0 to 16, as in the digits data set. */

import { element, on, setTabStop, ui } from "./elements.js";

const SIDE = 8;
const INK = 16;
const PEN = 1.2; // in cells: one whose middle is farther away gets no ink
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const { grid } = ui;
const cells = Array.from({ length: SIDE * SIDE }, () =>
  element("div.cell", { role: "gridcell", tabIndex: -1 }),
);
let last;

/** The 64 numbers, row by row. */
export let values = [];

/** Shows these 64 numbers; without any, an empty picture. */
export function load(numbers) {
  values = cells.map((cell, at) => {
    const value = Math.min(Math.max(0, Math.round(numbers[at] ?? 0)), INK);
    cell.style.setProperty("--ink", `${(value / INK) * 100}%`);
    cell.ariaLabel = `row ${Math.floor(at / SIDE) + 1}, column ${(at % SIDE) + 1}: ${value}`;
    return value;
  });
}

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
    const isInRow = Math.floor(((at % SIDE) + right) / SIDE) === 0;
    if (isInRow) focus(cells[at + right + down * SIDE] ?? cells[at]);
  } else return;
  event.preventDefault();
}

function focus(cell) {
  setTabStop(cells, cell);
  cell.focus();
}

/** Draws a line from the last place of the pointer to this one: less ink farther away. */
function draw({ clientX, clientY }) {
  const { left, top, width, height } = grid.getBoundingClientRect();
  const to = [((clientX - left) / width) * SIDE, ((clientY - top) / height) * SIDE];
  const [fromX, fromY] = last ?? to;
  const [x, y] = [to[0] - fromX, to[1] - fromY];
  const drawn = values.map((value, at) => {
    const [right, down] = [(at % SIDE) + 0.5 - fromX, Math.floor(at / SIDE) + 0.5 - fromY];
    const nearest = Math.min(Math.max(0, (right * x + down * y) / (x * x + y * y || 1)), 1);
    const distance = Math.hypot(right - nearest * x, down - nearest * y);
    return Math.max(value, Math.min(1, (PEN - distance) * 2) * INK);
  });
  last = to;
  change(drawn);
}

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
