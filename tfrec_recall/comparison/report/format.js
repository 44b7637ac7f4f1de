/* Elements, and numbers as a reader takes them. */

const make = (tag, text, attributes = {}) => {
  const element = document.createElement(tag);
  if (text !== undefined && text !== null) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

const find = (id) => document.getElementById(id);

const share = (value, digits = 3) =>
  value === null || value === undefined ? "–" : value.toFixed(digits).replace(/^(-?)0\./, "$1.");

const signed = (value, digits = 3) => (value > 0 ? "+" : "") + share(value, digits);

const whole = (value) =>
  value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en");

const duration = (seconds) => {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const all = Math.round(seconds / 60);
  return all < 60 ? `${all} min` : `${Math.floor(all / 60)} h ${all % 60} min`;
};

const milliseconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

/* Neighbours in the list of models are far apart in hue. */
const colourOf = (place) => `hsl(${(place * 137.5 + 210) % 360} 62% ${place % 2 ? 44 : 54}%)`;
