// How numbers, times and ids are written on the page.

export const short = (device) => device.slice(0, 8);

export const count = (n) => (n == null ? "–" : n.toLocaleString("en"));

/** A rate or a size that must stay readable in a legend. */
export function brief(n) {
  if (n == null || !Number.isFinite(n)) return "–";
  for (const [limit, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (n >= limit) return (n / limit).toFixed(n >= 10 * limit ? 0 : 1) + unit;
  return n >= 10 || Number.isInteger(n) ? n.toFixed(0) : n.toFixed(1);
}

export const ms = (n) => (n == null ? "–" : (n < 10 ? n.toFixed(2) : n.toFixed(0)) + "\u00a0ms");

export const signedMs = (n) => (n == null ? "–" : (n > 0 ? "+" : "") + n.toFixed(0) + "\u00a0ms");

export function ago(wallMs, nowMs) {
  if (wallMs == null) return "never";
  const s = Math.max(0, Math.round((nowMs - wallMs) / 1000));
  if (s < 2) return "now";
  if (s < 120) return s + " s ago";
  if (s < 7200) return Math.round(s / 60) + " min ago";
  if (s < 172800) return Math.round(s / 3600) + " h ago";
  return Math.round(s / 86400) + " days ago";
}

export function inWords(seconds) {
  if (seconds < 90) return Math.ceil(seconds) + " s";
  if (seconds < 5400) return Math.ceil(seconds / 60) + " min";
  return (seconds / 3600).toFixed(1) + " h";
}

export const clock = (wallMs) => new Date(wallMs).toLocaleTimeString("en-GB");

export const percent = (ratio) => Math.floor(ratio * 100) + " %";

/** A value of a record, cut to what fits a table. */
export function value(v) {
  const text = typeof v === "string" ? v : JSON.stringify(v);
  if (text === undefined) return "–";
  return text.length > 60 ? text.slice(0, 60) + "…" : text;
}
