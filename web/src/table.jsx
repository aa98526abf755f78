// A table that turns into cards on a phone. The roles are said because such a style takes them away in some browsers.

export function Table({ caption, heads, rows, none }) {
  if (rows.length === 0) return none ? <p class="faint">{none}</p> : null;
  return (
    <table role="table">
      <caption class="unseen">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">{heads.map((h) => <th role="columnheader" scope="col">{h}</th>)}</tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((r) => (
          <tr role="row" key={r.key} class={r.bad ? "bad" : undefined}>
            {r.cells.map((c, i) =>
              i === 0
                ? <th role="rowheader" scope="row">{c}</th>
                : <td role="cell"><span class="label" aria-hidden="true">{heads[i]}</span><span>{c}</span></td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
