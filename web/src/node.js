// The node's API, read only: one question at a time, with the token of this browser tab.

const key = "shoal.token";

export const token = {
  get: () => sessionStorage.getItem(key),
  set: (text) => sessionStorage.setItem(key, text),
  drop: () => sessionStorage.removeItem(key),
};

export class Refused extends Error {}

const patience_ms = 10000;

async function ask(path) {
  const answer = await fetch(path, {
    headers: { Authorization: "Bearer " + token.get() },
    signal: AbortSignal.timeout(patience_ms),
    cache: "no-store",
  });
  if (answer.status === 401) throw new Refused("the node does not know this token");
  if (!answer.ok) {
    const body = await answer.json().catch(() => null);
    throw new Error(body?.error?.message ?? "the node answered " + answer.status);
  }
  return answer;
}

export const json = async (path) => (await ask(path)).json();
export const text = async (path) => (await ask(path)).text();
export const of = (library, what) => "/v1/libraries/" + encodeURIComponent(library) + "/" + what;
