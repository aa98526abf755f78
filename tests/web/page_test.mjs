// The status page in a real Chromium, on clusters of three and five.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { browser, Cluster, open, signIn } from "./lab.mjs";

let cluster;
let chromium;
before(async () => {
  cluster = new Cluster(3);
  cluster.on(1, "put", "photos", "tag", "new", "canonical_name=Vacation");
  cluster.on(1, "wait", "photos", "--timeout", "120");
  chromium = await browser();
});
after(async () => {
  await chromium?.close();
  cluster?.end();
});

const verdict = (page, text) => page.locator(".verdict", { hasText: text }).waitFor();
const member = (page, name) => page.getByRole("row", { name: new RegExp("^" + name) });

/** For people: SHOAL_SHOTS=FOLDER keeps pictures. */
async function picture(page, name) {
  if (!process.env.SHOAL_SHOTS) return;
  mkdirSync(process.env.SHOAL_SHOTS, { recursive: true });
  await page.screenshot({ path: join(process.env.SHOAL_SHOTS, name + ".png"), fullPage: true });
}

test("a node that dies and comes back is seen on the page of another, with no error in the console", async () => {
  const { page, faults, asked } = await open(chromium);
  const node = cluster.node(1);
  await signIn(page, node);
  await verdict(page, "✓ CONVERGED");
  for (const name of ["node-2", "node-3"])
    await member(page, name).getByText("synced", { exact: true }).waitFor();
  assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "node-1");
  assert.equal(await page.getByRole("row").count(), 3, "a row of heads and two members");

  cluster.kill(3);
  await verdict(page, "✗ NOT CONVERGED");
  await member(page, "node-3").getByText("down", { exact: true }).waitFor();
  assert.match(await page.locator(".verdict").textContent(), /node-3|linked|member/);
  cluster.on(1, "put", "photos", "tag", "new", "canonical_name=Alone");
  // It is behind, and the log is kept for it.
  await page.waitForFunction(() => {
    const row = [...document.querySelectorAll("tbody tr")].find((r) => r.textContent.startsWith("node-3"));
    return row && Number(row.querySelectorAll("td")[4].lastChild.textContent) > 0;
  });
  await page.locator(".facts").getByText("node-3").waitFor();
  await page.getByText(/link to .* ended/).first().waitFor();
  await picture(page, "down");

  cluster.up();
  await verdict(page, "✓ CONVERGED");
  await member(page, "node-3").getByText("synced", { exact: true }).waitFor();
  await page.locator(".facts").getByText("nobody").waitFor();
  assert.deepEqual(faults, []);
  assert.ok(asked.length > 8);
  for (const url of asked) {
    assert.ok(url.startsWith(node.api + "/"), url + " is not this node's");
    assert.ok(!url.includes(node.token), "the token stands in an address");
  }
});

test("a wrong token is refused and asked again; the right one stays in the tab alone, until it is forgotten", async () => {
  const { page } = await open(chromium);
  const node = cluster.node(1);
  await page.goto(node.api + "/");
  await page.getByLabel("API token").fill("wrong");
  await page.getByRole("button", { name: "Show status" }).click();
  await page.getByRole("alert").getByText("does not know this token").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await page.getByLabel("API token").fill(node.token);
  await page.keyboard.press("Enter");
  await verdict(page, "CONVERGED");
  await page.reload();
  await verdict(page, "CONVERGED"); // not asked again
  assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0);
  await page.getByRole("button", { name: "Forget token" }).click();
  await page.getByLabel("API token").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

test("writes raise the throughput, and a conflict is shown with who wrote what", async () => {
  const { page, faults } = await open(chromium);
  const put = JSON.parse(cluster.on(1, "put", "photos", "tag", "new", "canonical_name=Fought", "-o", "json"));
  cluster.on(1, "wait", "photos", "--timeout", "120");
  cluster.on(2, "pause", "photos");
  cluster.on(1, "put", "photos", "tag", put.id, "color=red");
  cluster.on(2, "put", "photos", "tag", put.id, "color=blue");
  cluster.on(2, "resume", "photos");
  cluster.on(1, "wait", "photos", "--timeout", "120");
  cluster.on(2, "wait", "photos", "--timeout", "120");
  await signIn(page, cluster.node(1));
  await page.getByText(/Conflicts: the newest [1-9]/).click();
  const row = page.getByRole("row").filter({ hasText: "color" });
  await row.getByText(/(red|blue) \(node-[12]/).first().waitFor();
  const drawn = () => page.getByRole("img", { name: /^Throughput: now/ }).getAttribute("aria-label");
  assert.match(await drawn(), /written here .*received .*sent/);
  // A look shows what was written since the one before: write until one does.
  const deadline = Date.now() + 120000;
  while (!/written here [1-9]|written here 0\.[1-9]/.test(await drawn())) {
    assert.ok(Date.now() < deadline, "no write was ever drawn: " + (await drawn()));
    cluster.on(1, "put", "photos", "tag", put.id, "description=again");
  }
  await page.waitForFunction(() => /^M.*L/.test(document.querySelector(".line0").getAttribute("d")));
  assert.deepEqual(faults, []);
});

test("the page says so when its own node is gone, and goes on when it is back", async () => {
  const { page } = await open(chromium);
  await signIn(page, cluster.node(2));
  await verdict(page, "✓ CONVERGED");
  cluster.kill(2);
  await page.getByRole("alert").getByText("has not answered since").waitFor();
  cluster.up();
  await page.getByText("has not answered since").waitFor({ state: "detached" });
  await verdict(page, "✓ CONVERGED"); // with the token it had
});

test("of five nodes that are all in trouble, each is named with what is wrong with it", async () => {
  const five = new Cluster(5);
  try {
    five.on(1, "wait", "photos", "--timeout", "120");
    const { page, faults } = await open(chromium);
    await signIn(page, five.node(1));
    await verdict(page, "✓ CONVERGED");
    assert.equal(await page.getByRole("row").count(), 5, "a row of heads and four members");
    five.kill(2);
    five.kill(3);
    five.stop(4); // hangs: linked, and not heard
    await member(page, "node-2").getByText("down", { exact: true }).waitFor();
    await member(page, "node-3").getByText("down", { exact: true }).waitFor();
    await member(page, "node-4").getByText(/^(stale|down)$/).waitFor();
    await member(page, "node-5").getByText("synced", { exact: true }).waitFor();
    const said = await page.locator(".verdict").textContent();
    for (const name of ["node-2", "node-3"]) assert.ok(said.includes(name), said);
    assert.ok(!said.includes("node-5"), said);
    // Who is in trouble stands first.
    const order = await page.locator(".members tbody th b").allTextContents();
    assert.equal(order[3], "node-5");
    await picture(page, "three-of-five");
    five.resume(4);
    five.up();
    await verdict(page, "✓ CONVERGED");
    assert.deepEqual(faults, []);
  } finally {
    five.end();
  }
});

/** Texts whose contrast with what is behind them is below 4.5, as WCAG counts it. */
function faint() {
  const channels = (c) => c.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) =>
    [r, g, b].map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4))
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const c = channels(getComputedStyle(at).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const found = [];
  let looked = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.getClientRects().length || e.closest("noscript")) continue;
    const [a, b] = [luminance(channels(getComputedStyle(e).color)), luminance(behind(e))];
    looked += 1;
    if ((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5) found.push(walk.currentNode.data);
  }
  return { looked, found };
}

