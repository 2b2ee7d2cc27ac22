/** The body of the request: a text in the editor, or a file. */

import { announce, byId, on, showMistake, sizeText } from "./elements.js";
import { JsonMistake, format, isJson, parse } from "./json.js";

const MAX_BYTES = 4_600_000;
/** Media types that systems do not know, or name otherwise. */
const TYPES = { csv: "text/csv", json: "application/json", npy: "application/x-npy" };

const editor = byId("body");
let file = null;

/** Returns the text or the file, with its size; a text has no half of a surrogate pair. */
export function content() {
  if (file) return { payload: file, fileName: file.name, size: file.size };
  const payload = editor.value.replace(/\p{Surrogate}/gu, "\ufffd");
  return { payload, fileName: null, size: new TextEncoder().encode(payload).length };
}

export function setText(text) {
  editor.value = text;
  setFile(null);
}

export function setFile(chosen) {
  file = chosen;
  editor.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Returns whether the body can be sent with this media type; else shows why not. */
export function check(mediaType) {
  const { payload, size } = content();
  if (size > MAX_BYTES) {
    return fail(`The body has ${sizeText(size)}; a request takes at most ${sizeText(MAX_BYTES)}.`);
  }
  try {
    if (!file && isJson(mediaType)) parse(payload);
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
  (file ? byId("remove-file") : editor).focus();
  return false;
}

function changed() {
  showMistake(editor, "");
  byId("body-size").textContent = sizeText(content().size);
  byId("file").hidden = byId("remove-file").hidden = !file;
  editor.hidden = byId("format").hidden = file;
  editor.rows = Math.min(Math.max(6, editor.value.split("\n").length), 18);
  byId("file-name").textContent = file?.name ?? "";
  const preview = byId("preview");
  URL.revokeObjectURL(preview.src);
  preview.hidden = !file?.type.startsWith("image/");
  preview.src = preview.hidden ? "data:," : URL.createObjectURL(file);
}

function choose([chosen]) {
  byId("file-input").value = ""; // so that the same file can be chosen again
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
  byId("call").classList.toggle("dropping", event.type === "dragover");
  if (event.type === "drop") choose(event.dataTransfer.files);
}

for (const type of ["dragover", "dragleave", "drop"]) on("call", type, onDrag);
on("body", "input", changed);
on("choose-file", "click", () => byId("file-input").click());
on("file-input", "change", (event) => choose(event.target.files));
on("remove-file", "click", () => {
  setFile(null);
  editor.focus();
});
on("format", "click", () => {
  if (check("application/json")) setText(format(parse(editor.value)));
});
