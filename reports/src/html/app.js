// Which page is shown, and the theme.
const NAV = [["", "Overview"], ["cases", "Cases"], ["guide", "Guide"], ["environment", "Environment"]];
const main = document.getElementById("main");
let first = true;

const show = () => {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  if (location.hash === "#main") return main.focus();
  const [page, id] = path.split("/");
  const content = () => {
    switch (page) {
      case "cases": return casesPage(Object.fromEntries(new URLSearchParams(query)));
      case "case": return casePage(decodeURIComponent(id ?? ""));
      case "guide": return guidePage();
      case "environment": return environmentPage();
      default: return overview();
    }
  };
  main.replaceChildren(...content().flat(Infinity).filter(Boolean));
  const current = page === "case" ? "cases" : page;
  document.getElementById("nav").replaceChildren(...NAV.map(([name, text]) => h("a", { href: `#/${name}`, "aria-current": current === name ? "page" : null }, text)));
  const heading = main.querySelector("h1");
  document.title = `${page === "" ? report.outcome : heading.textContent} · ${report.title} · Meshproof`;
  if (!first) {
    scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  }
  first = false;
};

const THEMES = ["system", "light", "dark"];
const remembered = () => {
  try { return localStorage.getItem("meshproof-theme") ?? "system"; } catch { return "system"; }
};
const setTheme = (theme) => {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("meshproof-theme", theme); } catch { /* A page without storage forgets it. */ }
  const button = document.getElementById("theme");
  button.hidden = false;
  button.textContent = `Theme: ${theme}`;
  button.onclick = () => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
};

addEventListener("hashchange", show);
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    if (!location.hash.startsWith("#/cases")) {
      history.pushState(null, "", "#/cases");
      show();
    }
    document.getElementById("search")?.focus();
  }
  if (event.key === "Escape" && location.hash.startsWith("#/case/")) location.hash = "#/cases";
});
setTheme(remembered());
show();
