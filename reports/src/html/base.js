// What the report holds, and the small helpers by which pages are built. No page is ever built from text: what a cluster
// said is only ever set as the text of an element.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const report = read("report");

const VERDICTS = {
  failed: { word: "failed", mark: "✕" },
  flaky: { word: "flaky", mark: "≈" },
  errored: { word: "errored", mark: "!" },
  blocked: { word: "blocked", mark: "⊘" },
  pending: { word: "pending", mark: "…" },
  knownFail: { word: "known-fail", mark: "~" },
  passed: { word: "passed", mark: "✓" },
  skipped: { word: "skipped", mark: "–" },
  notRun: { word: "not-run", mark: "·" },
};
/** What a person wants to read of first comes first. */
const WORST_FIRST = Object.keys(VERDICTS);
const RED = ["failed", "flaky", "errored", "blocked", "pending"];

for (const [place, one] of report.cases.entries()) {
  one.place = place;
  one.verdict ??= "pending";
  one.text = [one.id, one.title, one.reason, one.guide, ...(one.tags ?? [])].filter(Boolean).join("\n").toLowerCase();
}
const placeOf = new Map(report.cases.map((one) => [one.id, one.place]));

/** The rest of what is known of a case; read only when it is looked at. */
const chunks = new Map();
const details = (one) => {
  const chunk = Math.floor(one.place / report.perChunk);
  if (!chunks.has(chunk)) chunks.set(chunk, read(`cases-${chunk}`));
  return chunks.get(chunk)[one.place % report.perChunk];
};

const h = (tag, attributes, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false && child !== ""));
  return node;
};

const count = (n, thing) => `${n.toLocaleString("en")} ${thing}${n === 1 ? "" : "s"}`;
/** As the terminal tells durations: cut off, never rounded up. */
const took = (ms) => {
  const s = Math.floor(ms / 1000);
  if (s === 0) return `${ms} ms`;
  if (s < 60) return `${s}.${Math.floor((ms % 1000) / 100)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`;
};
const when = (time) => (time ? new Date(time).toISOString().replace("T", " ").replace(/\.\d+Z/, " UTC") : "not known");
const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));

const address = (page, query = {}) => {
  const set = Object.entries(query).filter(([, value]) => value);
  return `#/${page}${set.length ? `?${new URLSearchParams(set)}` : ""}`;
};
const caseAddress = (one) => `#/case/${encodeURIComponent(one.id)}`;
const cellName = (cell) => cell.name || "all";

/** Running text; what stands between backticks is code. */
const prose = (text) => text.split("`").map((part, n, all) => (n % 2 === 1 && n < all.length - 1 ? h("code", null, part) : n % 2 === 1 ? `\`${part}` : part));
/** A mark for each time that a case ran, the last of many. */
const ranMarks = (verdicts) => {
  const words = verdicts.map((verdict) => VERDICTS[verdict ?? "pending"].word).join(", ");
  const marks = verdicts.slice(-20).map((verdict) => h("span", { class: `ran ${verdict ?? "pending"}`, "aria-hidden": "true" }, VERDICTS[verdict ?? "pending"].mark));
  return h("span", { class: "history", title: words }, h("span", { class: "sr" }, `ran ${verdicts.length} times: ${words}`), marks);
};

const pill = (verdict) =>
  h("span", { class: `pill ${verdict}` }, h("span", { "aria-hidden": "true" }, VERDICTS[verdict].mark), VERDICTS[verdict].word);
const square = (one, label = `${one.id}: ${VERDICTS[one.verdict].word}`) =>
  h("a", { class: `square ${one.verdict}`, href: caseAddress(one), title: label, "aria-label": label }, VERDICTS[one.verdict].mark);
const worst = (cases) => WORST_FIRST.find((verdict) => cases.some((one) => one.verdict === verdict));
const facts = (pairs) =>
  h("dl", { class: "facts" }, pairs.filter(([, value]) => value).map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
const scroller = (label, child) => h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, child);
const guideLink = (heading) =>
  report.guideUrl ? h("a", { href: `${report.guideUrl}#:~:text=${encodeURIComponent(heading)}`, rel: "noreferrer", target: "_blank" }, heading) : heading;

const copy = (text) => {
  const button = h("button", { type: "button", class: "quiet", "aria-label": `Copy: ${text}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(button.previousSibling);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      button.textContent = "Selected";
    }
  });
  return button;
};
