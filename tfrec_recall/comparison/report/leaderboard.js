/* The leaderboard: a row a model, sorted by the column that is clicked. */

const metric = (name, digits = 3) => ({
  name,
  value: (model) => model.metrics[name].mean,
  show: (model) => {
    const { mean, low, high, deviation } = model.metrics[name];
    const cell = make("td", share(mean, digits));
    const beside = [];
    if (low !== undefined) beside.push(`± ${share((high - low) / 2)}`);
    if (deviation !== undefined && digits > 2) beside.push(`σ ${share(deviation)}`);
    if (beside.length) cell.append(make("small", ` ${beside.join(", ")}`));
    return cell;
  },
});

const plainColumn = (name, value, format, smallerIsBetter = false) => ({
  name, value, smallerIsBetter, show: (model) => make("td", format(value(model))),
});

/* Metrics by name, those with a value a user before the others. */
const columnsOf = (shown) => [
  {
    name: "model",
    value: (model) => model.model,
    show: (model) => {
      const cell = make("td", model.model + (model.stopped.length ? " †" : ""));
      cell.title = model.of === model.model ? model.about : `${model.of}: ${model.about}`;
      return cell;
    },
  },
  ...shown.filter((name) => !name.startsWith("coverage")).map((name) => metric(name)),
  {
    name: "above popular",
    value: (model) => (model.above_popular ? model.above_popular.mean : null),
    show: (model) => {
      const above = model.above_popular;
      if (!above) return make("td", "–");
      const cell = make("td", signed(above.mean));
      cell.append(make("small", ` ${signed(above.low)} to ${signed(above.high)}`));
      if (!(above.low > 0)) cell.className = "below";
      return cell;
    },
  },
  metric("coverage@50", 2),
  metric("gini@50", 2),
  plainColumn("popularity rank", (model) => model.metrics["popularity_rank@50"].mean, whole),
  plainColumn("training", (model) => model.train_seconds, duration, true),
  plainColumn("to the best", (model) => model.seconds_to_best, duration, true),
  plainColumn("a request", (model) => model.latency.p50, milliseconds, true),
  plainColumn("memory", (model) => model.peak_mib, (value) => `${whole(value)} MiB`, true),
  plainColumn("seeds", (model) => model.seeds.length, String),
];

const leaderboard = (models, shown, choose) => {
  const columns = columnsOf(shown);
  const table = find("leaderboard"), body = table.tBodies[0], head = make("tr");
  let sorted = "recall@50", ascending = false;

  const fill = () => {
    const { value } = columns.find((column) => column.name === sorted);
    const order = [...models].sort((a, b) => {
      const [mine, theirs] = [value(a), value(b)];
      if (mine === null || mine === undefined) return 1; // what is not known stands last
      if (theirs === null || theirs === undefined) return -1;
      const by = typeof mine === "string" ? mine.localeCompare(theirs) : mine - theirs;
      return ascending ? by : -by;
    });
    body.replaceChildren(...order.map((model) => {
      const row = make("tr");
      row.append(...columns.map((column) => column.show(model)));
      row.addEventListener("click", () => choose(model.model));
      return row;
    }));
    for (const [place, cell] of [...head.cells].entries()) {
      const own = columns[place].name === sorted;
      cell.setAttribute("aria-sort", own ? (ascending ? "ascending" : "descending") : "none");
    }
  };

  for (const column of columns) {
    const cell = make("th", null, { scope: "col" });
    const button = make("button", column.name, { type: "button" });
    button.addEventListener("click", () => {
      const first = column.smallerIsBetter || column.name === "model";
      ascending = sorted === column.name ? !ascending : first;
      sorted = column.name;
      fill();
    });
    cell.append(button);
    head.append(cell);
  }
  table.tHead.replaceChildren(head);
  fill();
};
