// The figures, drawn by Plotly from the settings and runs that the filter leaves.

const MOST = 12, ALL = 60; // settings of one figure, and those of one for which many are asked
const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "pentagon", "hexagon"];
const DASHES = ["solid", "dash", "dot", "dashdot"];
const CONFIG = {
  displaylogo: false, responsive: true, showTips: false, showSendToCloud: false, plotlyServerURL: "", // nothing leaves the page
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], toImageButtonOptions: { scale: 2 },
};

function layout(extra = {}) {
  const narrow = document.documentElement.clientWidth < NARROW;
  const font = { family: getComputedStyle(document.body).fontFamily, size: narrow ? 12 : 13, color: colour("--ink") };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font, hovermode: "closest",
    // A finger that scrolls the page must not zoom a figure.
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    height: narrow ? 430 : 500, margin: { l: 62, r: 14, t: 26, b: 50 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--muted"), activecolor: colour("--ink") },
    hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--control"), font },
    legend: { orientation: "h", x: 0, y: -0.16, yanchor: "top", yref: "paper", font: { ...font, size: narrow ? 11 : 12 } },
    ...extra,
  };
}

const axis = (title, extra = {}) => ({
  title: { text: title }, gridcolor: colour("--line"), linecolor: colour("--control"), zerolinecolor: colour("--line"),
  automargin: true, ...extra,
});

// Ticks at 1, 2, 5, or at powers of ten where the values reach far for the room there is.
function logAxis(title, values, side = "x") {
  const positive = values.filter((value) => value > 0);
  const decades = positive.length ? Math.log10(Math.max(...positive) / Math.min(...positive)) : 1;
  const most = side === "x" && document.documentElement.clientWidth < NARROW ? 1.5 : 3.3;
  return axis(title, { type: "log", tickformat: ",.6~g", dtick: decades < 0.6 ? "D1" : decades < most ? "D2" : 1 });
}
const reached = (traces, side) => traces.flatMap((trace) => trace[side] ?? []);

// Legends wrap below the figure, which grows by as many rows as they take.
function grown(figure, names) {
  const width = document.documentElement.clientWidth < NARROW ? document.documentElement.clientWidth - 60 : 1080;
  const lines = names.map((name) => name.split("<br>"));
  const entry = 7 * Math.max(1, ...lines.flat().map((line) => line.length)) + 50;
  const rows = Math.ceil(lines.flat().length / Math.max(1, Math.floor(width / entry)));
  const margin = { ...figure.margin, b: figure.margin.b + 20 * rows + 24 };
  const height = figure.height + 20 * rows;
  const inside = height - margin.t - margin.b;
  return { ...figure, margin, height, legend: { ...figure.legend, y: -64 / inside } };
}

// On a narrow screen a long name takes two rows of the legend.
function folding(name) {
  return document.documentElement.clientWidth < NARROW ? name.replace(", ", ",<br>") : name;
}

function draw(id, traces, figure) {
  const place = $(id);
  Plotly.react(place, traces, figure, CONFIG);
  if (place.dataset.ready) return;
  place.dataset.ready = "yes";
  place.on("plotly_click", ({ points }) => {
    const address = points[0].customdata;
    if (typeof address === "string" && address) location.hash = address;
  });
}

const settingAddress = (one, P) => `setting=${one.id}${P === undefined ? "" : `&P=${P}`}`;
const runAddress = (run) => `run=${run.hash.slice(0, 16)}`;

function bars(found) {
  return { high: found.high === null ? 0 : found.high - found.P_star, low: found.low === null ? 0 : found.P_star - found.low };
}

// The marks of P*, as in all figures of the package: filled is measured, open is the paper's, an arrow starts from a bound
// where no more is known. In the plot of P* a dot inside says that the setting has an option that is not the default.

const ARROW = 1.3; // how far the arrow of a bound lies from it, as a factor
const BOUNDS = { above: 1, below: -1 }; // the statuses of a P* of which a bound is known, and where its arrow leads
const MEANINGS = {
  measured: ["filled: measured", { symbol: "circle" }],
  above: ["arrow up: P* is above", { symbol: "arrow-bar-up" }],
  below: ["arrow down: P* is below", { symbol: "arrow-bar-down" }],
  dotted: ["dot inside: an option is not the default", { symbol: "circle-dot" }],
  published: ["open: published in the paper", { symbol: "circle-open", size: 12 }],
  P_star: ["star: P*", { symbol: "star", size: 13 }],
};

