/** The ways to look at an answer's body: as a table, JSON, an image, or text. */

import { element, paragraph, sizeText } from "./elements.js";
import { compact, format, isJson, parse } from "./json.js";

const MOST = { characters: 200_000, rows: 200, columns: 50 };

/** Returns functions that show the body, by name; the best is the first. */
export function viewsOf({ bytes, mediaType }) {
  const text = attempt(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  const tree = isJson(mediaType) && attempt(() => parse(text));
  const table = mediaType === "text/csv" && text !== null ? csvTable(text) : tree && jsonTable(tree);
  const views = {};
  if (mediaType.startsWith("image/")) views.Image = () => imageView(bytes, mediaType);
  if (table) views.Table = () => tableView(table);
  if (tree) views.JSON = () => textView(format(tree));
  if (text !== null) views.Text = () => textView(text);
  else views.Bytes = () => paragraph(`${sizeText(bytes.byteLength)}, which are no text.`);
  return views;
}

function attempt(act) {
  try {
    return act();
  } catch {
    return null;
  }
}

function textView(text) {
  const shown = element("pre", { tabIndex: 0 }, text.slice(0, MOST.characters));
  return withNote(shown, text.length > MOST.characters, `${text.length} characters`);
}

function withNote(shown, isCut, all) {
  const note = isCut ? paragraph(`The beginning of ${all}; the download has all of them.`) : "";
  return element("div", {}, shown, note);
}

/** Shows an image. A script in an SVG does not run in an `img`. */
function imageView(bytes, type) {
  const src = URL.createObjectURL(new Blob([bytes], { type }));
  const onload = () => URL.revokeObjectURL(src);
  return element("img.picture", { src, onload, alt: "The model's answer" });
}

function tableView({ columns, rows }) {
  const cells = (tag, texts) => texts.slice(0, MOST.columns).map((text) => element(tag, {}, text));
  const line = (first, others) => element("tr", {}, element("th", {}, first), ...others);
  const lines = rows.slice(0, MOST.rows).map((row, at) => line(`${at + 1}`, cells("td", row)));
  const table = element("table", {}, line("#", cells("th", columns)), ...lines);
  const scroll = { tabIndex: 0, role: "region", ariaLabel: "Table" };
  const isCut = rows.length > MOST.rows || columns.length > MOST.columns;
  const all = `${rows.length} rows and ${columns.length} columns`;
  return withNote(element("div.scroll", scroll, table), isCut, all);
}

/** Returns the table of a list, or of an object's lists that are as long. */
function jsonTable({ items, members = [] }) {
  if (items) return listTable("value", items);
  const tables = members.map(([name, value]) => value.items && listTable(name, value.items));
  const [first, ...others] = tables.filter(Boolean);
  if (!first) return null;
  const all = [first, ...others.filter(({ rows }) => rows.length === first.rows.length)];
  return {
    columns: all.flatMap(({ columns }) => columns),
    rows: first.rows.map((_, at) => all.flatMap(({ rows }) => rows[at])),
  };
}

/** Returns the table of values, of rows, or of objects; null for other lists. */
function listTable(name, items) {
  if (!items.length) return null;
  if (items.every(({ text }) => text)) {
    return { columns: [name], rows: items.map((item) => [cellText(item)]) };
  }
  if (items.every((item) => item.items)) return numbered(items.map((row) => row.items.map(cellText)));
  if (!items.every((item) => item.members)) return null;
  const objects = items.map((item) => new Map(item.members));
  const columns = [...new Set(objects.flatMap((object) => [...object.keys()]))];
  const shown = columns.slice(0, MOST.columns);
  const row = (object) => shown.map((column) => cellText(object.get(column)));
  return { columns, rows: objects.map((object, at) => (at < MOST.rows ? row(object) : [])) };
}

/** Names the columns by numbers; rows may be of any length. */
function numbered(rows) {
  const length = rows.reduce((most, row) => Math.max(most, row.length), 0);
  return { columns: Array.from({ length }, (_, at) => `${at + 1}`), rows };
}

/** Writes a value for a cell: a string without quotes, a number as it came. */
const cellText = (node = { text: '""' }) =>
  node.text?.startsWith('"') ? JSON.parse(node.text) : compact(node);

/** Returns the table of a text in CSV (RFC 4180); null if it is empty. */
function csvTable(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"([^"]*(?:""[^"]*)*)"|([^,\r\n]*))(,|\r\n?|\n|$)/g)) {
    rows.at(-1).push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== ",") rows.push([]);
  }
  const filled = rows.filter((row) => row.some(Boolean));
  return filled.length ? numbered(filled) : null;
}
