/** Calls the gateway with the caller's credential, which is kept here and nowhere else. */

import { isJson } from "./json.js";

const PROBLEM = "application/problem+json";

export class Answer {
  constructor({ status, headers }, bytes, ms) {
    Object.assign(this, { status, headers, bytes, ms });
    this.isOk = status < 300;
    this.mediaType = (headers.get("Content-Type") ?? "").split(";")[0].trim().toLowerCase();
    this.problem = this.mediaType === PROBLEM ? readProblem(this.text) : null;
  }

  static of(problem) {
    const headers = new Headers({ "Content-Type": PROBLEM, "X-Request-Id": problem.instance });
    const bytes = new TextEncoder().encode(JSON.stringify(problem));
    return new Answer({ status: problem.status, headers }, bytes);
  }

  get text() {
    return new TextDecoder().decode(this.bytes);
  }

  /** What the status means; for an error that is no problem of the gateway's, who sent it. */
  get meaning() {
    if (this.problem) return this.problem.title;
    return this.isOk ? "The model answered" : "Something before the gateway refused or failed";
  }

  /** The seconds of Retry-After; 0 without it. */
  get retrySeconds() {
    return Math.min(Math.max(0, Number(this.headers.get("Retry-After"))), 3600) || 0;
  }
}

function readProblem(text) {
  try {
    const { type, ...members } = JSON.parse(text);
    const slug = `${type ?? ""}`.replace("urn:inference-gateway:", "");
    return { title: "Failed", detail: "", ...members, slug };
  } catch {
    return null;
  }
}

export class Gateway {
  #credential;

  constructor(credential) {
    this.#credential = credential;
  }

  /** Returns the URL of a path, which is relative to this page: a stage may stand before it. */
  url(path) {
    return new URL(path, location).href;
  }

  /** Sends a request, and returns its Answer; throws a sentence for people without one. */
  async send(path, { headers, body } = {}, signal) {
    const started = performance.now();
    const all = { ...headers, Authorization: `Bearer ${this.#credential}` };
    const method = body === undefined ? "GET" : "POST";
    const options = { method, headers: all, body, signal, cache: "no-store" };
    try {
      const response = await fetch(this.url(path), options);
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

  async *models() {
    let after = "";
    do {
      const page = JSON.parse(await this.text(`models?after=${encodeURIComponent(after)}`));
      yield page.models;
      after = page.next;
    } while (after);
  }
}
