/** Makes elements. Texts from outside become text nodes, so none of them is ever read as HTML. */

/** The elements with an id: `ui.keyForm` is `#key-form`. */
export const ui = new Proxy({}, {
  get: (_, name) => document.getElementById(name.replace(/[A-Z]/g, "-$&").toLowerCase()),
});

export const on = (id, event, act) => ui[id].addEventListener(event, act);

/** Makes an element of a tag and classes such as `p.quiet`; children may be texts. */
export function element(kind, properties = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = document.createElement(tag);
  made.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export const button = (label, onclick, kind = "button") =>
  element(kind, { type: "button", onclick }, label);

export const paragraph = (text, kind = "p.quiet") => element(kind, {}, text);

export const optionsOf = (values) => values.map((value) => new Option(value));

export const actions = (...buttons) => element("div.actions", {}, ...buttons);

export function definitions(pairs) {
  const cells = ([name, value]) => [element("dt", {}, name), element("dd", {}, value)];
  return element("dl", {}, ...pairs.filter(([, value]) => value).flatMap(cells));
}

/** Makes a choice among words; `onChoose` gets the chosen one. */
export function choice(legend, words, onChoose) {
  const options = words.map((word, at) => {
    const onchange = () => onChoose(word);
    const radio = element("input", { type: "radio", name: legend, checked: !at, onchange });
    return element("label", {}, radio, element("span", {}, word));
  });
  return element("div.choice", { role: "group", ariaLabel: legend }, ...options);
}

/** Makes one element reachable with Tab; arrows lead to the others. */
export function setTabStop(elements, one) {
  for (const other of elements) other.tabIndex = other === one ? 0 : -1;
}

/** Has a screen reader say a sentence; in the region "alarm" at once. */
export function announce(sentence, region = "status") {
  ui[region].textContent = sentence;
}

/** Shows beside a control what is wrong with it; an empty text if nothing is. */
export function showMistake(control, sentence) {
  document.getElementById(`${control.id}-mistake`).textContent = sentence;
  control.setAttribute("aria-invalid", sentence !== "");
}

export function copyButton(text) {
  const made = button("Copy", async () => {
    const isCopied = await navigator.clipboard?.writeText(text()).then(() => true, () => false);
    made.textContent = isCopied ? "Copied" : "Not possible"; // without https, for example
    announce(made.textContent);
    setTimeout(() => (made.textContent = "Copy"), 2000);
  });
  return made;
}

export function save(content, download) {
  const href = URL.createObjectURL(new Blob([content]));
  element("a", { href, download }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

export const sizeText = (bytes) => `${bytes.toLocaleString("en")} bytes`;

export const durationText = (ms) =>
  ms < 1000 ? `${+ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`;
