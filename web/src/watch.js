// Asks the node every two seconds and keeps five minutes of what it said, for the charts.

import { json, of, Refused, text, token } from "./node.js";
import { samples, total } from "./metrics.js";

const every_ms = 2000;
const hidden_every_ms = 15000; // nobody looks
export const window_ms = 300000;

const counters = {
  written: "shoal_writes_total",
  received: "shoal_ops_received_total",
  sent: "shoal_ops_sent_total",
};

/** What one look adds to a library's history: rates against the look before, and lag. */
function point(before, now_ms, library, all) {
  const counted = {};
  const rates = {};
  for (const [what, name] of Object.entries(counters)) {
    counted[what] = total(all, name, library.name);
    const last = before?.counted[what];
    // A counter that went back is a node that started anew: no rate for this step.
    rates[what] = last == null || counted[what] < last ? null : ((counted[what] - last) * 1000) / (now_ms - before.at);
  }
  const most = (field) => Math.max(0, ...library.members.filter((m) => m.state !== "removed").map((m) => m[field]));
  return { at: now_ms, counted, rates, behind_in: most("behind_in"), behind_out: most("behind_out") };
}

/** Calls `show` with every new state until the returned function is called. */
export function watch(show) {
  const histories = new Map();
  let looks = 0;
  let timer;
  let over = false;
  let state = { status: null, events: [], details: {}, histories, failed_since: null, failure: null };

  async function details(libraries) {
    const out = {};
    for (const l of libraries) {
      const open = l.state !== "failed" && l.state !== "closing";
      out[l.id] = {
        conflicts: open && l.conflicts ? (await json(of(l.id, "conflicts"))).items : [],
        deadletters: open && l.deadletters ? (await json(of(l.id, "deadletter"))).items : [],
      };
    }
    return out;
  }

  async function look() {
    try {
      const [status, metrics, events] = await Promise.all([
        json("/v1/status"), text("/metrics"), json("/v1/events"),
      ]);
      const now_ms = Date.now();
      const all = samples(metrics);
      for (const l of status.libraries) {
        const past = histories.get(l.id) ?? [];
        past.push(point(past.at(-1), now_ms, l, all));
        while (past[0].at < now_ms - window_ms) past.shift();
        histories.set(l.id, past);
      }
      state = { ...state, status, events: events.items, at: now_ms, failed_since: null, failure: null };
      if (looks++ % 5 === 0) state.details = await details(status.libraries);
    } catch (e) {
      if (over) return;
      if (e instanceof Refused) {
        token.drop();
        over = true;
        show({ refused: e.message });
        return;
      }
      state = { ...state, failed_since: state.failed_since ?? Date.now(), failure: e.message };
    }
    if (over) return;
    show(state);
    timer = setTimeout(look, document.hidden ? hidden_every_ms : every_ms);
  }
  const wake = () => {
    if (document.hidden || over) return;
    clearTimeout(timer);
    timer = setTimeout(look, 0);
  };
  document.addEventListener("visibilitychange", wake);
  look();
  return () => {
    over = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", wake);
  };
}
