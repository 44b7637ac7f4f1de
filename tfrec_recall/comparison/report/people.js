/* One user: the history, what was taken next, and the list of every model. */

const people = (data, models) => {
  const users = data.facts.picked, choice = find("user"), length = find("length");
  const titles = new Map(Object.entries(data.titles)); // an id may be "constructor"
  for (const user of users) {
    for (const [item, title] of [...user.history, ...user.wanted]) if (title) titles.set(String(item), title);
  }
  const titled = (item) => titles.get(String(item)) || String(item);
  users.forEach((user, place) => {
    choice.append(make("option", `${user.user}: ${whole(user.events)} events`, { value: place }));
  });

  const because = (reason) => {
    const parts = [];
    if (reason.near) parts.push(`near ${reason.near.map(([item, score]) => `${titled(item)} ${share(score, 2)}`).join(", ")}`);
    if (reason.interest !== undefined) parts.push(`interest ${reason.interest + 1}`);
    if (reason.channel !== undefined) parts.push(`channel ${reason.channel}`);
    return parts.join(" · ");
  };

  const listOf = (model, place) => {
    const article = make("article"), list = make("ol");
    const shown = model.lists[place].slice(0, Number(length.value));
    const hits = shown.filter((one) => one[1]).length;
    article.append(make("h3", `${model.model}${hits ? `: ${hits} ✓` : ""}`));
    for (const [item, hit, score, reason] of shown) {
      const line = make("li", null, { title: `${item}, score ${score}` });
      line.append(make("span", `${hit ? "✓ " : ""}${titled(item)}`, hit ? { class: "hit" } : {}));
      const why = because(reason);
      if (why) line.append(make("small", why));
      list.append(line);
    }
    if (!shown.length) list.append(make("p", "nothing"));
    article.append(list);
    return article;
  };

  const show = () => {
    const place = Number(choice.value), user = users[place];
    find("about").textContent = user.about;
    const more = user.events - user.history.length;
    const [order, rest] = data.facts.has_time ? [", the latest first", "older ones"] : ["", "others"];
    find("history-title").textContent = `Had${order}${more ? ` (${whole(more)} ${rest} are left out)` : ""}`;
    find("history").replaceChildren(...[...user.history].reverse().map(([item]) => make("li", titled(item))));
    find("wanted").replaceChildren(...user.wanted.map(([item]) => make("li", titled(item))));
    find("lists").replaceChildren(...models.map((model) => listOf(model, place)));
  };
  choice.addEventListener("change", show);
  length.addEventListener("change", show);
  if (users.length) show();
};
