/** The form for one model: everything that makes up a request. */

import * as body from "./body.js";
import * as drawing from "./drawing.js";
import { byId, on } from "./elements.js";
import { HeaderFields, ParameterFields } from "./fields.js";
import { format, isJson, parse } from "./json.js";
import { greyPng } from "./png.js";

const PNG = "image/png";

const contentType = byId("content-type");
const accept = byId("accept");
const parameters = new ParameterFields();
const headers = new HeaderFields();
let gateway = null;
let model = null;
let example = null;
let isDescribed = false;

/** Shows a model of the catalog, and then its example. */
export async function open(caller, chosen) {
  gateway = caller;
  model = chosen;
  isDescribed = false;
  byId("model-name").textContent = model.name;
  byId("model-kind").textContent = model.kind;
  byId("model-description").textContent = model.description ?? "";
  parameters.showModel(model);
  headers.showNames([]);
  contentType.replaceChildren(...model.content_types.map((type) => new Option(type)));
  accept.replaceChildren(new Option("any", ""), ...model.accepts.map((type) => new Option(type)));
  showExample(null);
  body.setText("");
  byId("call").hidden = false;
  byId("model-name").focus();
  await describe(model.example_path);
}

/** Returns the request as it stands; null while a parameter is missing. */
export function request() {
  const path = model && parameters.path;
  if (!path) return null;
  const accepted = accept.value && { Accept: accept.value };
  const all = { "Content-Type": contentType.value, ...accepted, ...headers.values };
  return { path, headers: all, ...body.content() };
}

/** Returns the request; null after its mistakes were shown. */
export function checkedRequest() {
  const isGood = parameters.check() && headers.check() && body.check(contentType.value);
  return isGood ? request() : null;
}

/** Asks the gateway once for the model's example and headers; for this, it needs a whole path. */
async function describe(path = parameters.path) {
  const asked = model;
  if (isDescribed || !path) return;
  isDescribed = true;
  byId("model-notice").textContent = "";
  try {
    const text = await gateway.text(path.replace(/^\/?predict/, "models"));
    if (model !== asked) return;
    headers.showNames(JSON.parse(text).pass_headers ?? []);
    showExample(Object.fromEntries(parse(text).members).example);
    if (!body.content().size) useExample();
  } catch (error) {
    if (model === asked) byId("model-notice").textContent = `No example: ${error.message}`;
    isDescribed = false;
  }
}

function showExample(node) {
  example = node;
  const picture = example && pictureIn(example);
  byId("reset").hidden = !example;
  byId("drawing").hidden = !picture && !model.content_types.includes(PNG);
  byId("drawing").open = picture;
  drawing.load(picture?.items.map(({ text }) => text) ?? []);
}

/** Makes the example the body: a text as it stands if the first type is not JSON, else JSON. */
function useExample() {
  const [first] = model.content_types;
  const isText = example.text?.startsWith('"') && !isJson(first);
  contentType.value = isText ? first : (model.content_types.find(isJson) ?? first);
  showExample(example);
  body.setText(isText ? JSON.parse(example.text) : format(example));
}

/** Makes the drawing the body, in the form that Content-Type asks for. */
function useDrawing() {
  const type = contentType.value;
  const picture = { items: drawing.values.map((value) => ({ text: `${value}` })) };
  const pixels = drawing.values.map((value) => Math.round((value * 255) / 16));
  if (type === PNG) body.setFile(new File([greyPng(8, pixels)], "digit.png", { type }));
  else if (isJson(type)) body.setText(format(withPicture(example, picture)));
  else if (type === "text/csv") body.setText(drawing.values.join());
}

/** Chooses a file's type, also if the model does not list it: the gateway then says so. */
function useType({ detail: type }) {
  const isListed = [...contentType.options].some(({ value }) => value === type);
  if (!isListed) contentType.add(new Option(type));
  contentType.value = type;
}

const isPicture = ({ items }) => items?.length === 64 && items.every(({ text }) => text >= 0);

/** Returns the first row of 64 numbers in a tree. */
function pictureIn(node) {
  if (isPicture(node)) return node;
  const parts = node.items ?? node.members?.map(([, value]) => value) ?? [];
  return parts.map(pictureIn).find(Boolean);
}

/** Returns an example with the picture alone in place of its rows of 64 numbers. */
function withPicture(node, picture) {
  if (!node) return { members: [["instances", { items: [picture] }]] };
  const { items, members } = node;
  if (items?.some(isPicture)) return { items: [picture] };
  if (isPicture(node)) return picture;
  if (items) return { items: items.map((item) => withPicture(item, picture)) };
  return members
    ? { members: members.map(([name, value]) => [name, withPicture(value, picture)]) }
    : node;
}

on("grid", "input", useDrawing);
on("body", "file", useType);
on("content-type", "change", () => drawing.values.some(Boolean) && useDrawing());
on("parameters", "change", () => describe());
on("reset", "click", useExample);
