/** The same call as a command or a program, without the credential. */

const MOST_BYTES = 100_000; // Linux takes 131,072 for one argument
const ODD = /(?![ \n])[\p{C}\p{Z}]/u; // what a terminal may take for a key, or hide

/** Returns the name of the file that the programs read; null if they hold the body. */
export function fileOf({ fileName, body, size }) {
  const isFile = fileName !== null || size > MOST_BYTES || body.includes("\0");
  return isFile ? (fileName ?? "body.txt") : null;
}

/** Returns the program of a request in each language; curl waits for a job. */
export function programsOf(request, gateway) {
  const { path, headers, body, upload } = request;
  const file = fileOf(request) && `./${fileOf(request)}`;
  const call = [gateway.url(path), Object.entries(headers), body, file];
  const [fetch, Python] = upload
    ? Array(2).fill("For a body as large as this one, see the curl commands.")
    : [script(...call), python(...call)];
  return { curl: curl(request, gateway, ...call), fetch, Python };
}

function curl({ isJob, upload }, gateway, url, headers, body, file) {
  const key = '-H "Authorization: Bearer $GATEWAY_KEY"';
  const named = headers.map(([name, value]) => `-H ${shellText(`${name}: ${value}`)}`);
  const call = (...lines) => [`curl ${shellText(url)}`, key, ...named, ...lines].join(" \\\n  ");
  const content = file ? `--data-binary ${shellText(`@${file}`)}` : `--data-raw ${shellText(body)}`;
  if (!isJob) return call(content);
  const start = upload
    ? call('-H "X-Upload: $(member upload <<< "$upload")"', "-X POST")
    : call('-H "Idempotency-Key: $(date +%s)-$RANDOM"', content);
  const put = upload && `upload=$(curl ${shellText(gateway.url("uploads"))} ${key} \\
  -H 'Content-Type: application/json' -d ${shellText(JSON.stringify(upload))})
curl "$(member url <<< "$upload")" -gT ${shellText(file)} \\
  -H ${shellText(`Content-Type: ${upload.content_type}`)} -H 'If-None-Match: *'
`;
  return `member() { sed -nE 's/.*"'$1'": *"([^"]*)".*/\\1/p'; }
${put || ""}job=$(${start} | member job)
while end=$(curl ${shellText(gateway.url("jobs/"))}$job ${key})
  [[ $end = *'"running"'* ]]; do sleep 2; done
echo "$end"
curl "$(member url <<< "$end")"`;
}

function script(url, headers, body, file) {
  const lines = headers.map(([name, value]) => `    ${scriptText(name)}: ${scriptText(value)},\n`);
  return `${file ? 'import { readFile } from "node:fs/promises";\n\n' : ""}\
const response = await fetch(${scriptText(url)}, {
  method: "POST",
  headers: {
    Authorization: \`Bearer \${process.env.GATEWAY_KEY}\`,
${lines.join("")}  },
  body: ${file ? `await readFile(${scriptText(file)})` : scriptText(body)},
});
console.log(await response.text());`;
}

function python(url, headers, body, file) {
  const lines = headers.map(([name, value]) => `        ${pythonText(name)}: ${pythonText(value)},\n`);
  return `import os
import urllib.error
import urllib.request

request = urllib.request.Request(
    ${pythonText(url)},
    data=${file ? `open(${pythonText(file)}, "rb").read()` : `${pythonText(body)}.encode()`},
    headers={
        "Authorization": f"Bearer {os.environ['GATEWAY_KEY']}",
${lines.join("")}    },
)
try:
    with urllib.request.urlopen(request, timeout=35) as response:
        print(response.read().decode(errors="replace"))
except urllib.error.HTTPError as error:
    print(error.read().decode())`;
}

function shellText(text) {
  if (!ODD.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const bytes = (one) => [...new TextEncoder().encode(one)].map((byte) => `\\x${hex(byte, 2)}`);
  const escape = (one) => (ODD.test(one) ? bytes(one).join("") : one.replace(/['\\]/, "\\$&"));
  return `$'${[...text].map(escape).join("")}'`;
}

const scriptText = (text) => quoted(text, "`", /`|\$\{/, (code) => `\\u{${hex(code, 1)}}`);

const pythonText = (text) => quoted(text, '"""', /"""|^"|"$/, (code) => `\\U${hex(code, 8)}`);

/** Quotes a text: one with quotes or line ends as a block, where that is possible. */
function quoted(text, block, breaksBlock, escapeOf) {
  const isPlain = !ODD.test(text) && !text.includes("\\") && !breaksBlock.test(text);
  if (isPlain && /["\n]/.test(text)) return block + text + block;
  const escape = (one) => (ODD.test(one) ? escapeOf(one.codePointAt(0)) : one);
  const escaped = text.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n");
  return `"${[...escaped].map(escape).join("")}"`;
}

const hex = (number, digits) => number.toString(16).padStart(digits, "0");
