/** The body of the request: a text in the editor, or a file. */

import { announce, on, showMistake, sizeText, ui } from "./elements.js";
import { JsonMistake, format, isJson, parse } from "./json.js";

export const MAX_BYTES = 4_600_000; // a larger body is uploaded
export const limit = { bytes: MAX_BYTES };
/** Media types that systems do not know, or name otherwise. */
const TYPES = { csv: "text/csv", json: "application/json", npy: "application/x-npy" };

const editor = ui.body;
let file;

/** Returns the text or the file, with its size; a text has no half of a surrogate pair. */
export function get() {
  if (file) return { body: file, fileName: file.name, size: file.size };
  const body = editor.value.replace(/\p{Surrogate}/gu, "\ufffd");
  return { body, fileName: null, size: new Blob([body]).size };
}

export function setText(text) {
  editor.value = text;
  setFile(null);
}

export function setFile(chosen) {
  file = chosen;
  editor.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Shows what is wrong, and returns whether nothing is. */
export function check(mediaType) {
  const { body, size } = get();
  if (size > limit.bytes) {
    const most = sizeText(limit.bytes);
    return fail(`The body has ${sizeText(size)}; this model takes at most ${most}.`);
  }
  try {
    if (!file && isJson(mediaType)) parse(body);
    return true;
  } catch (error) {
    if (!(error instanceof JsonMistake)) throw error;
    editor.setSelectionRange(error.offset, error.offset + 1);
    return fail(`This is not JSON. ${error.message}`);
  }
}

function fail(sentence) {
  showMistake(editor, sentence);
  announce(sentence, "alarm");
  (file ? ui.removeFile : editor).focus();
  return false;
}

function changed() {
  showMistake(editor, "");
  const { size } = get();
  const isUpload = size > MAX_BYTES && size <= limit.bytes;
  ui.bodySize.textContent = sizeText(size) + (isUpload ? ", to be uploaded" : "");
  ui.file.hidden = ui.removeFile.hidden = !file;
  editor.hidden = ui.format.hidden = file;
  editor.rows = Math.min(Math.max(6, editor.value.split("\n").length), 18);
  ui.fileName.textContent = file?.name ?? "";
  const { preview } = ui;
  URL.revokeObjectURL(preview.src);
  preview.hidden = !file?.type.startsWith("image/");
  preview.src = preview.hidden ? "data:," : URL.createObjectURL(file);
}

function choose([chosen]) {
  ui.fileInput.value = ""; // so that the same file can be chosen again
  if (!chosen) return;
  const type = TYPES[chosen.name.split(".").pop().toLowerCase()] ?? chosen.type;
  if (type) editor.dispatchEvent(new CustomEvent("file", { detail: type }));
  setFile(chosen);
  announce(`${chosen.name}, ${sizeText(chosen.size)}`);
  check("");
}

function onDrag(event) {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  ui.call.classList.toggle("dropping", event.type === "dragover");
  if (event.type === "drop") choose(event.dataTransfer.files);
}

for (const type of ["dragover", "dragleave", "drop"]) on("call", type, onDrag);
on("body", "input", changed);
on("choose-file", "click", () => ui.fileInput.click());
on("file-input", "change", (event) => choose(event.target.files));
on("remove-file", "click", () => {
  setFile(null);
  editor.focus();
});
on("format", "click", () => {
  if (check("application/json")) setText(format(parse(editor.value)));
});
