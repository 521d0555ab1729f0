// The first page: how it went, the grid, what to look at first.
const counted = (summary) => WORST_FIRST.map((verdict) => [verdict, summary[verdict]]).filter(([, n]) => n > 0);

const hero = () => {
  const total = report.cases.length;
  const marks = { passed: "✓", failed: "✕", unproved: "!", interrupted: "❙❙" };
  const clusters = report.cells.map((cell) => cell.cluster).filter(Boolean);
  const names = new Set(clusters.map((cluster) => `${cluster.simulated ? "simulated cluster" : `${cluster.context} (${cluster.provider})`}, Kubernetes ${cluster.kubernetesVersion}`));
  const place = names.size === 0 ? "no cluster was reached" : names.size === 1 ? [...names][0] : count(names.size, "cluster");
  const cells = report.cells.length > 1 ? `${count(report.cells.length, "cell")} on ${place}` : place;
  const words = counted(report.summary).map(([verdict, n]) => `${n} ${VERDICTS[verdict].word}`).join(", ");
  return h("section", { class: `card hero ${report.outcomeClass}`, "aria-label": "Outcome" },
    h("span", { class: "mark", "aria-hidden": "true" }, marks[report.outcomeClass]),
    h("h1", { tabindex: "-1" }, report.title),
    h("p", null, h("strong", { class: "outcome" }, report.outcome), " ", h("span", { class: "muted" }, `${count(total, "case")} in ${took(report.run.durationMs)} · ${cells} · ${when(report.run.startedAt)}`)),
    total > 0 && h("div", { class: "bar", role: "img", "aria-label": words },
      counted(report.summary).map(([verdict, n]) => {
        const part = h("span", { class: verdict, title: `${n} ${VERDICTS[verdict].word}` });
        part.style.flexGrow = n;
        return part;
      })));
};

const tiles = () =>
  h("ul", { class: "tiles", "aria-label": "Cases by verdict" },
    counted(report.summary).map(([verdict, n]) =>
      h("li", null, h("a", { class: verdict, href: address("cases", { verdict }) }, h("b", null, n.toLocaleString("en")), h("span", null, VERDICTS[verdict].word)))));

const row = (one) =>
  h("a", { class: "row", href: caseAddress(one) },
    h("span", null, pill(one.verdict)),
    h("span", { class: "what" }, h("span", null, one.title), h("span", { class: "id mono" }, " ", one.id), one.reason && one.verdict !== "passed" ? h("span", { class: "why" }, prose(one.reason)) : "", one.runs ? ranMarks(one.runs) : ""),
    h("span", { class: "took" }, took(one.ms)));

const lookFirst = () => {
  const red = report.cases.filter((one) => ["failed", "flaky", "errored"].includes(one.verdict));
  red.sort((a, b) => WORST_FIRST.indexOf(a.verdict) - WORST_FIRST.indexOf(b.verdict) || a.place - b.place);
  if (red.length === 0) return "";
  const rest = red.length - 8;
  return h("section", { class: "card" }, h("h2", null, "What did not pass"),
    h("ul", { class: "list" }, red.slice(0, 8).map((one) => h("li", null, row(one)))),
    rest > 0 && h("p", null, h("a", { href: address("cases", { verdict: "failed,flaky,errored" }) }, `and ${rest} more`)));
};

const slowest = () => {
  const cases = report.cases.filter((one) => one.ms > 0).sort((a, b) => b.ms - a.ms).slice(0, 6);
  if (cases.length === 0) return "";
  return h("section", { class: "card" }, h("h2", null, "Slowest cases"),
    h("table", { class: "small" }, h("tbody", null, cases.map((one) => {
      const part = h("span");
      part.style.width = `${(100 * one.ms) / cases[0].ms}%`;
      return h("tr", null, h("th", { scope: "row" }, h("a", { href: caseAddress(one) }, one.id)), h("td", null, h("span", { class: "meter", "aria-hidden": "true" }, part)), h("td", { class: "right nowrap" }, took(one.ms)));
    }))));
};

const overview = () => [
  hero(),
  report.problems.length > 0 && h("section", { class: "card alert" }, h("h2", null, "Beyond the cases"), h("ul", { class: "notes" }, report.problems.map((problem) => h("li", null, problem))), report.evidence.map(evidence)),
  tiles(),
  grid(),
  h("div", { class: "columns" }, lookFirst(), slowest()),
];
