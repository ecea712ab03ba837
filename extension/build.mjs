// The panel as one ES module, styles inside, for the kernel's widget: no file beside it, no CDN.
import { build } from "esbuild";

const shared = {
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  loader: { ".css": "text" },
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
};

await build({
  ...shared,
  entryPoints: ["src/widget.ts"],
  outfile: "../nexapod/views/assets/panel.js",
  minify: true,
});

// The page on which the panel is tried out by hand and measured; not kept in git.
if (process.argv.includes("--dev")) {
  const entryPoints = ["dev/harness.ts"];
  await build({ ...shared, format: "iife", entryPoints, outfile: "dev/built/harness.js" });
}
