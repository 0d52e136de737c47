// Bundles the page: node build.mjs --modules NODE_MODULES --out FOLDER
//
// Writes index.html, and beside it assets/ whose names hold a hash of their content. Everything
// that travels is there twice more, compressed (.gz, .br), so that the server compresses nothing.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const option = (name) => {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0 || !process.argv[at + 1]) throw new Error(`--${name} is missing`);
  return resolve(process.argv[at + 1]);
};
const modules = option("modules");
const out = option("out");
const assets = join(out, "assets");
mkdirSync(assets, { recursive: true });

const require = createRequire(pathToFileURL(join(modules, "from-here.js")));
const esbuild = require(join(modules, "esbuild"));

// What is installed must be what package.json pins: a stale node_modules makes another page.
const { dependencies } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
for (const [name, version] of Object.entries(dependencies)) {
  const installed = JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")).version;
  if (installed !== version) {
    throw new Error(`${name} is ${installed}, not ${version}: run npm ci in collab/web`);
  }
}

const result = await esbuild.build({
  entryPoints: { app: join(here, "src/main.tsx"), style: join(here, "src/style/all.css") },
  outdir: assets,
  entryNames: "[name]-[hash]",
  chunkNames: "part-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  nodePaths: [modules],
  jsx: "automatic",
  jsxImportSource: "preact",
  // So that packages written for React (our own hooks among them) run on Preact.
  alias: {
    react: "preact/compat",
    "react-dom": "preact/compat",
    "@collab/client": join(here, "../../protocol/js/src/index.ts"),
    // One copy of each, whatever stands beside the client's sources: two of Yjs do not work together.
    yjs: join(modules, "yjs"),
    "y-protocols": join(modules, "y-protocols"),
    "@collab/client/yjs": join(here, "../../protocol/js/src/yjs/index.ts"),
  },
  metafile: true,
  logLevel: "warning",
});

const outputs = Object.entries(result.metafile.outputs);
const built = (entry) => {
  const found = outputs.find(([, output]) => output.entryPoint?.endsWith(entry));
  return found[0].split("/").at(-1);
};

// Every package of which a line is in the bundle, with the words of its licence.
const packages = new Set();
for (const [, output] of outputs) {
  for (const input of Object.keys(output.inputs)) {
    const found = input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//);
    if (found) packages.add(found[1]);
  }
}
const licences = [...packages].sort().map((name) => {
  const folder = join(modules, name);
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  const words = file ? readFileSync(join(folder, file), "utf8").trim() : "(no text included)";
  return `${name} ${about.version} (${about.license})\n\n${words}\n`;
});
const notice = "The page contains code of these packages.\n\n" + licences.join("\n" + "-".repeat(72) + "\n\n");
const hash = createHash("sha256").update(notice).digest("hex").slice(0, 8).toUpperCase();
writeFileSync(join(assets, `licences-${hash}.txt`), notice);

const document = readFileSync(join(here, "src/index.html"), "utf8")
  .replace("{{app}}", `/assets/${built("src/main.tsx")}`)
  .replace("{{style}}", `/assets/${built("src/style/all.css")}`)
  .replace("{{licences}}", `/assets/licences-${hash}.txt`);
writeFileSync(join(out, "index.html"), document);

for (const name of readdirSync(assets)) {
  const path = join(assets, name);
  const bytes = readFileSync(path);
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
}