for (const colorScheme of ["light", "dark"])
  test(`it is readable in ${colorScheme}, fits a phone, and has landmarks, heads and labels`, async () => {
    const { page, faults } = await open(chromium, {
      colorScheme, viewport: { width: 360, height: 740 }, reducedMotion: "reduce",
    });
    await signIn(page, cluster.node(1));
    await verdict(page, "✓ CONVERGED");
    await picture(page, "phone-" + colorScheme);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it scrolls sideways");
    const { looked, found } = await page.evaluate(faint);
    assert.ok(looked > 40, "only " + looked + " texts");
    assert.deepEqual(found, []);
    for (const landmark of ["banner", "main", "contentinfo"])
      assert.equal(await page.getByRole(landmark).count(), 1, landmark);
    assert.equal(await page.getByRole("columnheader", { name: "Last error", includeHidden: true }).count(), 1);
    assert.equal(await page.getByRole("rowheader").count(), 2);
    const moving = await page.evaluate(() =>
      [...document.querySelectorAll("*")].filter((e) => getComputedStyle(e).transitionDuration !== "0s").length);
    assert.equal(moving, 0, "something moves although the user wants it still");
    await page.setViewportSize({ width: 1280, height: 800 });
    await picture(page, "wide-" + colorScheme);
    const wide = await page.evaluate(faint);
    assert.deepEqual(wide.found, []);
    assert.deepEqual(faults, []);
  });

test("on a phone, upright or held sideways, no number or time of a member takes two lines", async () => {
  for (const width of [360, 740]) {
    const { page } = await open(chromium, { viewport: { width, height: 740 } });
    await signIn(page, cluster.node(1));
    await verdict(page, "✓ CONVERGED");
    const wrapped = await page.evaluate(() => [...document.querySelectorAll(".members td:not(:last-child) > span:last-child")].filter((cell) => {
      const text = document.createRange();
      text.selectNodeContents(document.createTreeWalker(cell, NodeFilter.SHOW_TEXT).nextNode());
      return new Set([...text.getClientRects()].map((line) => line.top)).size > 1;
    }).map((cell) => cell.textContent));
    assert.deepEqual(wrapped, [], "at " + width);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it scrolls sideways at " + width);
  }
});

test("the page's own files need no token and let no other origin in; all else does", async () => {
  const { api } = cluster.node(1);
  for (const [path, type] of [["/", "text/html"], ["/page.js", "text/javascript"], ["/page.css", "text/css"], ["/icon.svg", "image/svg+xml"]]) {
    const answer = await fetch(api + path);
    assert.equal(answer.status, 200, path);
    assert.ok(answer.headers.get("content-type").startsWith(type), path);
    const policy = answer.headers.get("content-security-policy");
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|data:|https?:/);
    assert.doesNotMatch(await answer.text(), /https?:\/\/(?!www\.w3\.org\/)/, path + " names an outside address");
  }
  for (const path of ["/v1/status", "/v1/events", "/metrics", "/index.html", "/page.js/x"])
    assert.equal((await fetch(api + path)).status, 401, path);
});
