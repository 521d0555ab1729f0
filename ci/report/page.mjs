// Looks at a report.html as a person does: clicks through filter, search and the pages of cases; wants no error of the browser, nothing fetched,
// and no serious violation by axe, in light and dark, wide and narrow.
//   node page.mjs REPORT.html [PAGE.html with 10,000 cases]
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { open, settled } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [file, many] = process.argv.slice(2);

const accessible = async (page, where) => {
  // The page forbids scripts from elsewhere; what the browser itself evaluates is not one.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html)}`), [], where);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${where}: ${wide} pixels stand out at the side`);
};

const rows = (page) => page.locator("#cases > li").count();

const walk = async (look) => {
  const { page, close, troubles } = await open(file, look);
  const where = JSON.stringify(look);
  const report = JSON.parse(await page.locator("#report").textContent());
  assert.equal(await page.locator(".hero .outcome").textContent(), report.outcome);
  await accessible(page, `overview ${where}`);

  // A tile leads to the cases with its verdict; the address says so.
  const failed = report.cases.filter((one) => one.verdict === "failed");
  assert.ok(failed.length > 0, "the report has a failed case to look at");
  await page.locator(".tiles a.failed").click();
  await page.locator("#cases").waitFor();
  assert.equal(await rows(page), failed.length);
  assert.match(page.url(), /verdict=failed/);
  // Its chip is pressed; pressed again, all cases are there.
  const chip = page.locator('.chip[data-verdict="failed"]');
  assert.equal(await chip.getAttribute("aria-pressed"), "true");
  await chip.click();
  assert.equal(await rows(page), Math.min(report.cases.length, 200));
  await accessible(page, `cases ${where}`);

  // Words are looked for everywhere; nothing found is told.
  const search = page.locator("#search");
  await search.fill(failed[0].own);
  assert.equal(await rows(page), report.cases.filter((one) => one.own === failed[0].own).length);
  await search.fill("no case is called like this");
  assert.equal(await page.locator(".empty").textContent(), "No case is like that.");
  await search.fill("");
  if (report.cells.length > 1) {
    await page.getByLabel("All cells").selectOption(report.cells[0].name);
    assert.equal(await rows(page), Math.min(report.cases.filter((one) => one.cell === 0).length, 200));
  }

  // The keyboard: / searches, Enter on a row opens the case, Escape leads back.
  await page.locator("h1").focus();
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.goto(`${page.url().split("#")[0]}#/cases?verdict=failed`);
  await settled(page);
  await page.locator("#cases a.row").first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Expected and seen" }).waitFor();
  assert.equal(await page.locator("h1").textContent(), failed[0].title);
  assert.ok((await page.locator(".beside del").count()) > 0 || (await page.locator(".beside ins").count()) > 0, "what differs is marked");
  for (const heading of ["Timeline", "Steps", "Most likely cause"]) await page.getByRole("heading", { name: heading }).waitFor();
  const folded = page.locator(".finding details").first();
  assert.equal(await folded.getAttribute("open"), null, "evidence is folded");
  await folded.locator("summary").first().click();
  const text = folded.locator("details").first();
  await text.locator("summary").click();
  assert.ok(await text.locator("pre").isVisible());
  await accessible(page, `case ${where}`);
  if (failed.length > 1) {
    await page.getByRole("link", { name: "next not passed →" }).click();
    await settled(page);
  }
  await page.keyboard.press("Escape");
  await page.locator("#search").waitFor();

  for (const name of ["Guide", "Environment"]) {
    await page.getByRole("navigation").getByRole("link", { name }).click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
    await accessible(page, `${name} ${where}`);
  }
  await page.getByRole("button", { name: /^Theme/ }).click();
  await page.goBack();
  await settled(page);
  assert.deepEqual(troubles, [], where);
  await close();
};

for (const colorScheme of ["light", "dark"]) {
  for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
    await walk({ colorScheme, viewport });
    console.log(`${colorScheme}, ${viewport.width} pixels wide: walked through, no trouble, nothing serious by axe`);
  }
}

if (many) {
  const began = performance.now();
  const { page, close, troubles } = await open(many, { viewport: { width: 1280, height: 800 } });
  await page.locator(".hero").waitFor();
  const shown = Math.round(performance.now() - began);
  const cases = await page.evaluate(() => JSON.parse(document.getElementById("report").textContent).cases.length);
  const searched = await page.evaluate(async () => {
    location.hash = "#/cases";
    await new Promise((done) => addEventListener("hashchange", done, { once: true }));
    const began = performance.now();
    const search = document.getElementById("search");
    search.value = "gateway title";
    search.dispatchEvent(new Event("input"));
    await new Promise(requestAnimationFrame);
    return Math.round(performance.now() - began);
  });
  assert.deepEqual(troubles, []);
  console.log(`${cases} cases: shown after ${shown} ms with the browser's own time, a search took ${searched} ms`);
  await close();
}
