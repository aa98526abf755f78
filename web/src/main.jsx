// The page: asks for the token once, then shows the node as it is now.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Library } from "./library.jsx";
import { token } from "./node.js";
import { clock, short } from "./text.js";
import { watch } from "./watch.js";

function SignIn({ why, enter }) {
  const submit = (e) => {
    e.preventDefault();
    const text = new FormData(e.target).get("token").trim();
    if (text) enter(text);
  };
  return (
    <main class="sign-in">
      <h1>shoal</h1>
      <form onSubmit={submit}>
        <label for="token">API token of this node</label>
        <input id="token" name="token" type="password" autocomplete="off" spellcheck={false} required autofocus
          aria-describedby="token-hint" />
        <p id="token-hint" class="faint">
          The line in the node's <code>api.token</code>. This tab keeps it until it is closed.
        </p>
        {why && <p class="alarm" role="alert">{why}</p>}
        <button type="submit">Show status</button>
      </form>
    </main>
  );
}

function Events({ items }) {
  return (
    <section aria-labelledby="events" class="events">
      <h2 id="events">Recent events</h2>
      {items.length === 0
        ? <p class="faint">Nothing was logged yet.</p>
        : (
          <ol tabindex="0" aria-label="Log lines, newest first">
            {items.slice(0, 50).map((e) => (
              <li class={e.level}>
                <time dateTime={new Date(e.time_ms).toISOString()}>{clock(e.time_ms)}</time>{" "}
                <span class="level">{e.level}</span> <span class="faint">{e.component}</span> {e.message}
              </li>
            ))}
          </ol>
        )}
    </section>
  );
}

function Status({ state, leave }) {
  const { status } = state;
  if (!status)
    return <main class="sign-in"><p role="status">{state.failure ? "The node does not answer: " + state.failure : "Asking the node…"}</p></main>;
  const all = status.libraries.length > 0 && status.libraries.every((l) => l.converged);
  document.title = (all ? "✓ " : "✗ ") + status.name + " · shoal";
  return (
    <>
      <header>
        <h1>{status.name}</h1>
        <p class="faint">
          device <code title={status.device}>{short(status.device)}</code> · shoal {status.version} · <span>as of {clock(state.at)}</span>
        </p>
        <button type="button" onClick={leave}>Forget token</button>
      </header>
      <main>
        {state.failed_since && (
          <p class="alarm" role="alert">
            The node has not answered since {clock(state.failed_since)}: {state.failure}. What follows is what it said before.
          </p>
        )}
        {status.alarms.map((text) => <p class="alarm">{text}</p>)}
        {status.libraries.length === 0 && <p>This node carries no library yet. <code>shoal library create NAME</code> makes one.</p>}
        {status.libraries.map((l) => (
          <Library key={l.id} library={l} self={status} past={state.histories.get(l.id) ?? []}
            details={state.details[l.id]} now_ms={state.at} />
        ))}
        <Events items={state.events} />
      </main>
      <footer class="faint">Read-only. The same in a terminal: <code>shoal status</code>, <code>shoal peers LIB</code>.</footer>
    </>
  );
}

function Page() {
  const [known, setKnown] = useState(token.get());
  const [why, setWhy] = useState(null);
  const [state, setState] = useState({});
  useEffect(() => {
    if (!known) return undefined;
    return watch((next) => {
      if (next.refused) {
        setWhy(next.refused);
        setKnown(null);
      } else {
        setState(next);
      }
    });
  }, [known]);
  const enter = (text) => {
    token.set(text);
    setWhy(null);
    setState({});
    setKnown(text);
  };
  const leave = () => {
    token.drop();
    document.title = "shoal";
    setKnown(null);
  };
  return known ? <Status state={state} leave={leave} /> : <SignIn why={why} enter={enter} />;
}

render(<Page />, document.getElementById("page"));
