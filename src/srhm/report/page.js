"use strict";
// What all parts of the page share: the data, texts, the filter, and the colours.

const DATA = JSON.parse(document.getElementById("data").textContent);
const METRIC = Object.fromEntries(DATA.metrics.map((name, place) => [name, place]));
const NARROW = 640; // CSS pixels
const $ = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function shown(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
  return Number(value.toPrecision(3)).toString();
}

const metric = (run, name) => (name in METRIC ? run.metrics[METRIC[name]] : null);
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const folded = (text) => String(text).normalize("NFKC").toLowerCase(); // s₀ is s0
const distinct = (values) => [...new Set(values)];
const setting = (run) => DATA.settings[run.settings[0]];

// Fields by which settings are chosen, and those of them in which the settings of this page differ.
const FIELDS = ["net", "v", "m", "n_c", "s", "s0", "L", "sparsity", "width", "changes"];
const VARYING = FIELDS.filter((name) => distinct(DATA.settings.map((one) => one[name])).length > 1);
const NAMES = { net: "network", s0: "s₀", changes: "not the default", status: "status" };
const named = (name) => NAMES[name] ?? name;

function short(one) {
  const usual = { n_c: one.v, m: one.v ** (one.s - 1) };
  const parts = VARYING.filter((name) => !["net", "changes"].includes(name) && usual[name] !== one[name]);
  const words = [one.name, ...parts.map((name) => `${named(name)}=${one[name]}`)];
  return words.join(" ") + (one.changes ? `, ${one.changes}` : "");
}

// The quantity at which the paper reads off P*_S or P*_D, such as S_21.
const read = (one, letter) => Object.keys(one.thresholds).find((name) => name.startsWith(`${letter}_`));

function words(name) {
  const found = /^(S|D|probe|probe_rule|probe_placement|ari)_(\d)(\d)$/.exec(name);
  if (!found) return { error: "test error", best_test_error: "best test error over the looks" }[name] ?? name.replaceAll("_", " ");
  const kinds = {
    S: "sensitivity S to synonyms", D: "sensitivity D to shifts", probe: "features read by a linear probe",
    probe_rule: "synonyms read by a linear probe", probe_placement: "places read by a linear probe",
    ari: "clusters that are synonyms",
  };
  return `${kinds[found[1]]}: layer ${found[2]}, level ${found[3]}`;
}

// The filter: which runs are left, and which settings these are of.

DATA.runs.forEach((run, number) => {
  const one = setting(run);
  run.number = number;
  run.words = folded(`${one.label} ${run.settings.map((place) => DATA.settings[place].id).join(" ")} ${run.hash} ${run.status}`);
  run.terms = new Map([...FIELDS.flatMap((name) => [[name, one[name]], [named(name), one[name]]]), ["P", run.P], ["seed", run.seed]]
    .map((pair) => pair.map(folded)));
});

// A term such as s0=1 means that number, not one that begins with it; every other word may be part of any text.
function matches(run, word) {
  const [name, value] = word.split("=");
  return value && run.terms.has(name) ? run.terms.get(name) === value : run.words.includes(word);
}

const chosen = { runs: DATA.runs, settings: DATA.settings.map((_, place) => place) };
const selects = new Map();

function makeFilter() {
  for (const name of [...VARYING, "status"]) {
    const values = distinct(name === "status" ? DATA.runs.map((run) => run.status) : DATA.settings.map((one) => one[name]));
    if (values.length < 2 || values.length > 200) continue;
    values.sort((a, b) => (typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en")));
    const select = element("select", { id: `filter-${name}` }, element("option", { value: "" }, "any"));
    values.forEach((value, place) => select.append(element("option", { value: place }, value === "" ? "none" : String(value))));
    $("selects").append(element("label", {}, named(name), select));
    selects.set(name, { select, values });
  }
}

function applyFilter() {
  const asked = folded($("text").value).replace(/\s*=\s*/g, "=").replace(/=(?!\S)/g, "").split(/\s+/).filter(Boolean);
  const least = Number($("least").value) || 0;
  const most = Number($("most").value) || Infinity;
  const wanted = [...selects].filter(([, one]) => one.select.value !== "")
    .map(([name, one]) => [name, one.values[Number(one.select.value)]]);
  chosen.runs = DATA.runs.filter((run) => {
    const one = setting(run);
    return run.P >= least && run.P <= most && asked.every((word) => matches(run, word))
      && wanted.every(([name, value]) => (name === "status" ? run.status : one[name]) === value);
  });
  chosen.settings = distinct(chosen.runs.flatMap((run) => run.settings)).sort((a, b) => a - b);
  const some = chosen.runs.length < DATA.runs.length;
  $("filtered").textContent = `${some ? `${chosen.runs.length.toLocaleString("en")} of ` : ""}`
    + `${DATA.runs.length.toLocaleString("en")} runs, ${chosen.settings.length} of ${DATA.settings.length} settings`;
  const left = new Set(chosen.settings);
  for (const row of $("pstar-table").tBodies[0].rows) row.hidden = !left.has(Number(row.dataset.setting));
}

// Colours follow the theme, which the reader may set.

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme || (systemDark.matches ? "dark" : "light")) === "dark";
const palette = () => DATA.palettes[isDark() ? "dark" : "light"];

function colour(name) {
  const probe = element("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
