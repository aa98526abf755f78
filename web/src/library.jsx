// One library: is it in sync, and if not, who and why.

import { Chart } from "./chart.jsx";
import { Table } from "./table.jsx";
import { ago, clock, count, inWords, ms, percent, short, signedMs, value } from "./text.js";

const ladder = ["uninitialized", "backfilling", "catching_up", "ready"];

function Verdict({ library }) {
  const good = library.converged;
  return (
    <p class={"verdict " + (good ? "good" : "bad")} role="status">
      <b>{good ? "✓ CONVERGED" : "✗ NOT CONVERGED"}</b>{" "}
      <span>{good ? "every member holds the same records" : library.why}</span>
    </p>
  );
}

function State({ library, nameOf }) {
  const steps = ladder.includes(library.state) ? ladder : [library.state];
  const working = library.state === "backfilling" || library.state === "catching_up";
  return (
    <section>
      <h3>State</h3>
      <ol class="ladder">
        {steps.map((s) => (
          <li aria-current={s === library.state ? "step" : undefined}>{s.replace("_", " ")}</li>
        ))}
      </ol>
      {working && (
        <p>
          <progress value={library.progress} max="1" aria-label={library.state.replace("_", " ")} />{" "}
          {percent(library.progress)}
          {library.source && <> from {nameOf(library.source)}</>}
          {library.eta_seconds != null && <>, done in about {inWords(library.eta_seconds)}</>}
        </p>
      )}
      {library.read_only && <p class="alarm">Read-only: {library.read_only}</p>}
      {library.restored && <p class="alarm">{library.restored}</p>}
    </section>
  );
}

function Members({ library, now_ms }) {
  const rows = library.members.map((m) => ({
    key: m.device,
    bad: m.state !== "synced" && m.state !== "removed",
    cells: [
      <><b>{m.name || short(m.device)}</b> <span class="faint">{short(m.device)}</span></>,
      <span class={"badge " + m.state}>{m.state.replace("_", " ")}</span>,
      ms(m.rtt_ms),
      signedMs(m.clock_offset_ms),
      count(m.behind_in),
      count(m.behind_out),
      ago(m.last_seen, now_ms),
      m.last_error ?? "–",
    ],
  }));
  rows.sort((a, b) => b.bad - a.bad); // who is cut off stands first, also of fifty
  return (
    <section class="members">
      <h3>Members</h3>
      <Table
        caption={"Members of " + library.name + " besides this node"}
        heads={["Member", "State", "Round trip", "Clock", "Behind here", "Behind there", "Last seen", "Last error"]}
        rows={rows}
        none="This node is the only member."
      />
    </section>
  );
}

function Kept({ library, nameOf }) {
  const records = Object.entries(library.records ?? {});
  return (
    <section>
      <h3>Records and log</h3>
      <dl class="facts">
        <div><dt>Records</dt><dd>{count(records.reduce((n, [, c]) => n + c, 0))}</dd></div>
        <div><dt>Log entries</dt><dd>{count(library.log_entries)}</dd></div>
        <div>
          <dt>Log held back by</dt>
          <dd>{library.log_held_by?.length ? library.log_held_by.map(nameOf).join(", ") : "nobody"}</dd>
        </div>
        <div><dt>Delete marks</dt><dd>{count(library.tombstones)}</dd></div>
        <div><dt>Conflicts</dt><dd>{count(library.conflicts)}</dd></div>
        <div><dt>Dead letters</dt><dd>{count(library.deadletters)}</dd></div>
      </dl>
      {records.length > 0 && (
        <p class="faint">{records.map(([model, n]) => `${count(n)} ${model}`).join(" · ")}</p>
      )}
    </section>
  );
}

function Conflicts({ items, nameOf }) {
  const shown = items.slice(0, 20);
  return (
    <details>
      <summary>Conflicts: the newest {shown.length}</summary>
      <Table
        caption="Concurrent writes to one field"
        heads={["When", "Record", "Field", "Stands", "Lost"]}
        rows={shown.map((c, i) => ({
          key: i,
          cells: [
            clock(c.when),
            `${c.model} ${short(c.id)}`,
            c.field ?? "delete against edit",
            `${value(c.winner.deleted ? "deleted" : c.winner.value)} (${nameOf(c.winner.device)})`,
            `${value(c.loser.deleted ? "deleted" : c.loser.value)} (${nameOf(c.loser.device)})`,
          ],
        }))}
      />
    </details>
  );
}

function Deadletters({ items, nameOf }) {
  return (
    <details>
      <summary>Dead letters: {items.length} shown</summary>
      <Table
        caption="Ops that are held and not merged"
        heads={["Why", "From", "Record", "Reason"]}
        rows={items.slice(0, 20).map((d) => ({
          key: d.id,
          cells: [d.why, d.origin ? nameOf(d.origin) : "–", `${d.model ?? ""} ${short(d.record ?? "")}`, d.reason ?? "–"],
        }))}
      />
    </details>
  );
}

export function Library({ library, self, past, details, now_ms }) {
  const names = new Map(library.members.map((m) => [m.device, m.name || short(m.device)]));
  names.set(self.device, self.name + " (this node)");
  const nameOf = (device) => names.get(device) ?? short(device);
  const title = "library-" + library.id;
  return (
    <article class="library" aria-labelledby={title} data-library={library.name}>
      <h2 id={title}>{library.name}</h2>
      <Verdict library={library} />
      {(library.alarms ?? []).map((text) => <p class="alarm">{text}</p>)}
      <Members library={library} now_ms={now_ms} />
      <div class="columns">
        <Chart
          title="Throughput" unit="ops per second" past={past} now_ms={now_ms}
          series={[
            { name: "written here", get: (p) => p.rates.written },
            { name: "received", get: (p) => p.rates.received },
            { name: "sent", get: (p) => p.rates.sent },
          ]}
        />
        <Chart
          title="Lag" unit="ops behind" past={past} now_ms={now_ms}
          series={[
            { name: "this node lacks", get: (p) => p.behind_in },
            { name: "a member lacks", get: (p) => p.behind_out },
          ]}
        />
      </div>
      <div class="columns">
        <State library={library} nameOf={nameOf} />
        <Kept library={library} nameOf={nameOf} />
      </div>
      {details?.conflicts.length > 0 && <Conflicts items={details.conflicts} nameOf={nameOf} />}
      {details?.deadletters.length > 0 && <Deadletters items={details.deadletters} nameOf={nameOf} />}
    </article>
  );
}
