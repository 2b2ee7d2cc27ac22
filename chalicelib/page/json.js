/** Reads and writes JSON without changing a number: what is shown is what was sent. */

const MAX_DEPTH = 200; // as the gateway
const WIDTH = 76;
const SPACE = /[ \t\n\r]*/y;
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const PLAIN = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)\b/y;

export const isJson = (mediaType) => /^application\/json$|\+json$/.test(mediaType);

export class JsonMistake extends Error {
  constructor(text, offset, reason) {
    const lines = text.slice(0, offset).split("\n");
    super(`Line ${lines.length}, column ${lines.at(-1).length + 1}: ${reason}.`);
    this.offset = offset;
  }
}

/** Reads JSON as a tree of `{items}`, `{members}` and `{text}`; throws a JsonMistake. */
export function parse(text) {
  let at = 0;

  const fail = (what) => {
    const next = text[at] === undefined ? "the text ends" : `here is ${JSON.stringify(text[at])}`;
    throw new JsonMistake(text, at, `${what} is expected, and ${next}`);
  };
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  const takes = (sign) => {
    take(SPACE);
    const isThere = text[at] === sign;
    at += isThere;
    return isThere;
  };
  const list = (end, depth, read) => {
    const found = [];
    if (depth === MAX_DEPTH) fail(`a depth of at most ${MAX_DEPTH}`);
    if (takes(end)) return found;
    do found.push(read());
    while (takes(","));
    return takes(end) ? found : fail(`a comma or ${end}`);
  };
  const member = (depth) => {
    take(SPACE);
    const name = take(STRING) ?? fail("a name in double quotes");
    if (!takes(":")) fail("a colon");
    return [JSON.parse(name), value(depth)];
  };
  const value = (depth) => {
    if (takes("[")) return { items: list("]", depth, () => value(depth + 1)) };
    if (takes("{")) return { members: list("}", depth, () => member(depth + 1)) };
    return { text: take(STRING) ?? take(PLAIN) ?? fail("a value") };
  };

  const tree = value(0);
  take(SPACE);
  return at < text.length ? fail("the end") : tree;
}

export function compact({ text, items, members }) {
  if (items) return `[${items.map(compact).join(", ")}]`;
  return text ?? `{${members.map((member) => memberText(member, compact)).join(", ")}}`;
}

const memberText = ([name, value], write) => `${JSON.stringify(name)}: ${write(value)}`;

/** Writes a tree for people: a line for each part, but rows of numbers side by side. */
export function format(node, indent = "") {
  const { items, members } = node;
  const inner = `${indent}  `;
  const write = (part) => format(part, inner);
  if (!(items ?? members)?.length) return compact(node);
  const isFlat = items?.every(({ text }) => text);
  const flat = isFlat && rows(items.map(({ text }) => text));
  if (flat?.length === 1) return `[${flat}]`;
  const lines = flat || (items?.map(write) ?? members.map((member) => memberText(member, write)));
  const [open, close] = items ? "[]" : "{}";
  return `${open}\n${inner}${lines.join(`,\n${inner}`)}\n${indent}${close}`;
}

/** Returns lines with as many of the texts as fit; a picture of 8×8 has eight lines. */
function rows(texts) {
  const most = texts.length === 64 ? 8 : 20;
  const lines = [];
  for (const text of texts) {
    const last = lines.at(-1);
    if (last?.length < most && last.join(", ").length + text.length < WIDTH) last.push(text);
    else lines.push([text]);
  }
  return lines.map((line) => line.join(", "));
}
