// Calls the demo models with openapi-fetch and the types that openapi-typescript generates.

import createClient from "openapi-fetch";
import type { components, paths } from "./gateway.js";

type Instances = components["schemas"]["InstancesNumberListList"];
type Problem = components["schemas"]["Problem"];
type Answer = { data?: unknown; error?: Problem };

function clientOf(token: string) {
  return createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });
}

function dataOf<Data>(answer: { data?: Data; error?: Problem }): Data {
  if (answer.error) throw new Error(`${answer.error.status} ${answer.error.detail}`);
  return answer.data as Data;
}

function problemOf(answer: Answer): Problem {
  if (!answer.error) throw new Error("there is no problem");
  return answer.error;
}

async function exampleOf(model: paths["/models/{model}"]["get"]["parameters"]["path"]["model"]) {
  const described = await client.GET("/models/{model}", { params: { path: { model } } });
  return dataOf(described).example as Instances;
}

const [url, token, tokenForIris] = process.argv.slice(2);
const client = clientOf(token);
const digits = await client.GET("/models/{model}/{a}", {
  params: { path: { model: "is-digit", a: "7" } },
});
const predictions: Record<string, Answer> = {
  "breast-cancer": await client.POST("/predict/breast-cancer", {
    body: await exampleOf("breast-cancer"),
  }),
  "diabetes-boosted": await client.POST("/predict/diabetes-boosted", {
    body: await exampleOf("diabetes-boosted"),
  }),
  "diabetes-component": await client.POST("/predict/diabetes-component", {
    body: await exampleOf("diabetes-component"),
  }),
  "diabetes-linear": await client.POST("/predict/diabetes-linear", {
    body: await exampleOf("diabetes-linear"),
  }),
  digit: await client.POST("/predict/digit", { body: await exampleOf("digit") }),
  iris: await client.POST("/predict/iris", { body: await exampleOf("iris") }),
  wine: await client.POST("/predict/wine", { body: await exampleOf("wine") }),
  "wine-grade": await client.POST("/predict/wine-grade", { body: await exampleOf("wine-grade") }),
  "wine-release": await client.POST("/predict/wine-release", {
    body: await exampleOf("wine-release"),
  }),
  "is-digit/7": await client.POST("/predict/is-digit/{digit}", {
    params: { path: { digit: "7" } },
    body: dataOf(digits).example as Instances,
  }),
};

const body: Instances = { instances: [[1]] };
const problems: Problem[] = [
  problemOf(await client.POST("/predict/iris", { body })),
  problemOf(await clientOf("gw_nobody00").POST("/predict/iris", { body })),
  problemOf(await clientOf(tokenForIris).POST("/predict/wine", { body })),
];
const health = await createClient<paths>({ baseUrl: url }).GET("/health");
const listed = await client.GET("/models");
const results = Object.entries(predictions).map(([name, answer]) => [name, dataOf(answer)]);
console.log(
  JSON.stringify({
    status: dataOf(health).status,
    models: dataOf(listed).models.map((model) => model.name),
    predictions: Object.fromEntries(results),
    problems,
    retryable: problems.map((problem) => problem.retryable),
  }),
);
