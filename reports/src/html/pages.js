// The guide's headings and what the run stood on.
const guidePage = () => {
  const rest = report.cases.filter((one) => !one.guide).length;
  return [h("h1", { tabindex: "-1" }, "Guide"), h("section", { class: "card" },
    report.coverage.length === 0 ? h("p", { class: "empty" }, "No case of this suite names a heading of a guide.") : [
      h("p", { class: "muted" }, `${count(report.coverage.length, "heading")} of the guide are proved by ${count(report.cases.length - rest, "case")}; ${count(rest, "case")} name no heading.`),
      scroller("Coverage of the guide", h("table", { class: "guide" }, h("thead", null, h("tr", null, ["Heading", "Result", "Cases"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", null, report.coverage.map(({ heading, cases }) => {
          const some = cases.map((place) => report.cases[place]);
          const left = some.length - MOST_SQUARES;
          return h("tr", null, h("th", { scope: "row" }, guideLink(heading)), h("td", null, pill(worst(some))), h("td", null, h("div", { class: "strip" }, some.slice(0, MOST_SQUARES).map((one) => square(one)), left > 0 && h("a", { href: address("cases", { q: heading }) }, `and ${left} more`))));
        })))),
    ])];
};

const clusterCard = (cell) => {
  const cluster = cell.cluster;
  const name = report.cells.length > 1 || cell.name ? cellName(cell) : "Cluster";
  if (!cluster) return h("section", { class: "card" }, h("h2", null, name), h("p", null, cell.notRun ?? "No cluster was reached."));
  return h("section", { class: "card" }, h("h2", null, name), cluster.simulated && h("p", null, h("span", { class: "pill blocked" }, "simulated")),
    facts([["Kubernetes", cluster.kubernetesVersion], ["Provider", cluster.provider], ["Context", cluster.context], ["Server", h("span", { class: "mono" }, cluster.server)],
      ...Object.entries(cluster.versions).filter(([key]) => key !== "kubernetes"), ...Object.entries(cell.values).map(([key, value]) => [key, shown(value)])]),
    cluster.images.length > 0 && h("details", null, h("summary", null, count(cluster.images.length, "image")), scroller(`Images of ${name}`, h("table", { class: "small" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, "Image"), h("th", { scope: "col" }, "Digest"))), h("tbody", null,
      cluster.images.map((image) => h("tr", null, h("td", { class: "mono" }, image.image), h("td", { class: "mono" }, image.digest))))))));
};

const mergedRuns = () => {
  const runs = report.run.mergedFrom ?? [];
  if (runs.length === 0) return "";
  const others = runs.filter((run) => run.suiteDigest !== report.suite.digest).length;
  const cells = (run) => [h("span", { class: "mono" }, run.id), when(run.startedAt), run.finishedAt ? took(run.durationMs) : `${took(run.durationMs)}, cut off`, run.shard ?? "", run.meshproofVersion, h("span", { class: "mono" }, run.suiteDigest)];
  return h("section", { class: "card" }, h("h2", null, `Merged from ${count(runs.length, "run")}`), others > 0 && h("p", null, `${count(others, "run")} had other files of the suite.`),
    scroller("Merged runs", h("table", { class: "small" }, h("thead", null, h("tr", null, ["Run", "Began", "Took", "Part", "Meshproof", "Suite"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", null, runs.map((run) => h("tr", null, cells(run).map((value) => h("td", null, value))))))));
};

const contacted = () => {
  const all = report.run.contacted ?? [];
  if (all.length === 0) return "";
  return h("section", { class: "card" }, h("h2", null, "Spoken to"), scroller("Addresses", h("table", { class: "small" },
    h("thead", null, h("tr", null, ["Address", "Requests", "Bytes"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, all.map(({ address, requests, bytes }) => h("tr", null, h("td", { class: "mono" }, address), h("td", null, requests.toLocaleString("en")), h("td", null, bytes.toLocaleString("en"))))))));
};

const environmentPage = () => [
  h("h1", { tabindex: "-1" }, "Environment"),
  h("div", { class: "columns" },
    h("section", { class: "card" }, h("h2", null, "Run"), facts([["Run", h("span", { class: "mono" }, report.run.id)], ["Meshproof", report.run.meshproofVersion], ["Began", when(report.run.startedAt)],
      ["Ended", report.run.finishedAt ? when(report.run.finishedAt) : "not told: the run was still going on, or was killed"], ["Took", took(report.run.durationMs)], ["Part", report.run.shard], ["Exit code", String(report.exitCode)]])),
    h("section", { class: "card" }, h("h2", null, "Suite"), facts([["Name", report.suite.name], ["Title", report.suite.title], ["Digest", h("span", { class: "mono" }, report.suite.digest)], ["Guide", report.guideUrl && h("a", { href: report.guideUrl, rel: "noreferrer", target: "_blank" }, report.guideUrl)]])),
    h("section", { class: "card" }, h("h2", null, "Variables"), facts(Object.entries(report.suite.variables).map(([name, value]) => [name, h("span", { class: "mono" }, shown(value))]))),
    report.cells.map(clusterCard)),
  mergedRuns(),
  contacted(),
];
