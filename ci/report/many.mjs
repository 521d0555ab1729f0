// Makes a report of 10,000 cases of one with fewer: each case again and again, in cells of their own.
//   node many.mjs REPORT.json FOLDER
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [file, folder] = process.argv.slice(2);
const report = JSON.parse(readFileSync(file, "utf8"));
const { cells, cases } = report;
report.cells = [];
report.cases = [];
for (let round = 1; report.cases.length < 10_000; round += 1) {
  const name = (cell) => `round=${round}${cell ? `,${cell}` : ""}`;
  report.cells.push(...cells.map((cell) => ({ ...cell, name: name(cell.name), values: { round: String(round), ...cell.values } })));
  const own = (one) => (one.cell ? one.id.slice(one.cell.length + 1) : one.id);
  const room = 10_000 - report.cases.length;
  report.cases.push(...cases.slice(0, room).map((one) => ({ ...one, cell: name(one.cell), id: `${name(one.cell)}:${own(one)}` })));
}
const used = new Set(report.cases.map((one) => one.cell));
report.cells = report.cells.filter((cell) => used.has(cell.name));
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "report.json"), JSON.stringify(report));
