// What lies behind a point: its runs, and the command that repeats it. The address of the page names it.

function commandBox(title, command) {
  const code = element("code", {}, command), said = element("span", { class: "said", role: "status" });
  const button = element("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command);
      said.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(code);
      said.textContent = "marked: copy it with your keyboard";
    }
  });
  return element("div", {}, element("h3", {}, title), element("pre", { tabindex: "0", "aria-label": title }, code), button, said);
}

function pairs(caption, entries) {
  const rows = entries.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, shown(value))));
  return element("div", { class: "box", tabindex: "0", role: "region", "aria-label": caption },
    element("table", {}, element("caption", {}, caption), element("tbody", {}, ...rows)));
}

function runDetails(run) {
  const one = setting(run), where = DATA.environments[run.environment];
  const settings = run.settings.map((place) => element("a", { href: `#${settingAddress(DATA.settings[place])}` }, "all runs of this setting"));
  const versions = Object.entries(where.versions).map(([name, version]) => `${name} ${version}`).join(", ");
  return [
    `${short(one)}, P = ${shown(run.P)}, seed ${run.seed}`,
    [
      commandBox("The command that repeats this run", run.command),
      element("p", { class: "after" }, ...settings.flatMap((link, place) => (place ? [", ", link] : [link]))),
      pairs("The run", [
        ...FIELDS.map((name) => [named(name), one[name]]), ["P", run.P], ["test points", run.P_test], ["seed", run.seed], ["status", run.status],
        ["seconds", run.seconds], ["learning rate", run.extended ? "extended from the published table" : null],
        ["device", where.device], ["versions", versions], ["hash", run.hash],
      ]),
      pairs("Its metrics", DATA.metrics.map((name, place) => [name, run.metrics[place]])),
    ],
  ];
}

function settingDetails(one, P) {
  const runs = one.replicates.flat().map((number) => DATA.runs[number]).filter((run) => P === null || run.P === P).sort((a, b) => a.P - b.P);
  const only = element("button", { type: "button" }, "Show this setting alone on the page");
  only.addEventListener("click", () => {
    $("filters").reset();
    $("text").value = one.id;
    $("details").close();
    update();
  });
  const rows = runs.map((run) => element("tr", {},
    element("td", { class: "number" }, element("a", { href: `#${runAddress(run)}` }, shown(run.P))),
    ...[run.seed, shown(metric(run, "error")), shown(metric(run, "epochs")), run.status].map((text) => element("td", {}, text))));
  const head = element("tr", {}, ...["P", "seed", "test error", "epochs", "status"].map((name) => element("th", { scope: "col", class: name === "P" ? "number" : "" }, name)));
  const found = Object.entries(one.P_star).map(([name, value]) => [`P* of ${words(name)}, threshold ${one.thresholds[name]}`,
    value === null ? "the runs do not tell" : value.P_star === null ? `${value.status}: ${value.kind}` : `${shown(value.P_star)}, ${value.kind} [${shown(value.low)}, ${shown(value.high)}]`]);
  const command = one.command ? [commandBox("The command that measures its P*", one.command)]
    : [element("p", {}, "No command has these seeds: each run has its own.")];
  return [
    short(one) + (P === null ? "" : `, P = ${shown(P)}`),
    [
      ...command, pairs("What was found", [...found, ["predicted", one.prediction ? shown(one.prediction.P_star) : null],
        ["scaling law", one.prediction ? `${shown(one.prediction.scaling_law)} = ${one.prediction.formula}, ${one.prediction.source}` : null],
        ["published", one.published ? `${shown(one.published.P_star)}, Figure ${one.published.figure}` : null], ["setting", one.label]]),
      element("p", {}, only),
      element("div", { class: "box", tabindex: "0", role: "region", "aria-label": "Its runs" },
        element("table", {}, element("caption", {}, `Its ${runs.length} runs; a number P leads to the command of the run`), element("thead", {}, head), element("tbody", {}, ...rows))),
    ],
  ];
}

function openAddress() {
  if (document.documentElement.clientWidth < NARROW) $("filter").open = false;
  const asked = new URLSearchParams(location.hash.slice(1));
  const run = asked.get("run") && DATA.runs.find((one) => one.hash.startsWith(asked.get("run")));
  const one = asked.get("setting") && DATA.settings.find((other) => other.id === asked.get("setting"));
  if (!run && !one) {
    if ($("details").open) $("details").close();
    return;
  }
  const [title, parts] = run ? runDetails(run) : settingDetails(one, asked.get("P") === null ? null : Number(asked.get("P")));
  $("details-heading").textContent = title;
  $("details-content").replaceChildren(...parts);
  if (!$("details").open) $("details").showModal();
  $("details").scrollTop = 0;
}

function drawAll() {
  drawPstar();
  drawCurves();
  drawCollapse();
  fillHeat();
  drawHeat();
}

function update() {
  applyFilter();
  table.page = 0;
  drawTable();
  drawAll();
}

let pending = 0;
function soon(action) {
  clearTimeout(pending);
  pending = setTimeout(action, 100); // milliseconds
}

function setTheme(name) {
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
}

function remembered(name) {
  try { // a page from a disk may have no memory
    if (name !== undefined) localStorage.setItem("srhm-theme", name);
    return localStorage.getItem("srhm-theme") ?? "";
  } catch {
    return "";
  }
}

function start() {
  $("theme").value = remembered();
  setTheme($("theme").value);
  makeFilter();
  makeTable();
  for (const id of ["curves-quantity", "collapse-quantity"]) fillQuantities(id);
  makeCollapse();
  makeHeat();
  $("filters").addEventListener("input", () => soon(update));
  $("filters").addEventListener("reset", () => setTimeout(update));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  // Anchors stop below the filter, however high it is; on a narrow screen it closes when the reader goes elsewhere.
  new ResizeObserver(() => document.documentElement.style.setProperty("--covered", `${$("filter").offsetHeight}px`)).observe($("filter"));
  document.addEventListener("pointerdown", (event) => {
    if (document.documentElement.clientWidth < NARROW && !$("filter").contains(event.target)) $("filter").open = false;
  });
  for (const id of ["curves-quantity", "curves-scale"]) $(id).addEventListener("change", drawCurves);
  $("curves-all").addEventListener("change", () => { drawCurves(); drawCollapse(); });
  $("theme").addEventListener("change", () => { setTheme(remembered($("theme").value) || $("theme").value); drawAll(); });
  systemDark.addEventListener("change", drawAll);
  addEventListener("hashchange", openAddress);
  $("details").addEventListener("close", () => {
    if (/[#&](run|setting)=/.test(location.hash)) history.replaceState(null, "", location.pathname + location.search);
  });
  addEventListener("beforeprint", () => { setTheme("light"); drawAll(); });
  addEventListener("afterprint", () => { setTheme($("theme").value); drawAll(); });
  let width = document.documentElement.clientWidth;
  addEventListener("resize", () => {
    const now = document.documentElement.clientWidth;
    if ((now < NARROW) !== (width < NARROW)) soon(drawAll);
    width = now;
  });
  update();
  openAddress();
}

start();
