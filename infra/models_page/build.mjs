// Writes static/vendor from the locked packages, and vendor.json with what each file was made from.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, "../../plugins/airworthy_airflow/models_page/static/vendor");
const lock = JSON.parse(readFileSync(join(here, "package-lock.json"), "utf8"));

function made(file, names) {
  const digest = createHash("sha256").update(readFileSync(join(vendor, file))).digest("hex");
  const packages = names.map((name) => {
    const { version, integrity, license } = lock.packages[`node_modules/${name}`];
    return { name, version, integrity, license };
  });
  return { file, sha256: digest, packages };
}

mkdirSync(vendor, { recursive: true });
await build({
  entryPoints: [join(here, "charts.mjs")],
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "echarts",
  target: "es2020",
  legalComments: "inline",
  outfile: join(vendor, "echarts.min.js"),
});
const css = readFileSync(join(here, "node_modules/bootstrap/dist/css/bootstrap.min.css"), "utf8");
writeFileSync(join(vendor, "bootstrap.min.css"), css.replace(/\n?\/\*# sourceMappingURL.*\*\//, ""));
for (const name of ["bootstrap", "echarts", "zrender", "tslib"]) {
  const source = name === "tslib" ? "LICENSE.txt" : "LICENSE";
  copyFileSync(join(here, "node_modules", name, source), join(vendor, `${name}.LICENSE.txt`));
}
const files = [
  made("bootstrap.min.css", ["bootstrap"]),
  made("echarts.min.js", ["echarts", "zrender", "tslib"]),
];
writeFileSync(join(vendor, "vendor.json"), `${JSON.stringify(files, null, 2)}\n`);
