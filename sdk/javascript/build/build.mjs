// What `sandpiper build` runs for a project in JavaScript or TypeScript:
//
//   node build.mjs facts PROJECT FOLDER                    bundles the change into FOLDER and tells what it is, as JSON
//   node build.mjs component PROJECT FOLDER TARGET CLIENTS makes FOLDER/change.wasm for the world in FOLDER/wit
//
// esbuild bundles, and erases types; componentize-js makes the component. Both are the project's own, or on the path.
import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [command, project, folder, target, clients = ""] = process.argv.slice(2);
const sdk = dirname(dirname(fileURLToPath(import.meta.url)));

/** The exit code that says: a tool is missing. Its name is all that stands on stderr. */
const MISSING = 3;

/** The folder of a package: in the project or above it, else where its program on the path lies. */
function packageFolder(name, program) {
  for (let at = resolve(project); ; at = dirname(at)) {
    const found = join(at, "node_modules", name);
    if (existsSync(join(found, "package.json"))) return found;
    if (dirname(at) === at) break;
  }
  for (const part of (process.env.PATH ?? "").split(delimiter)) {
    if (!part || !existsSync(join(part, program))) continue;
    for (let at = dirname(realpathSync(join(part, program))); dirname(at) !== at; at = dirname(at)) {
      const file = join(at, "package.json");
      if (existsSync(file) && JSON.parse(readFileSync(file, "utf8")).name === name) return at;
    }
  }
  console.error(name);
  process.exit(MISSING);
}

const load = (name, program, file) => import(pathToFileURL(join(packageFolder(name, program), file)));

/** The file that the change is written in. */
function main() {
  const { main: named } = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));
  const file = resolve(project, named ?? "change.js");
  if (!existsSync(file)) {
    console.error(`\`main\` in package.json names ${named ?? "no file, and there is no change.js"}: it is not there`);
    process.exit(1);
  }
  return file;
}

async function bundle(entry, outfile) {
  const { build } = await load("esbuild", "esbuild", "lib/main.js").then((it) => it.default ?? it);
  const path = (name) => join(sdk, "src", name);
  try {
    await build({
      stdin: { contents: entry, resolveDir: resolve(project), sourcefile: "component.js" },
      outfile, bundle: true, format: "esm", platform: "neutral", target: "es2022", charset: "utf8",
      mainFields: ["module", "main"], external: ["sandpiper:*", "wasi:*"],
      alias: { "sandpiper-sdk": path("index.js"), "sandpiper-sdk/testing": path("testing.js") },
      logLevel: "error", absWorkingDir: resolve(project),
    });
  } catch (error) {
    if (!error.errors) throw error;
    process.exit(1);
  }
}

const from = (file) => JSON.stringify(file.replaceAll("\\", "/"));

if (command === "facts") {
  const file = join(resolve(folder), "facts.mjs");
  await bundle(
    `export { default as change } from ${from(main())};\nexport * from ${from(join(sdk, "src/component.js"))};\n`,
    file,
  );
  const { change, facts, problems } = await import(`${pathToFileURL(file)}?${Date.now()}`);
  const found = problems(change);
  if (found.length > 0) {
    console.error(found.join("\n"));
    process.exit(1);
  }
  console.log(JSON.stringify(facts(change)));
} else {
  const names = clients.split(",").filter(Boolean);
  const lines = [
    `import change from ${from(main())};`,
    `import { exported } from ${from(join(sdk, "src/component.js"))};`,
    `import { clients } from ${from(join(sdk, "src/host.js"))};`,
    ...names.map((name) => `import * as ${name} from "sandpiper:${name}/client@0.1.0";`),
    ...names.map((name) => `clients.${name} = ${name};`),
    `export const { description, change: sandpiperChange, verify } = exported(change, ${JSON.stringify(target)});`,
    "export { sandpiperChange as change };",
  ];
  const file = join(resolve(folder), "component.js");
  await bundle(`${lines.join("\n")}\n`, file);
  const { componentize } = await load("@bytecodealliance/componentize-js", "componentize-js", "src/componentize.js");
  const { component } = await componentize({
    sourcePath: file, witPath: join(resolve(folder), "wit"), worldName: "guest",
    // Without clocks and random numbers those of the build would be kept for good.
    disableFeatures: ["http", "fetch-event"],
  });
  writeFileSync(join(resolve(folder), "change.wasm"), component);
}
