// A line chart of the last five minutes, as SVG: colours come from the style sheet, so that it follows dark and light.

import { brief } from "./text.js";
import { window_ms } from "./watch.js";

const width = 600;
const height = 120;

/** The next of 1, 2, 5, 10, 20 … that holds the highest value. */
function ceiling(highest) {
  let step = 1;
  for (let i = 0; step < highest; i++) step *= [2, 2.5, 2][i % 3];
  return step;
}

/** One path a run of known values. */
function path(past, get, now_ms, top) {
  let out = "";
  let pen = "M";
  for (const p of past) {
    const v = get(p);
    if (v == null) {
      pen = "M";
      continue;
    }
    const x = width * (1 - (now_ms - p.at) / window_ms);
    out += pen + x.toFixed(1) + " " + (height * (1 - v / top)).toFixed(1);
    pen = "L";
  }
  return out;
}

/** series: [{name, get(point)}], three at most; unit: of the values. */
export function Chart({ title, unit, past, series, now_ms }) {
  const top = ceiling(Math.max(1, ...past.flatMap((p) => series.map((s) => s.get(p) ?? 0))));
  const last = past.at(-1);
  const said = series.map((s) => `${s.name} ${brief(last && s.get(last))}`).join(", ");
  return (
    <figure class="chart">
      <figcaption>{title} <span class="faint">{unit}, five minutes</span></figcaption>
      <div class="plot">
        <span class="scale faint" aria-hidden="true">{brief(top)}</span>
        <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={`${title}: now ${said} ${unit}`}>
          <line class="grid" x1="0" x2={width} y1={height / 2} y2={height / 2} />
          {series.map((s, i) => <path class={"line line" + i} d={path(past, s.get, now_ms, top)} />)}
        </svg>
      </div>
      <ul class="legend">
        {series.map((s, i) => (
          <li><span class={"key key" + i} aria-hidden="true" /> {s.name} <b>{brief(last && s.get(last))}</b></li>
        ))}
      </ul>
    </figure>
  );
}
