/** The page: connects with a credential, lists the models, and sends requests. */

import * as answers from "./answer.js";
import * as form from "./call.js";
import * as catalog from "./catalog.js";
import { fileOf, programsOf } from "./commands.js";
import { announce, choice, copyButton, durationText, on, save, showMistake, ui } from "./elements.js";
import { Gateway } from "./gateway.js";
import { Job } from "./jobs.js";

let gateway, candidate, job, waiting, timer;
let language = "curl";

/** Takes a key out of the address and the history. */
function takeKey() {
  const found = /^#key=(.*)/.exec(location.hash)?.[1];
  if (found || location.search) history.replaceState(null, "", location.href.replace(/[?#].*/, ""));
  if (!found) return;
  ui.key.value = found; // no credential has a %
  connect();
}

async function connect() {
  const credential = ui.key.value.trim().replace(/^bearer\s+/i, "");
  showMistake(ui.key, "");
  if (!/^[!-~]+$/.test(credential)) {
    return refuse("A key has printable characters without spaces; paste yours here.");
  }
  const own = (candidate = new Gateway(credential));
  try {
    for await (const models of own.models()) {
      if (own !== candidate && own !== gateway) return;
      if (own !== gateway) enter(own);
      catalog.add(models);
    }
  } catch (error) {
    if (own === gateway) catalog.end(error.message);
    else if (own === candidate) refuse(error.message);
  }
}

function refuse(sentence) {
  showKeyForm(true);
  showMistake(ui.key, sentence);
  announce(sentence, "alarm");
}

function enter(accepted) {
  stopWaiting();
  gateway = accepted;
  catalog.clear(openModel);
  ui.key.value = "";
  ui.call.hidden = ui.results.hidden = true;
  ui.noModel.hidden = false;
  showKeyForm(false);
  showCatalog();
}

function showCatalog() {
  ui.desk.dataset.view = "catalog";
  ui.filter.focus();
}

function showKeyForm(isShown) {
  ui.keyForm.hidden = !isShown;
  ui.desk.hidden = ui.session.hidden = isShown;
  ui.keepKey.hidden = !gateway;
  if (isShown) ui.key.focus();
}

function openModel(model) {
  stopWaiting();
  answers.say("Send the request to see the answer here.");
  ui.desk.dataset.view = "model";
  ui.noModel.hidden = true;
  ui.results.hidden = false;
  form.open(gateway, model);
}

/** Sends the form's request, or goes on with a job, and shows the answer. */
async function send(known) {
  const request = waiting ? null : (known?.request ?? form.checkedRequest());
  if (!request) return;
  const own = (job = known ?? (request.isJob ? new Job(gateway, request) : null));
  const again = () => send(own);
  const signal = startWaiting();
  try {
    const answer = await (own?.run(signal) ?? gateway.send(request.path, request, signal));
    if (signal.aborted) return;
    answers.show(answer, again);
    ui.answer.scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (signal.aborted) return;
    answers.fail(error, again);
  }
  stopWaiting();
}

function startWaiting() {
  const started = performance.now();
  const tick = () => (ui.elapsed.textContent = durationText(performance.now() - started));
  waiting = new AbortController();
  timer = setInterval(tick, 100);
  ui.cancel.hidden = false;
  answers.say("Waiting for the answer …");
  announce("Sent");
  return waiting.signal;
}

function stopWaiting() {
  clearInterval(timer);
  waiting?.abort();
  waiting = null;
  ui.elapsed.textContent = "";
  if (document.activeElement === ui.cancel) ui.send.focus();
  ui.cancel.hidden = true;
}

function cancel() {
  const own = job;
  stopWaiting();
  if (!own?.leave(() => send(own))) answers.say("The request was cancelled.");
}

function showCode() {
  const request = form.request();
  const programs = request && programsOf(request, gateway);
  ui.program.textContent = programs?.[language] ?? "Fill in the parameters first.";
  const file = request && fileOf(request);
  const onclick = () => save(request.body, file);
  Object.assign(ui.saveBody, { hidden: !file, textContent: `Save the body as ${file}`, onclick });
}

async function saveOpenApi() {
  try {
    save(await gateway.text("openapi.json"), "openapi.json");
  } catch (error) {
    catalog.say(error.message);
    announce(error.message, "alarm");
  }
}

ui.address.textContent = new URL(".", location).href;
ui.codeBar.append(
  choice("Language", ["curl", "fetch", "Python"], (chosen) => {
    language = chosen;
    showCode();
  }),
  copyButton(() => ui.program.textContent),
);
on("key-form", "submit", () => connect());
on("call", "submit", () => send());
addEventListener("submit", (event) => event.preventDefault());
on("call", "input", showCode);
on("call", "keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
});
on("show-key", "click", ({ target }) => {
  [ui.key.type, target.textContent] =
    ui.key.type === "text" ? ["password", "Show"] : ["text", "Hide"];
});
on("replace", "click", () => showKeyForm(true));
on("keep-key", "click", () => {
  candidate = gateway;
  showKeyForm(false);
});
on("forget", "click", () => location.reload());
on("openapi", "click", saveOpenApi);
on("cancel", "click", cancel);
on("all-models", "click", showCatalog);
addEventListener("hashchange", takeKey);
ui.key.focus();
takeKey();
