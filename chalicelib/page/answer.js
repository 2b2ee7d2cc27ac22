/** An answer of the gateway, or the sentence about why there is none. */

import {
  actions, announce, button, choice, copyButton, definitions, durationText, element, paragraph,
  save, sizeText, ui,
} from "./elements.js";
import { viewsOf } from "./views.js";

const FACTS = ["X-Model", "X-Invoked-Variant", "X-Target", "X-Request-Id"];

let countdown;

export function say(sentence, kind, ...more) {
  clearInterval(countdown);
  ui.answer.replaceChildren(paragraph(sentence, kind), ...more);
}

export function fail({ message, link: href }, onRetry) {
  const link = href ? element("a", { href, target: "_blank" }, "Open the result") : "";
  say(message, "p.notice", actions(button("Try again", onRetry), link));
  announce(message, "alarm");
}

export function show(answer, onRetry) {
  const { problem, status, meaning, ms, job, headers } = answer;
  clearInterval(countdown);
  const parts = problem ? problemParts(answer, onRetry) : bodyParts(answer, onRetry);
  const facts = [["Job", job], ...FACTS.map((name) => [name, headers.get(name)])];
  ui.answer.replaceChildren(head(answer), ...parts, job ? "" : bars(answer), definitions(facts));
  if (problem) announce(`${status}: ${meaning}. ${problem.detail}`, "alarm");
  else announce(`${status}: ${meaning}, ${durationText(ms)}`);
}

function head({ isOk, status, meaning, bytes, mediaType, ms }) {
  const facts = [durationText(ms), sizeText(bytes.byteLength), mediaType];
  return actions(
    element(`strong.status.${isOk ? "good" : "bad"}`, {}, `${status}`),
    element("strong", {}, meaning),
    element("span.quiet", {}, facts.filter(Boolean).join(" · ")),
  );
}

function problemParts({ problem, retrySeconds }, onRetry) {
  const { detail, slug, retryable, model_message: message } = problem;
  const last = retryable
    ? retryPart(retrySeconds, onRetry)
    : paragraph("The same request would fail again.");
  const facts = [["Type", slug], ["Model's message", message]];
  return [paragraph(detail, "p"), definitions(facts), last];
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
  return actions(again, text);
}

function bodyParts(answer, onRetry) {
  const { bytes, mediaType, isOk } = answer;
  const views = viewsOf(answer);
  const names = Object.keys(views);
  const place = element("div", {}, views[names[0]]());
  const extension = /^\w+\/(?:x-)?(\w+)/.exec(mediaType)?.[1] ?? "bin";
  const copy = views.Text ? copyButton(() => answer.text) : "";
  const download = button("Download", () => save(bytes, `answer.${extension}`));
  const view = choice("View", names, (name) => place.replaceChildren(views[name]()));
  const again = isOk ? "" : button("Try again", onRetry);
  return [element("div.line", {}, view, actions(copy, download, again)), place];
}

/** Shows where the time went: Server-Timing, and the rest of what the browser measured. */
function bars({ headers, ms }) {
  const timing = headers.get("Server-Timing") ?? "";
  const found = timing.matchAll(/([\w-]+);dur=(\d+(?:\.\d+)?)/g);
  const parts = Array.from(found, ([, name, dur]) => [name, +dur]);
  const rest = parts.reduce((left, [, dur]) => left - dur, ms);
  parts.push(["network", Math.max(0, rest)]);
  const longest = Math.max(...parts.map(([, dur]) => dur));
  const cells = parts.flatMap(([name, dur]) => {
    const bar = element(`span.bar.${name}`);
    bar.style.width = `${(dur / longest) * 100}%`;
    const [start, end] = [name, durationText(dur)].map((text) => element("span", {}, text));
    return [start, element("span.track", {}, bar), end];
  });
  return element("div.bars", {}, ...cells);
}
