// What every score is called and how it is shown: the server's own list, asked once for each page.
import { figure, percent } from "./core.js";

const MEASURES = await fetch("/api/measures").then((answer) => (answer.ok ? answer.json() : {})).catch(() => ({}));

const BASELINES = { majority: "Majority class", linear_probe: "Linear probe", "linear-probe": "Linear probe" };
const CURVES = { loss: "Training loss", eval_loss: "Validation loss", learning_rate: "Learning rate", grad_norm: "Gradient norm" };

export const measure = (name) => MEASURES[name.replace(/^eval_/, "")] || { name, title: null, unit: "share", higher_is_better: true };
export const title = (name) => CURVES[name] || measure(name).title || BASELINES[name] || name.replace(/^eval_/, "").replaceAll("_", " ").replaceAll("-", " ");

// A value of a score: percent for shares, a number with three digits for the rest.
export const shown = (score, value = score.value) => (value === null || value === undefined ? "–" : score.unit === "number" ? plain(value) : percent(value));
export const plain = (value) => (Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : Math.abs(value) < 0.001 && value ? figure(value) : String(Number(value.toPrecision(3))));
export const better = (score, value, other) => (score.higher_is_better ? value > other : value < other);
