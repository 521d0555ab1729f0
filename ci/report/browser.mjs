// A browser that is on the machine, headless, with its troubles written down.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const KNOWN = [process.env.MESHPROOF_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const executablePath = KNOWN.find((path) => path && existsSync(path));

/** Opens a file. `troubles` gathers errors of the page, and whatever it would fetch. */
export const open = async (file, look = {}) => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const context = await browser.newContext({ deviceScaleFactor: 1, ...look });
  const page = await context.newPage();
  const troubles = [];
  const address = pathToFileURL(resolve(file)).href;
  page.on("pageerror", (error) => troubles.push(`error: ${error}`));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && troubles.push(`console: ${message.text()}`));
  page.on("request", (request) => request.url().split("#")[0] === address || request.url().startsWith("data:") || troubles.push(`fetched: ${request.url()}`));
  await page.goto(address);
  return { page, troubles, close: () => browser.close() };
};

/** Waits until what was asked for is drawn. */
export const settled = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
