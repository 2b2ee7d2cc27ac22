/** The form for one model: everything that makes up a request. */

import * as content from "./body.js";
import * as drawing from "./drawing.js";
import { on, optionsOf, ui } from "./elements.js";
import { HeaderFields, ParameterFields } from "./fields.js";
import { format, isJson, parse } from "./json.js";
import { greyPng } from "./png.js";

const PNG = "image/png";

const { contentType, accept, asJob } = ui;
const parameters = new ParameterFields();
const headers = new HeaderFields();
let gateway, model, example, isDescribed, wantsJob;

export async function open(caller, chosen) {
  gateway = caller;
  model = chosen;
  isDescribed = wantsJob = false;
  for (const part of ["name", "kind", "description"]) ui[`model-${part}`].textContent = model[part];
  parameters.showModel(model);
  headers.showNames([]);
  contentType.replaceChildren(...optionsOf(model.content_types));
  accept.replaceChildren(new Option("any", ""), ...optionsOf(model.accepts));
  content.limit.bytes = model.jobs ? (isAsync() ? 1e9 : 25e6) : content.MAX_BYTES;
  showExample(null);
  content.setText("");
  ui.call.hidden = false;
  ui.modelName.focus();
  await describe(model.example_path);
}

const isAsync = () => model.kind === "async";

/** Returns the request as it stands; null while a parameter is missing. */
export function request() {
  const path = model && parameters.path;
  if (!path) return null;
  const { value: type } = contentType;
  const { size, ...rest } = content.get();
  const isJob = asJob.checked;
  const place = { model: path.replace("predict/", ""), content_type: type, bytes: size };
  const upload = isJob && size > content.MAX_BYTES && place;
  const all = {
    ...(!upload && { "Content-Type": type }),
    ...(accept.value && { Accept: accept.value }),
    ...headers.values,
    ...(isJob && { Prefer: "respond-async" }),
  };
  return { path, headers: all, isJob, upload, size, ...rest };
}

export function checkedRequest() {
  const isGood = parameters.check() && headers.check() && content.check(contentType.value);
  return isGood ? request() : null;
}

function showJob() {
  asJob.disabled = isAsync() || content.get().size > content.MAX_BYTES;
  asJob.checked = model.jobs && (asJob.disabled || wantsJob);
  ui.job.hidden = !model.jobs;
}

/** Asks the gateway once for the example and the headers; this needs a whole path. */
async function describe(path = parameters.path) {
  const asked = model;
  const notice = ui.modelNotice;
  if (isDescribed || !path) return;
  isDescribed = true;
  notice.textContent = "";
  try {
    const text = await gateway.text(path.replace(/^\/?predict/, "models"));
    if (model !== asked) return;
    headers.showNames(JSON.parse(text).pass_headers ?? []);
    showExample(Object.fromEntries(parse(text).members).example);
    if (!content.get().size) useExample();
  } catch (error) {
    if (model === asked) notice.textContent = `No example: ${error.message}`;
    isDescribed = false;
  }
}

function showExample(node) {
  example = node;
  const picture = example && pictureIn(example);
  ui.reset.hidden = !example;
  ui.drawing.hidden = !picture && !model.content_types.includes(PNG);
  ui.drawing.open = picture;
  drawing.load(picture?.items.map(({ text }) => text) ?? []);
}

/** Makes the example the body: a text as it stands if the first type is not JSON, else JSON. */
function useExample() {
  const [first] = model.content_types;
  const isText = example.text?.startsWith('"') && !isJson(first);
  contentType.value = isText ? first : (model.content_types.find(isJson) ?? first);
  showExample(example);
  content.setText(isText ? JSON.parse(example.text) : format(example));
}

function useDrawing() {
  const { value: type } = contentType;
  const { values } = drawing;
  if (type === PNG) {
    const pixels = values.map((value) => Math.round((value * 255) / 16));
    content.setFile(new File([greyPng(8, pixels)], "digit.png", { type }));
  } else if (isJson(type)) {
    const picture = { items: values.map((value) => ({ text: `${value}` })) };
    content.setText(format(withPicture(example, picture)));
  } else if (type === "text/csv") content.setText(values.join());
}

/** Chooses a file's type, also if the model does not list it: the gateway then says so. */
function useType({ detail: type }) {
  contentType.value = type;
  if (!contentType.value) contentType.add(new Option(type, type, true, true));
}

const isPicture = ({ items }) => items?.length === 64 && items.every(({ text }) => text >= 0);

/** Returns the first row of 64 numbers in a tree. */
function pictureIn(node) {
  if (isPicture(node)) return node;
  const parts = node.items ?? node.members?.map(([, value]) => value) ?? [];
  return parts.map(pictureIn).find(Boolean);
}

/** Puts the picture alone in the place of an example's rows of 64 numbers. */
function withPicture(node, picture) {
  if (!node) return { members: [["instances", { items: [picture] }]] };
  const { items, members } = node;
  if (isPicture(node)) return picture;
  if (items?.some(isPicture)) return { items: [picture] };
  return {
    ...node,
    items: items?.map((item) => withPicture(item, picture)),
    members: members?.map(([name, value]) => [name, withPicture(value, picture)]),
  };
}

on("grid", "input", useDrawing);
on("body", "file", useType);
on("content-type", "change", () => drawing.values.some(Boolean) && useDrawing());
on("parameters", "change", () => describe());
on("reset", "click", useExample);
on("as-job", "input", () => (wantsJob = asJob.checked));
on("call", "input", showJob);
