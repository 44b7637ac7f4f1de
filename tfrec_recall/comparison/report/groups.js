/* The charts, over the models that are chosen. */

const PARTS = ["#8a63d2", "#d08b2c", "#4a90c2", "#6b7686"]; // new, rare, middle, frequent
const THIRDS = ["#4cb5ae", "#4a90c2", "#5a57a6"];

const pointsBy = (models, x, format) => models
  .filter((model) => x(model) > 0)
  .map((model) => ({
    name: model.model, colour: model.colour, x: x(model), y: model.metrics["recall@50"].mean,
    title: `${model.model}: recall@50 ${share(model.metrics["recall@50"].mean)}, ${format(x(model))}`,
  }));

/* The figure on validation that a model stops by: recall, so that errors of ratings are no part. */
const VALIDATION = "val_recall@50";

const learningOf = (model) => {
  const epochs = (model.epochs[0] || []).filter((epoch) => epoch[VALIDATION] !== undefined);
  const points = epochs.map((epoch) => [epoch.epoch, epoch[VALIDATION]]);
  const ring = points.find((point) => point[0] === model.best_epoch[0]);
  return { name: model.model, colour: model.colour, points, ring };
};

/* Of a model without that figure, what it has instead as a share of what it was after one epoch:
   losses of different models, and errors of ratings, are not of one size. */
const lossOf = (model) => {
  const epochs = model.epochs[0] || [];
  if (epochs.some((epoch) => epoch[VALIDATION] !== undefined)) return { points: [] };
  const figure = epochs.some((epoch) => epoch.val_rmse !== undefined) ? "val_rmse" : "loss";
  const told = epochs.filter((epoch) => Number.isFinite(epoch[figure]));
  const first = told.length ? told[0][figure] : 0;
  const points = first > 0 ? told.map((epoch) => [epoch.epoch, epoch[figure] / first]) : [];
  const ring = points.find((point) => point[0] === model.best_epoch[0]);
  const name = figure === "loss" ? model.model : `${model.model}, RMSE`;
  return { name, colour: model.colour, points, ring };
};

const charts = (data, models) => {
  const lists = models; // the best first
  const number = (value) => (value >= 1 ? whole(value) : String(Number(value.toPrecision(1))));
  scatter(find("by-training"), pointsBy(models, (model) => model.train_seconds, duration),
    { log: true, formatX: (value) => `${number(value)} s` });
  scatter(find("by-latency"), pointsBy(models, (model) => model.latency.p50, milliseconds),
    { log: true, formatX: (value) => `${number(value)} ms` });
  lines(find("over-k"), models.map((model) => ({ name: model.model, colour: model.colour, points: model.curve })), {});
  const learning = models.map(learningOf).filter((one) => one.points.length);
  lines(find("learning"), learning, { integers: true });
  lines(find("losses"), models.map(lossOf).filter((one) => one.points.length), { integers: true });

  const groups = data.facts.items.map((group, place) => ({
    name: `${group.name}: ${whole(group.items)} items`, colour: PARTS[place],
  }));
  const targets = data.facts.items.map((group) => group.targets / data.facts.targets);
  const shown = lists.map((model) => ({ name: model.model, values: model.exposure }));
  rowsOf(find("exposure"), [{ name: "what users took", values: targets }, ...shown], groups, true);
  rowsOf(find("coverage"), lists.map((model) => ({
    name: model.model, values: [model.metrics["coverage@50"].mean, model.metrics["gini@50"].mean],
  })), [{ name: "coverage", colour: THIRDS[0] }, { name: "Gini", colour: THIRDS[2] }], false);
  const asked = data.facts.items.map((group, place) => ({
    name: `${group.name}: ${whole(group.targets)} targets`, colour: PARTS[place],
  }));
  rowsOf(find("by-item"), lists.map((model) => ({ name: model.model, values: model.by_item })), asked, false);
  const lengths = data.facts.histories.map((group, place) => ({
    name: `${group.name} events: ${whole(group.users)} users`, colour: THIRDS[place],
  }));
  rowsOf(find("by-history"), lists.map((model) => ({ name: model.model, values: model.by_history })), lengths, false);
};

/* A table of shares, darker the more two models have in common. */
const overlap = (models, shares) => {
  const table = make("table"), head = make("tr"), body = make("tbody");
  head.append(make("th"), ...models.map((model, place) => make("th", String(place + 1), { title: model.model })));
  const top = make("thead");
  top.append(head);
  models.forEach((model, row) => {
    const line = make("tr");
    line.append(make("td", `${row + 1} ${model.model}`));
    shares[row].forEach((value, column) => {
      const style = row === column ? "" : `background: rgb(10 125 79 / ${(value * 0.75).toFixed(2)})`;
      const title = `${model.model} and ${models[column].model}: ${share(value, 2)}`;
      line.append(make("td", row === column ? "" : share(value, 2), { style, title }));
    });
    body.append(line);
  });
  table.append(top, body);
  find("overlap").replaceChildren(table);
};
