// Validates a report and a statement against the published schemas, with a validator that is not ours.
//   node schemas.mjs REPORT.json STATEMENT.yaml
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import { parse } from "yaml";

const [report, statement] = process.argv.slice(2);
const read = (file) => readFileSync(file, "utf8");
const schema = (name) => JSON.parse(read(new URL(`../../reports/${name}`, import.meta.url)));

for (const [file, value, name] of [
  [report, JSON.parse(read(report)), "report.schema.json"],
  [statement, parse(read(statement)), "statement.schema.json"],
]) {
  // The sizes of integers are Rust's own formats; strictness is of the schema's author.
  const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: false });
  const valid = ajv.compile(schema(name));
  if (!valid(value)) {
    console.error(`${file} is not as ${name} says:`, valid.errors.slice(0, 5).map(({ instancePath, message }) => `${instancePath} ${message}`));
    process.exit(1);
  }
  console.log(`${file} is as ${name} says`);
}
