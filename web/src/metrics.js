// Prometheus text, as far as the page needs it: the sum of a counter over one library's series.

const line = /^([a-z_]+)\{([^}]*)\} ([0-9.e+-]+)$/i;

/** [{name, labels, value}] of every sample that carries labels. */
export function samples(text) {
  const out = [];
  for (const row of text.split("\n")) {
    const found = line.exec(row);
    if (!found) continue;
    const labels = {};
    for (const part of found[2].matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/gi))
      labels[part[1]] = part[2].replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    out.push({ name: found[1], labels, value: Number(found[3]) });
  }
  return out;
}

export function total(all, name, library) {
  let sum = 0;
  for (const s of all) if (s.name === name && s.labels.library === library) sum += s.value;
  return sum;
}
