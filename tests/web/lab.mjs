// A cluster of real nodes and a real browser, for the tests of the status page.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const shoal = process.env.SHOAL_BINARY;

export class Cluster {
  constructor(nodes) {
    this.work = mkdtempSync(join(tmpdir(), "shoal-web-"));
    this.dir = join(this.work, "lab");
    try {
      execFileSync(shoal, ["devcluster", "up", this.dir, "-n", String(nodes), "--library", "photos"]);
    } catch (e) {
      this.end();
      throw e;
    }
  }
  node(n) {
    const folder = join(this.dir, "node-" + n);
    const { api, pid, device } = JSON.parse(readFileSync(join(folder, "run/endpoints.json"), "utf8"));
    return { api, pid, device, token: readFileSync(join(folder, "api.token"), "utf8").trim(), config: join(folder, "shoal.toml") };
  }
  /** A command, on node n. */
  on(n, ...args) {
    return execFileSync(shoal, [...args, "--config", join(this.dir, "node-" + n, "shoal.toml")], { encoding: "utf8" });
  }
  kill(n) {
    process.kill(this.node(n).pid, "SIGKILL");
  }
  /** It hangs until `resume`: its machine seems to be cut off. */
  stop(n) {
    process.kill(this.node(n).pid, "SIGSTOP");
  }
  resume(n) {
    process.kill(this.node(n).pid, "SIGCONT");
  }
  /** Starts those that do not run. */
  up() {
    execFileSync(shoal, ["devcluster", "up", this.dir]);
  }
  end() {
    try {
      execFileSync(shoal, ["devcluster", "down", this.dir], { stdio: "ignore" });
    } finally {
      rmSync(this.work, { recursive: true, force: true });
    }
  }
}

export const browser = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
    timeout: 120000,
  });

/** A page, and what went wrong on it. */
export async function open(from, options = {}) {
  const context = await from.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(60000); // a loaded machine
  const faults = [];
  const asked = [];
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && faults.push(m.text()));
  page.on("pageerror", (e) => faults.push(String(e)));
  page.on("request", (r) => asked.push(r.url()));
  return { page, faults, asked };
}

export async function signIn(page, node) {
  await page.goto(node.api + "/");
  await page.getByLabel("API token").fill(node.token);
  await page.getByRole("button", { name: "Show status" }).click();
}
