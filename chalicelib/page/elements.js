/** Makes elements. Texts from outside become text nodes, so none of them is ever read as HTML. */

export const byId = (id) => document.getElementById(id);

/** Calls a function whenever the element with this id has an event. */
export const on = (id, event, act) => byId(id).addEventListener(event, act);

/** Makes an element with these properties or attributes; children may be texts. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export const button = (label, onclick, properties) =>
  element("button", { type: "button", onclick, ...properties }, label);

export const paragraph = (text, className = "quiet") => element("p", { className }, text);

/** Makes a list of the names whose value is not empty. */
export function definitions(pairs) {
  const cells = ([name, value]) => [element("dt", {}, name), element("dd", {}, value)];
  return element("dl", {}, ...pairs.filter(([, value]) => value).flatMap(cells));
}

/** Makes a choice of one word among several; `onChoose` is called with the chosen one. */
export function choice(legend, words, onChoose) {
  const options = words.map((value, at) => {
    const onchange = () => onChoose(value);
    const radio = element("input", { type: "radio", name: legend, checked: at === 0, onchange });
    return element("label", {}, radio, element("span", {}, value));
  });
  return element("div", { className: "choice", role: "group", "aria-label": legend }, ...options);
}

/** Has a screen reader say a sentence; in the region "alarm" at once. */
export function announce(sentence, region = "status") {
  byId(region).textContent = sentence;
}

/** Shows beside a control what is wrong with it; an empty text if nothing is. */
export function showMistake(control, sentence) {
  byId(`${control.id}-mistake`).textContent = sentence;
  control.setAttribute("aria-invalid", sentence !== "");
}

/** Makes a button that copies a text, and says whether that was possible. */
export function copyButton(text) {
  const made = button("Copy", async () => {
    const isCopied = await navigator.clipboard?.writeText(text()).then(() => true, () => false);
    made.textContent = isCopied ? "Copied" : "Not possible"; // without https, for example
    announce(made.textContent);
    setTimeout(() => (made.textContent = "Copy"), 2000);
  });
  return made;
}

/** Saves content as a file. */
export function save(content, download) {
  const href = URL.createObjectURL(new Blob([content]));
  element("a", { href, download }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

export const sizeText = (bytes) => `${bytes.toLocaleString("en")} bytes`;

export const durationText = (milliseconds) =>
  milliseconds < 1000 ? `${+milliseconds.toFixed(1)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
