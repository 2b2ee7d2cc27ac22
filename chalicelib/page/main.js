/** The page: connects with a credential, lists the models, and sends requests. */

import * as answers from "./answer.js";
import * as form from "./call.js";
import * as catalog from "./catalog.js";
import { fileOf, programsOf } from "./commands.js";
import {
  announce, byId, choice, copyButton, durationText, on, save, showMistake,
} from "./elements.js";
import { Gateway } from "./gateway.js";

let gateway = null;
let candidate = null;
let waiting = null;
let timer = null;
let language = "curl";

/** Takes a key out of the address and the history. */
function takeKey() {
  const [, found] = /^#key=(.*)/.exec(location.hash) ?? [];
  if (found || location.search) history.replaceState(null, "", location.href.replace(/[?#].*/, ""));
  if (!found) return;
  byId("key").value = found; // no credential has a %
  connect();
}

/** Loads the models that the credential in the field may call. */
async function connect() {
  const credential = byId("key").value.trim().replace(/^bearer\s+/i, "");
  showMistake(byId("key"), "");
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
  showMistake(byId("key"), sentence);
  announce(sentence, "alarm");
}

/** Shows the models' page for a credential. */
function enter(accepted) {
  stopWaiting();
  gateway = accepted;
  catalog.clear(openModel);
  byId("key").value = "";
  byId("call").hidden = byId("results").hidden = true;
  byId("no-model").hidden = false;
  showKeyForm(false);
  showCatalog();
}

function showCatalog() {
  byId("desk").dataset.view = "catalog";
  byId("filter").focus();
}

function showKeyForm(isShown) {
  byId("key-form").hidden = !isShown;
  byId("desk").hidden = isShown;
  byId("session").hidden = isShown;
  byId("keep-key").hidden = !gateway;
  if (isShown) byId("key").focus();
}

function openModel(model) {
  stopWaiting();
  answers.say("Send the request to see the answer here.");
  byId("desk").dataset.view = "model";
  byId("no-model").hidden = true;
  byId("results").hidden = false;
  form.open(gateway, model);
}

/** Sends the request of the form, and shows its answer unless the caller stops waiting for it. */
async function send() {
  const request = waiting ? null : form.checkedRequest();
  if (!request) return;
  const { path, headers, payload: body } = request;
  const { signal } = startWaiting();
  try {
    const answer = await gateway.send(path, { method: "POST", headers, body, signal });
    if (signal.aborted) return;
    answers.show(answer, send);
    byId("answer").scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (signal.aborted) return;
    answers.fail(error.message, send);
  }
  stopWaiting();
}

function startWaiting() {
  const started = performance.now();
  const tick = () => (byId("elapsed").textContent = durationText(performance.now() - started));
  waiting = new AbortController();
  timer = setInterval(tick, 100);
  byId("cancel").hidden = false;
  answers.say("Waiting for the answer …");
  announce("Sent");
  return waiting;
}

function stopWaiting() {
  clearInterval(timer);
  waiting?.abort();
  waiting = null;
  byId("elapsed").textContent = "";
  if (document.activeElement === byId("cancel")) byId("send").focus();
  byId("cancel").hidden = true;
}

function cancel() {
  stopWaiting();
  answers.say("The request was cancelled.");
}

function showCode() {
  const request = form.request();
  const programs = request && programsOf(request, gateway.url(request.path));
  byId("program").textContent = programs?.[language] ?? "Fill in the parameters first.";
  const file = request && fileOf(request);
  byId("save-body").hidden = !file;
  byId("save-body").textContent = `Save the body as ${file}`;
}

function saveBody() {
  const request = form.request();
  save(request.payload, fileOf(request));
}

async function saveOpenApi() {
  try {
    save(await gateway.text("openapi.json"), "openapi.json");
  } catch (error) {
    catalog.say(error.message);
    announce(error.message, "alarm");
  }
}

function chooseLanguage(chosen) {
  language = chosen;
  showCode();
}

byId("address").textContent = new URL(".", location.href).href;
byId("code-bar").append(
  choice("Language", ["curl", "fetch", "Python"], chooseLanguage),
  copyButton(() => byId("program").textContent),
);
for (const [id, act] of [["key-form", connect], ["call", send]]) {
  on(id, "submit", (event) => {
    event.preventDefault();
    act();
  });
}
on("call", "input", showCode);
on("call", "keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
});
on("show-key", "click", (event) => {
  const isShown = byId("key").type === "text";
  byId("key").type = isShown ? "password" : "text";
  event.target.textContent = isShown ? "Show" : "Hide";
});
on("replace", "click", () => showKeyForm(true));
on("keep-key", "click", () => {
  candidate = gateway;
  showKeyForm(false);
});
on("forget", "click", () => location.reload());
on("openapi", "click", saveOpenApi);
on("cancel", "click", cancel);
on("save-body", "click", saveBody);
on("all-models", "click", showCatalog);
addEventListener("hashchange", takeKey);
byId("key").focus();
takeKey();
