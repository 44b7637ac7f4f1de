/* Charts as inline SVG, as wide as their place, so that text keeps its size on a phone. */

const drawn = (tag, attributes = {}, text) => {
  const element = document.createElementNS(find("drawing").namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
};

const MARGIN = { top: 12, right: 14, bottom: 30, left: 40 };

const scale = (low, high, from, to, log = false) => {
  const at = log ? Math.log10 : (value) => value;
  const span = at(high) - at(low) || 1;
  return (value) => from + ((at(value) - at(low)) / span) * (to - from);
};

/* Round numbers that an axis from low to high shows. */
const ticks = (low, high, log = false, most = 6, integers = false) => {
  if (log) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      const steps = high / low > 300 ? [1] : high / low > 30 ? [1, 3] : [1, 2, 5];
      for (const step of steps) found.push(step * 10 ** power);
    }
    return found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
  }
  const rough = Math.max((high - low) / most || 1, integers ? 1 : 0);
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * unit).find((one) => one >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(value);
  return found;
};

/* An empty chart, called as its section is. */
const canvas = (place, width, height) => drawn("svg", {
  viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": place.closest("section").querySelector("h2").textContent,
});

/* An empty chart with its axes; gives where values are. */
const axes = (place, { x, y, height = 300, log = false, integers = false, formatX = String, formatY = share }) => {
  const width = Math.max(280, place.clientWidth), svg = canvas(place, width, height);
  const atX = scale(...x, MARGIN.left, width - MARGIN.right, log);
  const atY = scale(...y, height - MARGIN.bottom, MARGIN.top);
  for (const value of ticks(...y)) {
    const at = atY(value);
    svg.append(drawn("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: at, y2: at }));
    svg.append(drawn("text", { x: MARGIN.left - 6, y: at + 4, "text-anchor": "end" }, formatY(value, 2)));
  }
  for (const value of ticks(...x, log, width < 420 ? 5 : 8, integers)) {
    const at = { x: atX(value), y: height - MARGIN.bottom + 16, "text-anchor": "middle" };
    svg.append(drawn("text", at, formatX(value)));
  }
  place.replaceChildren(svg);
  return { svg, atX, atY, width, height };
};

const nothing = (place, text) => place.replaceChildren(make("p", text, { class: "how" }));

/* Points with a name beside them where there is room for it. */
const scatter = (place, points, options) => {
  if (!points.length) return nothing(place, "No model to show.");
  const xs = points.map((point) => point.x), ys = points.map((point) => point.y);
  const room = options.log ? 1.6 : 1;
  const chart = axes(place, {
    x: [Math.min(...xs) / room, Math.max(...xs) * room],
    y: [0, Math.max(...ys) * 1.1],
    ...options,
  });
  const taken = [];
  const overlaps = (box) =>
    taken.some((one) => box.x < one.x + one.w && one.x < box.x + box.w && box.y < one.y + one.h && one.y < box.y + box.h);
  const placed = points.map((point) => ({ ...point, px: chart.atX(point.x), py: chart.atY(point.y) }));
  for (const { px, py } of placed) taken.push({ x: px - 5, y: py - 5, w: 10, h: 10 });
  for (const { px, py, name, colour, title } of placed) {
    const dot = drawn("circle", { cx: px, cy: py, r: 5, fill: colour });
    dot.append(drawn("title", {}, title));
    chart.svg.append(dot);
    const w = name.length * 5.9;
    const spots = [[8, 4], [-8 - w, 4], [-w / 2, -9], [-w / 2, 17], [8, -7], [8, 15], [-8 - w, -7], [-8 - w, 15]];
    const free = spots.map(([dx, dy]) => ({ x: px + dx, y: py + dy - 9, w, h: 12 })).find(
      (box) => box.x > 2 && box.x + w < chart.width - 2 && !overlaps(box));
    if (!free) continue;
    taken.push(free);
    chart.svg.append(drawn("text", { class: "name", x: free.x, y: free.y + 9 }, name));
  }
};

/* Lines, each [[x, y], …]; `ring` is a point of it that is marked. */
const lines = (place, series, options) => {
  if (!series.length) return nothing(place, "None of the models that are chosen has any.");
  const all = series.flatMap((one) => one.points);
  const xs = all.map((point) => point[0]), ys = all.map((point) => point[1]);
  const chart = axes(place, {
    x: [Math.min(...xs), Math.max(...xs)], y: [0, Math.max(...ys) * 1.05], ...options,
  });
  for (const { name, points, colour, ring, dashed } of series) {
    const path = points.map(([x, y]) => `${chart.atX(x).toFixed(1)},${chart.atY(y).toFixed(1)}`).join(" ");
    const line = drawn("polyline", { class: "series", points: path, stroke: colour });
    if (dashed) line.setAttribute("stroke-dasharray", "5 4");
    line.append(drawn("title", {}, name));
    chart.svg.append(line);
    if (points.length === 1 || ring) {
      const [x, y] = ring || points[0];
      const at = { cx: chart.atX(x), cy: chart.atY(y), r: 4.5, stroke: colour, "stroke-width": 2, fill: "none" };
      chart.svg.append(drawn("circle", at));
    }
  }
  place.append(legend(series));
};

const legend = (parts) => {
  const box = make("div", null, { class: "legend" });
  for (const { name, colour } of parts) box.append(make("span", name, { style: `--own: ${colour}` }));
  return box;
};

const NAME = 118; // pixels for the name of a row: what is longer ends in an ellipsis
const short = (name) => (name.length > 19 ? `${name.slice(0, 18)}…` : name);

/* A row a model: [{name, values}], of shares that add up to one, or of points on one line. */
const rowsOf = (place, rows, parts, stacked) => {
  if (!rows.length) return nothing(place, "No model to show.");
  const width = Math.max(280, place.clientWidth), each = 22, height = rows.length * each + 22;
  const svg = canvas(place, width, height);
  const most = stacked ? 1 : Math.max(...rows.flatMap((row) => row.values.map((value) => value || 0))) * 1.05;
  const at = scale(0, most || 1, NAME, width - 14);
  for (const value of ticks(0, most, false, 4)) {
    svg.append(drawn("line", { class: "grid", x1: at(value), x2: at(value), y1: 0, y2: height - 18 }));
    svg.append(drawn("text", { x: at(value), y: height - 4, "text-anchor": "middle" }, share(value, 2)));
  }
  rows.forEach((row, place_) => {
    const y = place_ * each + each / 2;
    const label = drawn("text", { class: "name", x: NAME - 8, y: y + 4, "text-anchor": "end" }, short(row.name));
    label.append(drawn("title", {}, row.name));
    svg.append(label);
    let begin = 0;
    row.values.forEach((value, part) => {
      if (value === null || value === undefined) return;
      const { name, colour } = parts[part];
      const mark = stacked
        ? drawn("rect", { x: at(begin), y: y - 7, width: Math.max(0, at(begin + value) - at(begin)), height: 14, fill: colour })
        : drawn("circle", { cx: at(value), cy: y, r: 5, fill: colour });
      mark.append(drawn("title", {}, `${row.name}, ${name}: ${share(value)}`));
      svg.append(mark);
      begin += value;
    });
  });
  place.replaceChildren(svg, legend(parts));
};
