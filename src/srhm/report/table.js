// The table of runs: a page of it at a time, so that thousands stay quick.

const ROWS = 50;
const COLUMNS = [
  { name: "P", of: (run) => run.P, leads: true },
  ...FIELDS.map((name) => ({ name: named(name), of: (run) => setting(run)[name] })),
  { name: "seed", of: (run) => (/^\d{1,15}$/.test(run.seed) ? Number(run.seed) : run.seed), show: String },
  { name: "test error", of: (run) => metric(run, "error") },
  { name: "S", of: (run) => metric(run, read(setting(run), "S")) },
  { name: "D", of: (run) => metric(run, read(setting(run), "D")) },
  { name: "train loss", of: (run) => metric(run, "train_loss") },
  { name: "epochs", of: (run) => metric(run, "epochs") },
  { name: "seconds", of: (run) => run.seconds },
  { name: "status", of: (run) => run.status },
];
const table = { columns: [], sorted: null, downward: false, page: 0 };

function makeTable() {
  const alike = [];
  for (const column of COLUMNS) {
    const values = distinct(DATA.runs.map(column.of));
    column.number = values.some((value) => typeof value === "number");
    if (values.length > 1 || column.leads) table.columns.push(column);
    else if (values[0] !== null && values[0] !== "") alike.push(`${column.name} = ${shown(values[0])}`);
  }
  $("alike").textContent = "S and D are those of the layer and level at which the paper reads off P*_S and P*_D."
    + (alike.length ? ` The same in all runs: ${alike.join(", ")}.` : "");
  const head = element("tr");
  for (const column of table.columns) {
    const button = element("button", { type: "button" }, column.name);
    button.addEventListener("click", () => {
      table.downward = table.sorted === column && !table.downward;
      table.sorted = column;
      table.page = 0;
      drawTable();
    });
    column.head = element("th", { scope: "col", class: column.number ? "number" : "" }, button);
    head.append(column.head);
  }
  $("run-table").tHead.append(head);
  $("previous").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));
}

function turn(pages) {
  table.page += pages;
  drawTable();
}

function compare(a, b) {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1; // what is missing comes last, either way
  if (b === null || b === undefined) return -1;
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en");
  return table.downward ? -order : order;
}

function drawTable() {
  let runs = chosen.runs;
  if (table.sorted) {
    const keys = new Map(runs.map((run) => [run, table.sorted.of(run)]));
    runs = [...runs].sort((a, b) => compare(keys.get(a), keys.get(b)));
  }
  for (const column of table.columns) {
    const order = table.downward ? "descending" : "ascending";
    if (column === table.sorted) column.head.setAttribute("aria-sort", order);
    else column.head.removeAttribute("aria-sort");
  }
  const pages = Math.max(1, Math.ceil(runs.length / ROWS));
  table.page = Math.min(Math.max(table.page, 0), pages - 1);
  const start = table.page * ROWS;
  $("run-table").tBodies[0].replaceChildren(...runs.slice(start, start + ROWS).map(tableRow));
  const end = Math.min(start + ROWS, runs.length);
  $("page").textContent = runs.length ? `${start + 1}–${end} of ${runs.length.toLocaleString("en")}` : "no run is left";
  $("previous").disabled = table.page === 0;
  $("next").disabled = table.page === pages - 1;
}

function tableRow(run) {
  return element("tr", {}, ...table.columns.map((column) => {
    const text = (column.show ?? shown)(column.of(run)), look = { class: column.number ? "number" : "" };
    if (!column.leads) return element("td", look, text);
    const link = { href: `#${runAddress(run)}`, "aria-label": `P = ${text}, seed ${run.seed}, ${short(setting(run))}: details` };
    return element("th", { scope: "row", ...look }, element("a", link, text));
  }));
}
