// The grid: a row for each scenario, a column for each cell. Rows open to their cases. A run of one cell has the squares of
// its cases side by side instead.
const MOST_SQUARES = 300;

const byScenario = () => {
  const scenarios = new Map();
  for (const one of report.cases) {
    if (!scenarios.has(one.scenario)) scenarios.set(one.scenario, []);
    scenarios.get(one.scenario).push(one);
  }
  return scenarios;
};

const grid = () => {
  if (report.cases.length === 0) return "";
  const table = report.cells.length > 1 ? matrixTable() : stripTable();
  return h("section", { class: "card" }, h("h2", { id: "grid" }, report.cells.length > 1 ? "Grid of cells" : "Scenarios"), scroller("Grid", table), legend());
};

const legend = () =>
  h("p", { class: "small muted" }, counted(report.summary).map(([verdict, n]) => [pill(verdict), ` ${n.toLocaleString("en")}  `]));

const stripTable = () =>
  h("table", { class: "grid" },
    h("thead", { class: "sr" }, h("tr", null, ["Scenario", "Cases", "Time"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, [...byScenario()].map(([scenario, cases]) => {
      const rest = cases.length - MOST_SQUARES;
      return h("tr", null,
        h("th", { scope: "row" }, h("a", { href: address("cases", { scenario }) }, scenario)),
        h("td", { class: "squares" }, h("div", { class: "strip" }, cases.slice(0, MOST_SQUARES).map((one) => square(one)), rest > 0 && h("a", { href: address("cases", { scenario }) }, `and ${rest} more`))),
        h("td", { class: "right nowrap muted small" }, took(cases.reduce((sum, one) => sum + one.ms, 0))));
    })));

/** A header row for each axis; neighbors with the same value share a cell of the table. */
const axes = () => {
  const names = [...new Set(report.cells.flatMap((cell) => Object.keys(cell.values)))];
  if (names.length === 0) return [h("tr", null, h("th", { class: "axis", scope: "col" }, "cell"), report.cells.map((cell) => h("th", { scope: "col" }, cellName(cell))))];
  return names.map((name, level) => {
    const groups = [];
    for (const cell of report.cells) {
      const path = names.slice(0, level + 1).map((one) => shown(cell.values[one] ?? "–"));
      const last = groups.at(-1);
      if (last && level < names.length - 1 && last.key === path.join("\n")) last.span += 1;
      else groups.push({ key: path.join("\n"), text: path.at(-1), span: 1, title: cell.notRun });
    }
    return h("tr", null, h("th", { class: "axis", scope: "row" }, name), groups.map(({ text, span, title }) => h("th", { scope: span > 1 ? "colgroup" : "col", colspan: span, title }, text)));
  });
};

const tally = (cases, where, query) => {
  if (cases.length === 0) return h("td", null, h("span", { class: "sr" }, "no case"));
  const verdict = worst(cases);
  const same = cases.filter((one) => one.verdict === verdict).length;
  const label = `${where}: ${counted(countOf(cases)).map(([each, n]) => `${n} ${VERDICTS[each].word}`).join(", ")}`;
  const text = ["passed", "skipped", "notRun"].includes(verdict) ? VERDICTS[verdict].mark : `${VERDICTS[verdict].mark} ${same}`;
  return h("td", null, h("a", { class: `square ${verdict}`, href: address("cases", query), title: label, "aria-label": label }, text));
};

const countOf = (cases) => {
  const counts = {};
  for (const one of cases) counts[one.verdict] = (counts[one.verdict] ?? 0) + 1;
  return counts;
};

const matrixTable = () => {
  const body = h("tbody");
  const inCell = (cases) => {
    const cells = report.cells.map(() => []);
    for (const one of cases) cells[one.cell]?.push(one);
    return cells;
  };
  body.append(h("tr", { class: "total" }, h("th", { scope: "row" }, "All cases"), inCell(report.cases).map((cases, place) => tally(cases, cellName(report.cells[place]), { cell: report.cells[place].name }))));
  for (const [scenario, cases] of byScenario()) {
    const button = h("button", { type: "button", class: "expand", "aria-expanded": "false" }, scenario);
    const top = h("tr", null, h("th", { scope: "row" }, button), inCell(cases).map((some, place) => tally(some, `${scenario}, ${cellName(report.cells[place])}`, { cell: report.cells[place].name, scenario })));
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", String(open));
      if (open) top.after(...caseRows(cases));
      else while (top.nextSibling?.classList.contains("case")) top.nextSibling.remove();
    });
    body.append(top);
  }
  return h("table", { class: "grid" }, h("thead", null, axes()), body);
};

const caseRows = (cases) => {
  const rows = new Map();
  for (const one of cases) {
    if (!rows.has(one.own)) rows.set(one.own, report.cells.map(() => null));
    rows.get(one.own)[one.cell] = one;
  }
  return [...rows].map(([own, squares]) =>
    h("tr", { class: "case" }, h("th", { scope: "row" }, own.slice(own.indexOf("/") + 1)), squares.map((one) => h("td", null, one ? square(one) : h("span", { class: "sr" }, "no case")))));
};
