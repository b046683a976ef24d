// Writes one compact JSON file per suite file of the CEL conformance suite, JSON-relevant cases only.
//
//   npm pack @bufbuild/cel-spec@0.6.1 && tar xzf bufbuild-cel-spec-0.6.1.tgz
//   node dump.mjs package <this folder>
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [packageDir, outDir] = process.argv.slice(2).map((path) => resolve(path));
const source = pathToFileURL(join(packageDir, "dist/esm/testdata/conformance.js"));
const { tests } = await import(source.href);

// Whole files that need protocol buffer messages, enums or a type checker (reasons: README.md).
const SKIPPED = new Set([
  "proto2", "proto3", "proto2_ext", "enums", "wrappers", "dynamic", "block_ext", "type_deductions",
]);
const MESSAGES = /TestAllTypes|google\.protobuf|NestedTestAllTypes|objectValue|enumValue|GlobalEnum|messageType/;

const counts = { kept: 0, skipped: 0 };
for (const file of tests.suites) {
  const cases = [];
  for (const section of file.suites ?? [file]) {
    for (const { original, type } of section.tests ?? []) {
      const skip = SKIPPED.has(file.name) || MESSAGES.test(JSON.stringify(original));
      counts[skip ? "skipped" : "kept"] += 1;
      if (!skip) cases.push({ id: `${file.name}/${section.name}/${original.name}`, ...original });
    }
  }
  if (cases.length) {
    const lines = cases.map(({ name, description, ...rest }) => JSON.stringify(rest));
    writeFileSync(join(outDir, `${file.name}.json`), `[\n${lines.join(",\n")}\n]\n`);
  }
}
console.log(counts);
