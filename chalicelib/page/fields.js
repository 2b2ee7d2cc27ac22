/** The fields of a model's parameters, and of the headers that it takes. */

import { element, optionsOf, showMistake, ui } from "./elements.js";

const TIME_LIMIT = {
  name: "X-Request-Timeout-Ms",
  hint: "Milliseconds; it can only shorten the time",
  rule: (value) => (/^([1-9]\d{0,8})?$/.test(value) ? "" : "This is no whole number above 0."),
};
const VALUE = /^(?!\.\.?$)[\w.~-]+$/; // a browser takes . and .. out of a path

/** Some fields, each with a rule: a function that says what is wrong with a value. */
class Fields {
  /** Each field has a name and a rule, and may have a value, all `values`, and a hint. */
  show(container, fields) {
    this.container = ui[container];
    this.fields = fields.map((field) => ({ ...field, control: controlOf(field) }));
    this.container.replaceChildren(...this.fields.map(labelled));
  }

  get values() {
    const pairs = this.fields.map(({ name, control }) => [name, control.value.trim()]);
    return Object.fromEntries(pairs.filter(([, value]) => value));
  }

  get isGood() {
    return !this.fields.some(mistakeOf);
  }

  check() {
    for (const field of this.fields) showMistake(field.control, mistakeOf(field));
    if (this.isGood) return true;
    this.container.parentElement.open = true; // if it is a `details`
    this.container.querySelector("[aria-invalid=true]").focus();
    return false;
  }
}

const mistakeOf = ({ rule, control }) => rule(control.value.trim());

function controlOf({ name, value, values = [] }) {
  const id = `field-${name}`;
  const properties = { id, autocomplete: "off", "aria-describedby": `${id}-mistake` };
  const control = element(values.length ? "select" : "input", properties, ...optionsOf(values));
  if (value) control.value = value;
  return control;
}

function labelled({ name, hint = "", control }) {
  const mistake = element("p.mistake", { id: `${control.id}-mistake` });
  return element("label", {}, name, element("span.quiet", {}, ` ${hint}`), control, mistake);
}

export class ParameterFields extends Fields {
  showModel({ path, parameters, example_path: example = "" }) {
    this.template = path;
    const at = (name) => path.split("/").indexOf(`{${name}}`);
    const fields = Object.entries(parameters).map(([name, { one_of: values, pattern }]) => ({
      ...{ name, values, hint: pattern, value: example.split("/")[at(name)] },
      rule: (value) => parameterMistake(value, pattern),
    }));
    this.show("parameters", fields);
  }

  /** The path of a request, relative to the page; null while a value is not allowed. */
  get path() {
    const fill = (_, name) => this.values[name];
    return this.isGood ? this.template.replace(/\{(.*?)\}/g, fill).replace(/^\/+/, "") : null;
  }
}

function parameterMistake(value, pattern = "") {
  if (!VALUE.test(value)) return "A value has characters of A-Z a-z 0-9 . _ ~ -";
  try {
    if (!pattern || new RegExp(`^(?:${pattern})$`, "u").test(value)) return "";
  } catch {
    return ""; // a pattern that Python alone can read is left to the gateway
  }
  return `The value has to match ${pattern}`;
}

export class HeaderFields extends Fields {
  showNames(names) {
    const rule = (value) => (/[^ -~]/.test(value) ? "A header is printable ASCII." : "");
    this.show("option-fields", [TIME_LIMIT, ...names.map((name) => ({ name, rule }))]);
  }
}