const mark = (found) => found?.P_star ?? { above: found?.low, below: found?.high }[found?.status] ?? null;
const rimmed = (color, marker) => ({ color, line: { width: 1, color: colour("--card") }, ...marker });
const legendOnly = (name, extra) => ({ name, type: "scatter", x: [null], y: [null], mode: "markers", hoverinfo: "skip", ...extra });
function meaning(kind) {
  const [words, look] = MEANINGS[kind], color = colour("--muted");
  const line = kind in BOUNDS ? { line: { width: 1.5, color } } : {};
  return legendOnly(words, { marker: rimmed(color, { size: 10, ...look, ...line }) });
}

// Arrows at those of some settings of whose P* only a bound is known; `at` gives its coordinates, `along` the axis of P*.
function arrows(those, quantity, at, along, extra) {
  const found = those.filter((one) => one.P_star[quantity].P_star === null);
  const names = along === "y" ? ["up", "down"] : ["right", "left"];
  const moved = found.map((one) => {
    const [x, y] = at(one), factor = ARROW ** BOUNDS[one.P_star[quantity].status];
    return along === "y" ? [x, y * factor] : [x * factor, y];
  });
  return {
    type: "scatter", mode: "markers", showlegend: false, x: moved.map(([x]) => x), y: moved.map(([, y]) => y), ...extra,
    marker: { color: extra.marker.color, size: 9, symbol: found.map((one) => `arrow-bar-${names[BOUNDS[one.P_star[quantity].status] > 0 ? 0 : 1]}`), line: { width: 1.5, color: extra.marker.color } },
    customdata: found.map((one) => settingAddress(one)),
  };
}

function said(found) {
  if (found.P_star !== null) return `P* = ${shown(found.P_star)} [${shown(found.low)}, ${shown(found.high)}]`;
  return `P* is ${found.status} ${shown(mark(found))}`;
}

