/** A prediction as a job: its upload, state, and result from the bucket. */

import { say } from "./answer.js";
import { actions, announce, button, copyButton, definitions, element, sizeText } from "./elements.js";
import { Answer } from "./gateway.js";
import { isJson } from "./json.js";

const MOST_SHOWN = 25_000_000;

/** A request that becomes one job; after a failure, the next run goes on from there. */
export class Job {
  #gateway;
  #sent = {};

  constructor(gateway, request) {
    this.#gateway = gateway;
    this.request = request;
  }

  /** Returns the result or the first problem; throws a sentence if there is none. */
  async run(signal) {
    const started = performance.now();
    try {
      await this.#submit(this.#sent, signal);
      const result = await this.#result(this.#sent, signal);
      return Object.assign(result, { ms: performance.now() - started });
    } catch (error) {
      if (!(error instanceof Answer)) throw error;
      if (!error.job) return Object.assign(error, { job: this.#sent.job }); // which goes on
      this.#sent = {}; // the next run is another job
      return Object.assign(error, { ms: performance.now() - started });
    }
  }

  async #submit(sent, signal) {
    const { path, headers, body, upload } = this.request;
    if (upload && !sent.upload) {
      const headers = { "Content-Type": "application/json" };
      const asked = { headers, body: JSON.stringify(upload) };
      const place = await this.#ask("uploads", asked, signal);
      await put(place, new Blob([body]), signal);
      sent.upload = place.upload;
    }
    if (sent.job) return;
    sent.key ??= crypto.getRandomValues(new Uint32Array(4)).join("-");
    const own = upload ? { "X-Upload": sent.upload } : { "Idempotency-Key": sent.key };
    const call = { headers: { ...headers, ...own }, body: upload ? "" : body };
    Object.assign(sent, await this.#ask(path, call, signal));
  }

  async #result({ job, wait }, signal) {
    this.#show("The job is running. If you leave this page, GET /jobs/… says how far it is.");
    for (;;) {
      await wait();
      const answer = await this.#ask(`jobs/${job}`, {}, signal);
      if (answer.result) return Object.assign(await read(answer.result, signal), { job });
      if (answer.problem) throw Object.assign(Answer.of(answer.problem), { job });
      ({ wait } = answer);
    }
  }

  /** Returns the members of a good answer, and how to wait for Retry-After; throws any other. */
  async #ask(path, request, signal) {
    const answer = await this.#gateway.send(path, request, signal);
    if (!answer.isOk) throw answer;
    if (!isJson(answer.mediaType)) {
      const what = `${answer.status} with ${answer.mediaType || "no content"}`;
      throw new Error(`Something before the gateway answered ${what}.`);
    }
    const ms = (answer.retrySeconds || 1) * 1000;
    const wait = () => new Promise((resolve) => setTimeout(resolve, ms));
    return { ...JSON.parse(answer.text), wait };
  }

  #show(sentence, ...buttons) {
    const { job } = this.#sent;
    say(sentence, "p", definitions([["Job", job]]), actions(copyButton(() => job), ...buttons));
    announce(sentence);
  }

  /** Shows that nobody waits for the job, and returns whether there may be one. */
  leave(onReturn) {
    const { job, key } = this.#sent;
    if (job) this.#show("The job goes on.", button("Wait again", onReturn));
    else if (key) say("The gateway may have the job.", "p", actions(button("Try again", onReturn)));
    return key;
  }
}

/** Sends a body to the bucket; fetch cannot say how far it is. */
function put({ url, method, headers }, body, signal) {
  const bar = element("progress", { value: 0, ariaLabel: "Upload" });
  say(`Uploading ${sizeText(body.size)} …`, "p", bar);
  announce("Uploading");
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open(method, url);
    for (const header of Object.entries(headers)) call.setRequestHeader(...header);
    call.upload.onprogress = ({ loaded, total }) => (bar.value = loaded / total);
    call.onload = () => (call.status < 300 ? resolve() : call.onerror());
    call.onerror = () => reject(failure("The upload", url, call.status));
    signal.onabort = () => call.abort();
    call.send(body);
  });
}

/** Reads a result from its bucket, which gets no credential. */
async function read({ url, bytes }, signal) {
  const fail = (error) => Object.assign(error, { link: url });
  if (bytes > MOST_SHOWN) throw fail(new Error(`The result has ${sizeText(bytes)}.`));
  const options = { credentials: "omit", cache: "no-store", signal };
  const response = await fetch(url, options).catch(() => ({}));
  const content = await response.arrayBuffer?.().catch(() => null);
  if (content && response.ok) return new Answer(response, content);
  throw fail(failure("The download of the result", url, response.status));
}

function failure(what, url, status) {
  const bucket = `the bucket at ${new URL(url).host}`;
  const reason = status
    ? `${bucket} answered ${status}.`
    : `check your connection, and that ${bucket} is the gateway's and its CORS names ${location.origin}.`;
  return new Error(`${what} failed: ${reason}`);
}
