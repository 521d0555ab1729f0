// The list of cases, with search and filters. They stand in the address, so that a filtered list can be sent to somebody.
const PAGE = 200;

const matches = (query) => {
  const verdicts = query.verdict ? query.verdict.split(",") : null;
  const words = (query.q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  return report.cases.filter((one) =>
    (!verdicts || verdicts.includes(one.verdict)) &&
    (!query.cell || report.cells[one.cell]?.name === query.cell) &&
    (!query.scenario || one.scenario === query.scenario) &&
    words.every((word) => one.text.includes(word)));
};

const choice = (label, name, values, query, change) =>
  values.length > 1 &&
  h("label", null, h("span", { class: "sr" }, label), h("select", { onchange: (event) => change({ [name]: event.target.value }) },
    h("option", { value: "" }, label), values.map((value) => h("option", { value, selected: query[name] === value }, value))));

/** The list grows as its end comes near; the button is for who does not scroll. */
const growing = (cases) => {
  const list = h("ul", { class: "list", id: "cases" });
  const more = h("button", { type: "button", class: "quiet" });
  let drawn = 0;
  const grow = () => {
    list.append(...cases.slice(drawn, drawn + PAGE).map((one) => h("li", null, row(one))));
    drawn = Math.min(drawn + PAGE, cases.length);
    more.textContent = `Show more (${count(cases.length - drawn, "case")} left)`;
    more.hidden = drawn === cases.length;
  };
  more.addEventListener("click", grow);
  new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && !more.hidden && grow(), { rootMargin: "600px" }).observe(more);
  grow();
  return [cases.length > 0 ? list : h("p", { class: "empty" }, "No case is like that."), more];
};

const casesPage = (query) => {
  const result = h("div");
  const told = h("p", { class: "muted small", role: "status" });
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Verdicts" });
  const draw = () => {
    const found = matches(query);
    const verdicts = (query.verdict ?? "").split(",").filter(Boolean);
    told.textContent = found.length === report.cases.length ? count(found.length, "case") : `${found.length.toLocaleString("en")} of ${count(report.cases.length, "case")}`;
    chips.replaceChildren(...counted(report.summary).map(([verdict, n]) =>
      h("button", { type: "button", class: `chip ${verdict}`, "data-verdict": verdict, "aria-pressed": String(verdicts.includes(verdict)), onclick: () => {
        const next = verdicts.includes(verdict) ? verdicts.filter((one) => one !== verdict) : [...verdicts, verdict];
        change({ verdict: next.join(",") });
        chips.querySelector(`[data-verdict="${verdict}"]`).focus();
      } }, `${VERDICTS[verdict].mark} ${VERDICTS[verdict].word} ${n.toLocaleString("en")}`)));
    result.replaceChildren(...growing(found));
  };
  const change = (part) => {
    Object.assign(query, part);
    history.replaceState(null, "", address("cases", query));
    draw();
  };
  const search = h("input", { type: "search", id: "search", "aria-label": "Search cases", placeholder: "Search ( / )", title: "By id, title, reason, heading and tag", value: query.q ?? "", oninput: (event) => change({ q: event.target.value }) });
  const filters = h("div", { class: "filters", role: "search" }, search,
    choice("All scenarios", "scenario", [...byScenario().keys()], query, change),
    choice("All cells", "cell", report.cells.map((cell) => cell.name), query, change));
  draw();
  return [h("h1", { tabindex: "-1" }, "Cases"), h("section", { class: "card", "aria-label": "Cases" }, filters, chips, told, result)];
};
