// Pictures of a report for the documentation.
//   node screenshots.mjs REPORT.html FOLDER
import { join } from "node:path";
import { open, settled } from "./browser.mjs";

const [file, folder] = process.argv.slice(2);
const WIDE = { width: 1200, height: 900 };
const PHONE = { width: 390, height: 844 };

const picture = async (name, { at = "", ...look }) => {
  const { page, close } = await open(file, look);
  if (at) await page.goto(`${page.url()}${at}`);
  await settled(page);
  await page.screenshot({ path: join(folder, `report-${name}.png`) });
  await close();
};

const { page, close } = await open(file, { viewport: WIDE });
const failing = await page.evaluate(() => {
  const report = JSON.parse(document.getElementById("report").textContent);
  return report.cases.find((one) => one.verdict === "failed").id;
});
await close();
const at = `#/case/${encodeURIComponent(failing)}`;

await picture("overview", { viewport: WIDE, colorScheme: "light" });
await picture("case", { at, viewport: WIDE, colorScheme: "light" });
await picture("dark", { viewport: WIDE, colorScheme: "dark" });
await picture("phone", { at, viewport: PHONE, colorScheme: "light" });
