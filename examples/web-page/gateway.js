// Calls the gateway from a web page of any origin. Copy this file; it needs no build.

const RESERVE_MS = 500; // the gateway is asked to answer this long before the time is up

/** The gateway has answered with an error: docs/errors.md lists the types. */
export class Problem extends Error {
  constructor(status, members, retryAfter) {
    super(members.detail ?? `The gateway answered with status ${status}.`);
    this.status = status;
    this.type = (members.type ?? "").replace("urn:inference-gateway:", "");
    this.title = members.title ?? "This is no answer of the gateway";
    this.retryable = members.retryable ?? false;
    this.requestId = members.instance;
    this.retryAfter = retryAfter; // seconds, or undefined
  }
}

/** There was no complete answer. The model may have run. */
export class NoAnswer extends Error {}

/** The model answers with jobs only: `job` is the id of this one. */
export class JobInstead extends Error {
  constructor({ job }) {
    super(`The answer is the job ${job}; predictLater in docs/calling.md sends jobs, and waits.`);
    this.job = job;
  }
}

/** Return all models that the credential may call. */
export async function listModels(gateway) {
  const models = [];
  let path = "/models";
  while (path) {
    const page = await (await get(gateway, path)).json();
    models.push(...page.models);
    path = page.next && `/models?after=${encodeURIComponent(page.next)}`;
  }
  return models;
}

/** Return the entry of one model, with its example. `path` begins with /predict/. */
export async function describe(gateway, path) {
  return (await get(gateway, path.replace("/predict/", "/models/"))).json();
}

/**
 * Return the model's answer as a Response whose body has arrived.
 *
 * The request is sent again only if the gateway says that this can help, after the pause that it
 * asks for. After a lost connection it is not: the model may have run.
 */
export async function predict(gateway, path, body, contentType, { seconds = 30, onWait } = {}) {
  const deadline = Date.now() + seconds * 1000;
  for (let pause = 1; ; pause = Math.min(2 * pause, 8)) {
    const left = deadline - Date.now();
    const limit = String(Math.max(1, Math.round(left - RESERVE_MS)));
    const headers = { "Content-Type": contentType, "X-Request-Timeout-Ms": limit };
    try {
      return await send(gateway, path, { method: "POST", body, headers }, left);
    } catch (problem) {
      const wait = problem.retryAfter ?? pause;
      if (!problem.retryable || Date.now() + wait * 1000 + RESERVE_MS >= deadline) throw problem;
      onWait?.(problem, wait);
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }
}

function get(gateway, path) {
  return send(gateway, path, {}, 30_000);
}

/** `gateway` is {url, credential}. */
async function send(gateway, path, options, milliseconds) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), milliseconds);
  const headers = { ...options.headers, Authorization: `Bearer ${gateway.credential}` };
  const url = gateway.url.replace(/\/$/, "") + path;
  let response, content;
  try {
    response = await fetch(url, { ...options, headers, signal: controller.signal });
    content = await response.arrayBuffer(); // within the same time
  } catch (error) {
    const late = controller.signal.aborted;
    throw new NoAnswer(late ? "No answer came in time." : `There is no gateway at ${gateway.url}.`);
  } finally {
    clearTimeout(timer);
  }
  const whole = new Response(content, response);
  if (response.status === 202) throw new JobInstead(await whole.json());
  if (response.ok) return whole;
  const isProblem = response.headers.get("Content-Type") === "application/problem+json";
  const retryAfter = response.headers.get("Retry-After") ?? undefined;
  throw new Problem(
    response.status,
    isProblem ? await whole.json() : {},
    retryAfter && Number(retryAfter),
  );
}
