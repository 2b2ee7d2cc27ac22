/** An answer of the gateway, or the sentence about why there is none. */

import {
  announce, button, byId, choice, copyButton, definitions, durationText, element, paragraph, save,
  sizeText,
} from "./elements.js";
import { viewsOf } from "./views.js";

let countdown = null;

/** Shows a sentence alone, or with further elements. */
export function say(sentence, className, ...more) {
  clearInterval(countdown);
  byId("answer").replaceChildren(paragraph(sentence, className), ...more);
}

/** Shows that there is no answer. */
export function fail(sentence, onRetry) {
  say(sentence, "notice", button("Try again", onRetry));
  announce(sentence, "alarm");
}

/** Shows an answer, and offers to send the request again if that can help. */
export function show(answer, onRetry) {
  const { problem, status, meaning, milliseconds } = answer;
  clearInterval(countdown);
  const parts = problem ? problemParts(answer, onRetry) : bodyParts(answer);
  const names = ["X-Model", "X-Invoked-Variant", "X-Target", "X-Request-Id"];
  const facts = names.map((name) => [name, answer.headers.get(name)]);
  byId("answer").replaceChildren(head(answer), ...parts, bars(answer), definitions(facts));
  if (problem) announce(`${status}: ${meaning}. ${problem.detail}`, "alarm");
  else announce(`${status}: ${meaning}, ${durationText(milliseconds)}`);
}

function head({ isOk, status, meaning, bytes, mediaType, milliseconds }) {
  const facts = [durationText(milliseconds), sizeText(bytes.byteLength), mediaType];
  return element(
    "div",
    { className: "actions" },
    element("strong", { className: `status ${isOk ? "good" : "bad"}` }, `${status}`),
    element("strong", {}, meaning),
    element("span", { className: "quiet" }, facts.filter(Boolean).join(" · ")),
  );
}

function problemParts({ problem, retrySeconds }, onRetry) {
  const { detail, slug, retryable, model_message: message } = problem;
  const last = retryable
    ? retryPart(retrySeconds, onRetry)
    : paragraph("The same request would fail again.");
  const facts = [["Type", slug], ["Model's message", message]];
  return [paragraph(detail, ""), definitions(facts), last];
}

/** Counts the seconds of Retry-After down; the request can be sent again at any time. */
function retryPart(seconds, onRetry) {
  const again = button("Try again now", onRetry);
  const text = element("span");
  const ends = performance.now() + seconds * 1000;
  const tick = () => {
    const left = Math.ceil((ends - performance.now()) / 1000);
    text.textContent = left > 0 ? `Can succeed later: wait ${left} s.` : "Try again: it can succeed now.";
    if (left > 0) return;
    clearInterval(countdown);
    again.textContent = "Try again";
    if (seconds) announce(text.textContent);
  };
  countdown = setInterval(tick, 250);
  tick();
  return element("div", { className: "actions" }, again, text);
}

/** Returns the body in its best view, with a choice among all of them. */
function bodyParts(answer) {
  const { bytes, mediaType } = answer;
  const views = viewsOf(answer);
  const names = Object.keys(views);
  const place = element("div", {}, views[names[0]]());
  const extension = /^\w+\/(?:x-)?(\w+)/.exec(mediaType)?.[1] ?? "bin";
  const actions = [button("Download", () => save(bytes, `answer.${extension}`))];
  if (views.Text) actions.unshift(copyButton(() => answer.text));
  const choose = (name) => place.replaceChildren(views[name]());
  const bar = [choice("View", names, choose), element("div", { className: "actions" }, ...actions)];
  return [element("div", { className: "line" }, ...bar), place];
}

/** Shows where the time went: Server-Timing, and the rest of what the browser measured. */
function bars({ headers, milliseconds }) {
  const timing = headers.get("Server-Timing") ?? "";
  const parts = [...timing.matchAll(/([\w-]+);dur=(\d+(?:\.\d+)?)/g)].map(([, name, dur]) => [name, +dur]);
  const rest = parts.reduce((left, [, dur]) => left - dur, milliseconds);
  parts.push(["network", Math.max(0, rest)]);
  const longest = Math.max(...parts.map(([, dur]) => dur));
  const cells = parts.flatMap(([name, dur]) => {
    const bar = element("span", { className: `bar ${name}` });
    bar.style.width = `${(dur / longest) * 100}%`;
    const track = element("span", { className: "track" }, bar);
    return [element("span", {}, name), track, element("span", {}, durationText(dur))];
  });
  return element("div", { className: "bars" }, ...cells);
}
