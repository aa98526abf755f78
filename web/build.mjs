// node build.mjs FOLDER: makes the page's four files there. The same sources and the same lock file give the same bytes:
// tests/web/dist_test.sh holds web/dist to that.
import { build } from "esbuild";
import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "dist"));
await mkdir(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { page: "src/main.jsx" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2020"],
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  define: { "process.env.NODE_ENV": '"production"' },
});
await build({ absWorkingDir: here, entryPoints: { page: "src/page.css" }, outdir: out, minify: true, target: ["es2020"] });
for (const file of ["index.html", "icon.svg"]) await copyFile(join(here, "src", file), join(out, file));