function drawPstar() {
  const groups = new Map();
  let without = 0;
  for (const one of chosen.settings.map((place) => DATA.settings[place])) {
    if (!one.prediction || mark(one.P_star.error) === null) { without += 1; continue; }
    const name = `${one.name}, s₀=${one.s0}`;
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  const blanks = distinct(DATA.settings.map((one) => one.s0)).sort((a, b) => a - b);
  const inOrder = [...groups].sort(([, [a]], [, [b]]) => a.name.localeCompare(b.name, "en") || a.s0 - b.s0);
  const traces = inOrder.flatMap(([name, those]) => {
    const color = palette().nets[those[0].net];
    const symbol = SYMBOLS[blanks.indexOf(those[0].s0) % SYMBOLS.length];
    const at = (one) => [one.prediction.scaling_law, mark(one.P_star.error)];
    const ends = those.map((one) => (one.P_star.error.P_star === null ? { high: 0, low: 0 } : bars(one.P_star.error)));
    const papers = those.filter((one) => one.published);
    const look = { type: "scatter", mode: "markers", showlegend: false, legendgroup: name, hovertemplate: "%{text}<extra></extra>" };
    return [
      legendOnly(name, { legendgroup: name, marker: rimmed(color, { size: 10, symbol }) }),
      {
        ...look, x: papers.map((one) => one.prediction.scaling_law), y: papers.map((one) => one.published.P_star),
        marker: { color, size: 14, symbol: `${symbol}-open`, line: { width: 1.3 } }, customdata: papers.map((one) => settingAddress(one)),
        text: papers.map((one) => plain(`Figure ${one.published.figure}: ${shown(one.published.P_star)}, ${short(one)}`)),
      },
      {
        ...look, x: those.map((one) => at(one)[0]), y: those.map((one) => at(one)[1]),
        error_y: { type: "data", array: ends.map((end) => end.high), arrayminus: ends.map((end) => end.low), symmetric: false, color, thickness: 1.2, width: 3 },
        marker: rimmed(color, { size: 10, symbol: those.map((one) => symbol + (one.changes ? "-dot" : "")) }),
        customdata: those.map((one) => settingAddress(one)),
        text: those.map((one) => plain(`${short(one)}: ${said(one.P_star.error)}, scaling law ${shown(one.prediction.scaling_law)}`)),
      },
      arrows(those, "error", at, "y", { legendgroup: name, marker: { color }, hoverinfo: "skip" }),
    ];
  });
  const drawn = [...groups.values()].flat();
  const bound = (status) => drawn.some((one) => one.P_star.error.P_star === null && one.P_star.error.status === status);
  if (drawn.length) traces.push(meaning("measured"));
  if (drawn.some((one) => one.published)) traces.push(meaning("published"));
  if (drawn.some((one) => one.changes)) traces.push(meaning("dotted"));
  for (const status of ["above", "below"]) if (bound(status)) traces.push(meaning(status));
  const values = drawn.map((one) => one.prediction.scaling_law);
  const ends = [Math.min(...values) / 1.4, Math.max(...values) * 1.4];
  if (drawn.length) {
    traces.unshift({
      name: "P* = scaling law", type: "scatter", mode: "lines", x: ends, y: ends, hoverinfo: "skip", line: { color: colour("--muted"), width: 1.2, dash: "dash" },
    });
  }
  draw("pstar-plot", traces, grown(
    layout({ xaxis: logAxis("scaling law", reached(traces, "x")), yaxis: logAxis("P*, training points", reached(traces, "y"), "y") }),
    traces.filter((one) => one.showlegend !== false).map((one) => one.name),
  ));
  $("pstar-note").textContent = "On the dashed line P* equals the scaling law. Bars: 90% intervals; of one seed, its bracket."
    + (without ? ` Settings without P* or without a scaling law, which are not drawn: ${without}.` : "");
}

function fillQuantities(id) {
  for (const name of DATA.drawn) $(id).append(element("option", { value: name }, words(name)));
}

// Curves of a quantity over P / scale(setting): a line of medians, a mark for each run, a star at P* or an arrow at a bound.
function curves(settings, quantity, scale, intervals = true) {
  const left = new Set(chosen.runs.map((run) => run.number));
  const traces = [];
  settings.forEach((one, place) => {
    const color = palette().lines[place % palette().lines.length];
    const symbol = SYMBOLS[place % SYMBOLS.length];
    const group = one.id, divisor = scale(one), name = plain(short(one));
    const runs = one.replicates.flat().filter((number) => left.has(number)).map((number) => DATA.runs[number]);
    const [P, values] = one.medians[quantity] ?? [[], []];
    const line = { color, width: 2, dash: DASHES[Math.floor(place / palette().lines.length) % DASHES.length] };
    traces.push(legendOnly(folding(name), { legendgroup: group, mode: "lines+markers", line, marker: { color, symbol, size: 8 } }));
    traces.push({
      name, legendgroup: group, showlegend: false, type: "scatter", mode: "lines", x: P.map((value) => value / divisor), y: values, line, customdata: P.map(() => settingAddress(one)), hovertemplate: `${name}<br>median at P = %{text}: %{y:.3~g}<extra></extra>`,
      text: P.map(shown),
    });
    traces.push({
      name: `${name}, runs`, legendgroup: group, showlegend: false, type: "scatter", mode: "markers", opacity: 0.65,
      x: runs.map((run) => run.P / divisor), y: runs.map((run) => metric(run, quantity)), marker: { color, symbol, size: 8 },
      customdata: runs.map(runAddress), text: runs.map((run) => `P = ${shown(run.P)}, seed ${plain(run.seed)}, ${plain(run.status)}`),
      hovertemplate: `${name}<br>%{text}: %{y:.3~g}<extra></extra>`,
    });
    const found = one.P_star[quantity];
    if (found && found.P_star !== null) {
      const end = intervals ? bars(found) : { high: 0, low: 0 };
      traces.push({
        name: `${name}, P*`, legendgroup: group, showlegend: false, type: "scatter", mode: "markers", x: [found.P_star / divisor], y: [one.thresholds[quantity]],
        error_x: { type: "data", array: [end.high / divisor], arrayminus: [end.low / divisor], symmetric: false, color, thickness: 2 },
        marker: rimmed(color, { symbol: "star", size: 13 }), customdata: [settingAddress(one)],
        hovertemplate: `${name}<br>P* = ${shown(found.P_star)}<extra></extra>`,
      });
    } else if (mark(found) !== null) {
      const at = () => [mark(found) / divisor, one.thresholds[quantity]];
      traces.push(arrows([one], quantity, at, "x", { legendgroup: group, marker: { color }, hovertemplate: `${name}<br>${said(found)}<extra></extra>` }));
    }
  });
  if (settings.some((one) => one.P_star[quantity]?.P_star)) traces.push(meaning("P_star"));
  return traces;
}

function levels(settings, quantity) {
  return distinct(settings.map((one) => one.thresholds[quantity]).filter((value) => value !== undefined)).map((value) => ({
    type: "line", xref: "paper", x0: 0, x1: 1, y0: value, y1: value, line: { color: colour("--muted"), width: 1, dash: "dash" },
  }));
}

function drawCurves() {
  const quantity = $("curves-quantity").value;
  const having = chosen.settings.map((place) => DATA.settings[place]).filter((one) => one.medians[quantity]);
  const drawn = having.slice(0, $("curves-all").checked ? ALL : MOST);
  const traces = curves(drawn, quantity, () => 1), name = words(quantity);
  const y = $("curves-scale").value === "log" ? logAxis(name, reached(traces, "y"), "y") : axis(name, { rangemode: "tozero" });
  const figure = layout({ xaxis: logAxis("P, training points", reached(traces, "x")), yaxis: y, shapes: levels(drawn, quantity) });
  draw("curves-plot", traces, grown(figure, [...drawn.map(short).map(folding), MEANINGS.P_star[0]]));
  $("curves-note").textContent = note(drawn, having);
}

function note(drawn, having) {
  const some = drawn.length < having.length ? ` The first ${drawn.length} of ${having.length} settings are drawn: filter, or draw more.` : "";
  const legend = "A mark is a run, a line the median over seeds, a star P*, an arrow along the threshold a bound of P*; dashed: the threshold.";
  return (drawn.length ? legend : "No setting is left.") + some;
}

// Collapse: families are of one network, L and s, so that a formula has one set of exponents.

const family = (one) => `${one.name}, L=${one.L}, s=${one.s}${one.sparsity === "A" ? "" : `, sparsity ${one.sparsity}`}`;

function makeCollapse() {
  const count = new Map();
  for (const one of DATA.settings) count.set(family(one), (count.get(family(one)) ?? 0) + 1);
  for (const [name, number] of count) $("family").append(element("option", { value: name }, `${name} (${number})`));
  $("family").value = [...count].sort((a, b) => b[1] - a[1])[0][0];
  $("usual").checked = DATA.settings.some((one) => !one.changes);
  for (const name of "abc") $(`exponent-${name}`).addEventListener("input", drawCollapse);
  $("scaling-law").addEventListener("click", () => { lawExponents(); drawCollapse(); });
  $("family").addEventListener("change", () => { lawExponents(); drawCollapse(); });
  for (const id of ["usual", "collapse-quantity"]) $(id).addEventListener("change", drawCollapse);
  lawExponents();
}

function lawExponents() {
  const exponents = DATA.settings.find((one) => family(one) === $("family").value).exponents;
  $("scaling-law").disabled = exponents === null;
  "abc".split("").forEach((name, place) => { $(`exponent-${name}`).value = exponents ? exponents[place] : 0; });
}

function drawCollapse() {
  const [a, b, c] = "abc".split("").map((name) => Number($(`exponent-${name}`).value));
  [["a", a], ["b", b], ["c", c]].forEach(([name, value]) => { $(`shown-${name}`).textContent = value.toFixed(2); });
  const quantity = $("collapse-quantity").value;
  const scale = (one) => (one.s0 + 1) ** a * one.m ** b * one.n_c ** c;
  const having = chosen.settings.map((place) => DATA.settings[place])
    .filter((one) => family(one) === $("family").value && one.medians[quantity] && !($("usual").checked && one.changes));
  const drawn = having.slice(0, $("curves-all").checked ? ALL : 2 * MOST);
  const title = `P / [(s₀+1)<sup>${a.toFixed(2)}</sup> m<sup>${b.toFixed(2)}</sup> n<sub>c</sub><sup>${c.toFixed(2)}</sup>]`;
  const traces = curves(drawn, quantity, scale, false);
  const figure = layout({ xaxis: logAxis(title, reached(traces, "x")), yaxis: axis(words(quantity), { rangemode: "tozero" }), shapes: levels(drawn, quantity) });
  draw("collapse-plot", traces, grown(figure, [...drawn.map(short).map(folding), MEANINGS.P_star[0]]));
  $("collapse-note").textContent = note(drawn, having);
  const logs = having.filter((one) => one.P_star[quantity]?.P_star).map((one) => Math.log(one.P_star[quantity].P_star / scale(one)));
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const spread = Math.exp(Math.sqrt(logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (logs.length - 1)));
  $("spread").textContent = logs.length < 2 ? "P* of two settings at least is needed to say how well curves collapse."
    : `P* over the formula is ${shown(Math.exp(mean))}, times or over ${spread.toFixed(2)} (standard deviation over ${logs.length} settings).`;
}
