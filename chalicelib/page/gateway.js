/** Calls the gateway with the caller's credential, which is kept here and nowhere else. */

import { isJson } from "./json.js";

/** An answer with its whole body. */
class Answer {
  constructor({ status, headers }, bytes, milliseconds) {
    Object.assign(this, { status, headers, bytes, milliseconds });
    this.isOk = status < 300;
    this.mediaType = (headers.get("Content-Type") ?? "").split(";")[0].trim().toLowerCase();
    this.problem = this.mediaType === "application/problem+json" ? readProblem(this.text) : null;
  }

  get text() {
    return new TextDecoder().decode(this.bytes);
  }

  /** What the status means; for an error that is no problem of the gateway's, who sent it. */
  get meaning() {
    if (this.problem) return this.problem.title;
    return this.isOk ? "The model answered" : "Something before the gateway refused or failed";
  }

  /** The number of seconds in Retry-After; 0 without one. */
  get retrySeconds() {
    return Math.min(Math.max(0, Number(this.headers.get("Retry-After"))), 3600) || 0;
  }
}

/** Reads a problem (RFC 9457), whose members may be missing. */
function readProblem(text) {
  try {
    const { type = "", title = "Failed", detail = "", ...members } = JSON.parse(text);
    return { ...members, title, detail, slug: `${type}`.replace("urn:inference-gateway:", "") };
  } catch {
    return null;
  }
}

/** The gateway whose page this is, for the holder of one credential. */
export class Gateway {
  #credential;

  constructor(credential) {
    this.#credential = credential;
  }

  /** Returns the URL of a path, which is relative to this page: a stage may stand before it. */
  url(path) {
    return new URL(path, location.href).href;
  }

  /** Sends a request, and returns its Answer; throws a sentence for people without one. */
  async send(path, { headers, ...options } = {}) {
    const started = performance.now();
    const all = { ...headers, Authorization: `Bearer ${this.#credential}` };
    try {
      const response = await fetch(this.url(path), { cache: "no-store", ...options, headers: all });
      return new Answer(response, await response.arrayBuffer(), performance.now() - started);
    } catch {
      throw new Error("The gateway cannot be reached. Check your connection, and that it runs.");
    }
  }

  /** Returns the text of the JSON at a path; throws a sentence for any other answer. */
  async text(path) {
    const answer = await this.send(path);
    if (answer.isOk && isJson(answer.mediaType)) return answer.text;
    const { status, meaning, problem, mediaType } = answer;
    throw new Error(`${meaning}. ${problem?.detail ?? `Status ${status}, ${mediaType}.`}`);
  }

  /** Yields the granted models, a page at a time. */
  async *models() {
    let after = "";
    do {
      const page = JSON.parse(await this.text(`models?after=${encodeURIComponent(after)}`));
      yield page.models;
      after = page.next;
    } while (after);
  }
}
