// Heat maps of S and D: layer k upwards from the input, level l to the right.

const MAPS = { S: "S: synonyms exchanged", D: "D: features shifted" };

function makeHeat() {
  $("heat-setting").addEventListener("change", () => { chooseNumber(); drawHeat(); });
  $("heat-P").addEventListener("input", drawHeat);
}

const mapped = (letter) => DATA.metrics.filter((name) => new RegExp(`^${letter}_\\d\\d$`).test(name));
const hasMap = (one) => mapped("S").some((name) => one.medians[name]);
const numbers = (one) => distinct(one.replicates.flat().map((number) => DATA.runs[number].P)).sort((a, b) => a - b);
const heatSetting = () => DATA.settings[Number($("heat-setting").value)];

// The settings that the filter leaves; the one that was chosen stays if it is among them.
function fillHeat() {
  const select = $("heat-setting"), before = select.value;
  const left = chosen.settings.filter((place) => hasMap(DATA.settings[place]));
  select.replaceChildren(...left.map((place) => element("option", { value: place }, short(DATA.settings[place]))));
  if (left.includes(Number(before)) && before !== "") select.value = before;
  else if (left.length) {
    select.value = left.find((place) => mapped("D").some((name) => DATA.settings[place].medians[name])) ?? left[0];
    chooseNumber();
  }
}

// The P nearest to P*, where what a network has learned shows best.
function chooseNumber() {
  const one = heatSetting(), P = numbers(one), goal = Math.log(one.P_star.error?.P_star ?? P[P.length - 1]);
  const distance = P.map((value) => Math.abs(Math.log(value) - goal));
  $("heat-P").max = P.length - 1;
  $("heat-P").value = distance.indexOf(Math.min(...distance));
}

function mean(runs, name) {
  const values = runs.map((run) => metric(run, name)).filter((value) => value !== null);
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}

function heat(letter, one, runs) {
  const names = mapped(letter).filter((name) => runs.some((run) => metric(run, name) !== null));
  const layers = distinct(names.map((name) => name[2])).sort(), levels = distinct(names.map((name) => name[3])).sort();
  const called = (k) => (Number(k) === one.output ? "output" : `layer ${k}`);
  return {
    letter, layers: layers.map(called), levels: levels.map((level) => `level ${level}`),
    z: layers.map((k) => levels.map((level) => mean(runs, `${letter}_${k}${level}`))),
  };
}

// The numbers in the cells, black or white, whichever reads better on Cividis.
function written(map, which) {
  return map.z.flatMap((row, k) => row.map((value, place) => ({
    text: value === null ? "" : value.toFixed(2), x: map.levels[place], y: map.layers[k], xref: `x${which}`, yref: `y${which}`,
    showarrow: false, font: { color: value > 0.5 ? "#000000" : "#ffffff", size: 14 },
  })));
}

function drawHeat() {
  const empty = $("heat-setting").options.length === 0;
  $("heat-runs").hidden = empty;
  if (empty) {
    draw("heat-plot", [], layout({ height: 60, xaxis: { visible: false }, yaxis: { visible: false } }));
    $("heat-note").textContent = "No setting with sensitivities is left.";
    return;
  }
  const one = heatSetting(), P = numbers(one)[Number($("heat-P").value)];
  const runs = one.replicates.flat().map((number) => DATA.runs[number]).filter((run) => run.P === P);
  $("shown-P").textContent = `P = ${shown(P)}`;
  $("heat-P").setAttribute("aria-valuetext", `P = ${shown(P)}`);
  $("heat-runs").href = `#${settingAddress(one, P)}`;
  const maps = ["S", "D"].map((letter) => heat(letter, one, runs)).filter((map) => map.layers.length);
  const stacked = document.documentElement.clientWidth < NARROW;
  const figure = layout({ annotations: [], dragmode: false, height: (stacked ? maps.length : 1) * (110 + 62 * (one.L + 1)) });
  const traces = maps.map((map, place) => {
    const which = place ? String(place + 1) : "";
    const part = [place / maps.length, (place + 0.86) / maps.length];
    const from = stacked ? [1 - (place + 0.78) / maps.length, 1 - place / maps.length] : [0, 1];
    figure[`xaxis${which}`] = axis("", { domain: stacked || maps.length === 1 ? [0, 1] : part, anchor: `y${which}`, showgrid: false, fixedrange: true });
    figure[`yaxis${which}`] = axis("", { domain: from, anchor: `x${which}`, showgrid: false, fixedrange: true });
    figure.annotations.push({ text: MAPS[map.letter], showarrow: false, xref: `x${which} domain`, yref: `y${which} domain`, x: 0, y: 1, yanchor: "bottom", yshift: 4 });
    figure.annotations.push(...written(map, which));
    return {
      type: "heatmap", x: map.levels, y: map.layers, z: map.z, xaxis: `x${which}`, yaxis: `y${which}`, zmin: 0, zmax: 1, colorscale: "Cividis",
      xgap: 2, ygap: 2, showscale: place === 0, colorbar: { thickness: 12, outlinewidth: 0, x: 1.02 },
      customdata: map.z.map((row) => row.map(() => settingAddress(one, P))), hovertemplate: `${map.letter}, %{y}, %{x}: %{z:.3f}<extra></extra>`,
    };
  });
  draw("heat-plot", traces, { ...figure, margin: { ...figure.margin, l: 20, t: 40 } });
  $("heat-note").textContent = `${short(one)}, P = ${shown(P)}: mean over ${runs.length} ${runs.length === 1 ? "run" : "runs"}, whose test error is ${shown(mean(runs, "error"))}.`;
  drawHeatTable(maps);
}

function drawHeatTable(maps) {
  const head = element("tr", {}, element("th", { scope: "col" }, "layer"));
  const rows = (maps[0]?.layers ?? []).map((layer) => element("tr", {}, element("th", { scope: "row" }, layer)));
  for (const map of maps) {
    for (const level of map.levels) head.append(element("th", { scope: "col", class: "number" }, `${map.letter}, ${level}`));
    map.z.forEach((row, k) => row.forEach((value) => rows[k].append(element("td", { class: "number" }, shown(value)))));
  }
  $("heat-table").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
}
