/* Fills the page from the data that it carries. */

(() => {
  const data = JSON.parse(find("data").textContent), { facts, models } = data;
  const CHOSEN = 8; // models that the charts begin with: the best, and the yardstick
  models.forEach((model, place) => { model.colour = colourOf(place); });

  const { rows } = facts;
  document.title = find("title").textContent = `${facts.name}: ${models.length} recall models side by side`;
  find("facts").textContent =
    `${whole(rows.events)} events, ${whole(rows.users)} users, ${whole(rows.items)} items` +
    `${facts.has_time ? "" : ", without times"}. Split: ${facts.split}. ` +
    `Measured: ${whole(facts.users)} users with ${whole(facts.targets)} targets.`;
  find("notes").append(...[...data.notes, ...facts.notes].map((note) => make("li", note)));
  const failed = models.flatMap((model) => model.failed.map((why) => `${model.model}, ${why}`));
  find("absent").append(
    ...data.absent.map(({ model, why }) => make("li", `${model} is not here. ${why[0].toUpperCase()}${why.slice(1)}`)),
    ...failed.map((why) => make("li", why)),
  );
  find("command").textContent = `Made by: ${data.command}`;

  const chosen = new Set(models.slice(0, CHOSEN).map((model) => model.model));
  chosen.add("popular");
  const draw = () => charts(data, models.filter((model) => chosen.has(model.model)));
  const buttons = new Map(models.map((model) => {
    const button = make("button", model.model, { type: "button", style: `--own: ${model.colour}` });
    button.addEventListener("click", () => toggle(model.model));
    return [model.model, button];
  }));
  const toggle = (name) => {
    if (!chosen.delete(name)) chosen.add(name);
    mark();
    draw();
  };
  const mark = () => buttons.forEach((button, name) => button.setAttribute("aria-pressed", chosen.has(name)));
  find("models").append(...buttons.values());
  mark();
  leaderboard(models, data.shown, toggle);
  overlap(models, data.overlap);
  people(data, models);
  draw();
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(draw, 100);
  });
})();
