// The page of one case.
const marked = (parts, tag) => parts.map((part) => (part.differs ? h(tag, null, part.text) : part.text));

const beside = (more) => {
  if (more.expected === undefined && more.seen === undefined) return "";
  const [left, right] = more.marks ?? [];
  const side = (name, text, parts, tag) =>
    h("div", null, h("h3", null, name), h("pre", { tabindex: "0", role: "region", "aria-label": name }, text === undefined ? h("span", { class: "muted" }, "nothing") : parts ? marked(parts, tag) : text));
  return h("section", { class: "card" }, h("h2", null, "Expected and seen"),
    h("div", { class: "beside" }, side("Expected", more.expected, left, "del"), side("Seen", more.seen, right, "ins")),
    more.marks && more.marks.some((parts) => parts.some((part) => part.differs)) && h("p", { class: "muted small" }, "Marked: what the other side does not have."));
};

const evidence = (each) =>
  h("details", null, h("summary", null, h("strong", null, each.title), h("span", { class: "muted" }, ` · ${each.kind}${each.truncated ? ", in part" : ""}`)), h("pre", { tabindex: "0" }, each.text));

const finding = (one, more) => {
  const found = more.diagnosis;
  if (!found) return "";
  const lacking = found.notCollected.length > 0 && h("details", null, h("summary", null, `Could not be collected (${found.notCollected.length})`), h("ul", { class: "notes" }, found.notCollected.map((each) => h("li", null, each))));
  return h("section", { class: "card finding" }, h("h2", null, "Most likely cause"), h("p", null, prose(found.finding)),
    found.evidence.length > 0 && h("details", null, h("summary", null, `Evidence (${found.evidence.length})`), found.evidence.map(evidence)), lacking);
};

const commands = (more) =>
  more.look?.length > 0 && h("section", { class: "card" }, h("h2", null, "Look for yourself"), more.look.map((text) => h("div", { class: "command" }, h("pre", null, text), copy(text))));

const steps = (more) => {
  if (!more.steps?.length) return "";
  const most = Math.max(...more.steps.map((step) => step.durationMs), 1);
  return h("section", { class: "card" }, h("h2", null, "Steps"), more.steps.map((step) => {
    const verdict = step.verdict ?? "pending";
    const part = h("span", { class: verdict });
    part.style.width = `${(100 * step.durationMs) / most}%`;
    const line = [pill(verdict), " ", prose(step.title), h("span", { class: "muted small" }, step.verdict ? ` · ${took(step.durationMs)}${step.attempts > 1 ? `, looked ${step.attempts} times` : ""}` : " · not reached")];
    const body = [step.reason && h("p", null, prose(step.reason)), h("p", { class: "muted small mono" }, step.place), step.durationMs > 0 && h("span", { class: `meter ${verdict}`, "aria-hidden": "true" }, part), step.output && h("pre", { tabindex: "0" }, step.output)];
    return h("details", { open: step.verdict === "failed" || step.verdict === "errored" }, h("summary", null, line), body);
  }));
};

const LONG = 160;
/** Running text; what is long is folded behind its beginning. */
const brief = (text) => (text.length <= LONG ? prose(text) : h("details", null, h("summary", null, `${text.slice(0, LONG)} …`), h("pre", { tabindex: "0" }, text)));
const MOMENTS = { waits: ["waits for", ""], sees: ["sees", "blocked"], met: ["met", "passed"], leftOut: ["left out", "skipped"] };
const timeline = (one, more) => {
  const moments = more.timeline ?? [];
  if (moments.length === 0) return "";
  const row = (moment) => {
    const [word, tone] = MOMENTS[moment.kind] ?? [moment.kind, ""];
    const until = moment.deadlineMs ? h("span", { class: "muted small" }, ` at most until ${took(moment.deadlineMs)}`) : "";
    return h("li", { class: tone }, h("time", null, `+${took(moment.atMs)}`), h("span", { class: "kind" }, word), brief(moment.text), until);
  };
  // What is seen after the verdict was seen while evidence was collected.
  const later = moments.findIndex((moment) => moment.atMs > one.ms);
  const end = later < 0 ? moments.length : later;
  return h("section", { class: "card" }, h("h2", null, "Timeline"), h("ol", { class: "timeline" },
    moments.slice(0, end).map(row), h("li", { class: one.verdict }, h("time", null, `+${took(one.ms)}`), pill(one.verdict)), moments.slice(end).map(row)));
};

const runs = (more) =>
  more.runs?.length > 0 && h("section", { class: "card" }, h("h2", null, `It ran ${more.runs.length} times`), scroller("Runs", h("table", null,
    h("thead", null, h("tr", null, ["Run", "Verdict", "Took", "Reason"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, more.runs.map((run, n) => h("tr", null, h("td", null, String(n + 1)), h("td", null, pill(run.verdict ?? "pending")), h("td", { class: "nowrap" }, took(run.durationMs)), h("td", null, prose(run.reason ?? ""))))))));

const elsewhere = (one) => {
  const others = report.cells.length > 1 ? report.cases.filter((other) => other.own === one.own) : [];
  return others.length > 1 && h("section", { class: "card" }, h("h2", null, "The same case in other cells"), h("table", null, h("tbody", null,
    others.map((other) => h("tr", null, h("th", { scope: "row" }, other === one ? `${cellName(report.cells[other.cell])} (this)` : h("a", { href: caseAddress(other) }, cellName(report.cells[other.cell]))), h("td", null, pill(other.verdict)), h("td", { class: "right nowrap muted" }, took(other.ms)))))));
};

const casePage = (id) => {
  const one = report.cases[placeOf.get(id)];
  if (!one) return [h("h1", { tabindex: "-1" }, "No such case"), h("p", null, id), h("p", null, h("a", { href: "#/cases" }, "All cases"))];
  const more = details(one);
  const red = report.cases.filter((other) => RED.includes(other.verdict) || other === one);
  const at = red.indexOf(one);
  const step = (other, text) => other && h("a", { href: caseAddress(other) }, text);
  const cell = report.cells[one.cell];
  return [
    h("div", { class: "crumbs" }, h("a", { href: "#/cases" }, "← All cases"), h("div", null, step(red[at - 1], "← previous not passed"), step(red[at + 1], "next not passed →"))),
    h("section", { class: `card case-head ${one.verdict}` }, pill(one.verdict), h("h1", { tabindex: "-1" }, one.title), h("div", { class: "mono muted" }, one.id),
      one.reason && h("p", { class: "reason" }, prose(one.reason)), one.runs && ranMarks(one.runs)),
    finding(one, more), beside(more), commands(more),
    h("div", { class: "columns" },
      h("div", null, timeline(one, more), steps(more), runs(more)),
      h("div", null, h("section", { class: "card" }, h("h2", null, "Facts"), facts([
        ["Guide", one.guide && guideLink(one.guide)], ["Took", `${took(one.ms)}, looked ${count(more.attempts, "time")}`], ["Began", more.startedAt && when(more.startedAt)],
        ["Written in", h("span", { class: "mono" }, more.place)], ["Scenario", h("a", { href: address("cases", { scenario: one.scenario }) }, one.scenario)],
        ["Cell", cell?.name], ["Cluster", cell?.cluster && `${cell.cluster.context}, Kubernetes ${cell.cluster.kubernetesVersion}${cell.cluster.simulated ? " (simulated)" : ""}`], ["Tags", one.tags?.join(", ")],
      ])), elsewhere(one))),
  ];
};
