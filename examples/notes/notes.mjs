#!/usr/bin/env node
// notes.mjs FOLDER [--once]: the same as notes.py, in JavaScript, with nothing but Node's own modules (18 or later).

import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";

const [folder, once] = process.argv.slice(2);
const api = process.env.SHOAL_API;
if (!folder || !api || !process.env.SHOAL_TOKEN_FILE) {
  console.error("usage: SHOAL_API=http://HOST:PORT SHOAL_TOKEN_FILE=FILE notes.mjs FOLDER [--once]");
  process.exit(2);
}
const token = (await readFile(process.env.SHOAL_TOKEN_FILE, "utf8")).trim();
const library = encodeURIComponent(process.env.SHOAL_LIBRARY ?? "notes");
const notes = `/v1/libraries/${library}/records/note`;
const memory = ".notes.json"; // path → text as of the last look: what tells a change here from one elsewhere
const every_ms = 1000;

async function call(method, path, body, headers = {}) {
  const answer = await fetch(api + path, {
    method,
    headers: { Authorization: "Bearer " + token, "Content-Type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(60000),
  });
  const said = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(said.error.message), { status: answer.status });
  return said;
}

/** path → {id, text} of every note that there is. */
async function records() {
  const found = new Map();
  for (let after = ""; after !== null; ) {
    const page = await call("GET", `${notes}?limit=1000&after=${after}`);
    for (const { id, fields } of page.items) found.set(fields.path, { id, text: fields.text });
    after = page.next;
  }
  return found;
}

async function files(folder) {
  const found = new Map();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".txt")) continue;
    const file = join(entry.parentPath ?? entry.path, entry.name);
    found.set(relative(folder, file).split(sep).join("/"), await readFile(file, "utf8"));
  }
  return found;
}

/** A path comes from anybody who may write; it must not lead out of the folder, nor to what is no note. */
function belongs(folder, path) {
  if (path.endsWith(".txt") && resolve(folder, path).startsWith(resolve(folder) + sep)) return true;
  console.error(`left alone: ${path} is no text file in the folder`);
  return false;
}

async function write(folder, path, text) {
  const file = resolve(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file + ".new", text);
  await rename(file + ".new", file);
}

async function remove(id) {
  await call("DELETE", `${notes}/${id}`).catch((e) => {
    if (e.status !== 404) throw e; // else somebody was first
  });
}

/** Both sides against what both were at the last look. */
async function look(folder) {
  const text = await readFile(join(folder, memory), "utf8").catch(() => "{}");
  const seen = new Map(Object.entries(JSON.parse(text)));
  const [here, there] = [await files(folder), await records()];
  for (const path of new Set([...here.keys(), ...there.keys(), ...seen.keys()])) {
    if (!belongs(folder, path)) continue;
    const [before, mine] = [seen.get(path), here.get(path)];
    let theirs = there.get(path)?.text;
    if (mine !== theirs && theirs === before) {
      // Only this side changed. With a key, a request that is made again after a lost answer is still one write.
      if (mine === undefined) await remove(there.get(path).id);
      else await call("PUT", notes + "/new", { path, text: mine }, { "Idempotency-Key": randomUUID() });
      theirs = mine;
    } else if (mine !== theirs) {
      // Theirs changed; if mine did as well, both are kept.
      if (mine !== undefined && mine !== before) await write(folder, path + ".mine", mine);
      if (theirs === undefined) await rm(join(folder, path));
      else await write(folder, path, theirs);
    }
    if (theirs === undefined) seen.delete(path);
    else seen.set(path, theirs);
  }
  await write(folder, memory, JSON.stringify(Object.fromEntries(seen)));
}

do {
  try {
    await look(folder);
  } catch (e) {
    const unreachable = e.name === "TimeoutError" || (e instanceof TypeError && e.message === "fetch failed");
    if (once === "--once" || !unreachable) throw e;
    console.error("the node does not answer, trying again: " + e.message);
  }
  if (once !== "--once") await new Promise((go) => setTimeout(go, every_ms));
} while (once !== "--once");
