// SPDX-License-Identifier: Apache-2.0
// regions.csv from the package's lists and changes.csv: `npm install && node derive.mjs`. A former code takes the name of
// what came after it; a province begins with the first of its regencies that began by a change.
import { readFileSync, writeFileSync } from "node:fs";

const here = new URL(".", import.meta.url);
const lines = (path) => readFileSync(new URL(path, here), "utf8").trim().split(/\r?\n/).slice(1).map((l) => l.replaceAll('"', "").split(","));
const lists = "node_modules/idn-area-data/data/";
const rows = new Map();
for (const [code, name] of lines(lists + "provinces.csv")) rows.set(code, { name, from: "", to: "", after: "" });
for (const [code, , name] of lines(lists + "regencies.csv")) rows.set(code, { name, from: "", to: "", after: "" });
for (const [code, last, after, first] of lines("changes.csv")) {
  const now = rows.get(after);
  if (!now || rows.has(code)) throw new Error(`changes.csv does not fit: ${code} to ${after}`);
  now.from = first;
  rows.set(code, { name: now.name, from: "", to: last, after });
  const province = rows.get(after.slice(0, 2));
  if (!province.from || first < province.from) province.from = first;
}
const order = [...rows.keys()].sort((a, b) => (a < b ? -1 : 1));
const text = order.map((code) => { const r = rows.get(code); return [code, r.name, r.from, r.to, r.after].join(","); });
writeFileSync(new URL("regions.csv", here), "code,name,first_day,last_day,successor\n" + text.join("\n") + "\n");
