// SPDX-License-Identifier: Apache-2.0
// Two lines over time, by uPlot; the same figures as a table for whoever does not see lines.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { dayText, languageNow, number, t } from "./words";

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(width: number, height: number): uPlot.Options {
  const grid = { stroke: colour("--line"), width: 1 };
  const font = "12px system-ui, sans-serif";
  const short = new Intl.DateTimeFormat(languageNow() === "id" ? "id-ID" : "en-GB", { month: "short", year: "2-digit", timeZone: "UTC" });
  return {
    width, height, legend: { show: false }, cursor: { y: false, points: { size: 7 } }, padding: [10, 8, 0, 0],
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "UTC"),
    scales: { y: { range: (_u, _min, max) => [0, Math.max(4, max * 1.1)] } },
    axes: [
      { stroke: colour("--quiet"), font, grid: { show: false }, ticks: grid, space: 70, size: 28, values: (_u, splits) => splits.map((s) => short.format(new Date(s * 1000))) },
      { stroke: colour("--quiet"), font, grid, ticks: { show: false }, size: 46, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000, 100000], values: (_u, splits) => splits.map((v) => (Number.isInteger(v) ? number(v) : "")) },
    ],
    series: [{}, { stroke: colour("--accent"), width: 2, points: { show: false } }, { stroke: colour("--second"), width: 2, dash: [6, 4], points: { show: false } }],
  };
}

export function Trend({ rows }: { rows: [number, number, number][] }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const said = useRef<HTMLParagraphElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data: uPlot.AlignedData = [rows.map((r) => r[0] * 86400), rows.map((r) => r[1]), rows.map((r) => r[2])];
  useEffect(() => {
    const element = box.current;
    if (!element) { return; }
    const made = new uPlot(options(Math.max(200, element.clientWidth), 240), data, element);
    made.over.addEventListener("mousemove", () => {
      const row = rows[made.cursor.idx ?? -1];
      if (row && said.current) { said.current.textContent = `${dayText(row[0])}: ${number(row[1])} ${t("masuk", "received")}, ${number(row[2])} ${t("selesai", "completed")}`; }
    });
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: Math.max(200, element.clientWidth), height: 240 }));
    watch.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const repaint = (): void => { const o = options(made.width, made.height); made.series[1].stroke = () => o.series[1].stroke as string; made.redraw(); };
    scheme.addEventListener("change", repaint);
    return () => { watch.disconnect(); scheme.removeEventListener("change", repaint); made.destroy(); plot.current = null; };
  }, [JSON.stringify(rows)]);
  return <figure class="trend">
    <figcaption><span class="key first" />{t("masuk", "received")} <span class="key second" />{t("selesai", "completed")}
      <span class="quiet"> {rows.length > 1 && rows[1][0] - rows[0][0] > 7 ? t("per bulan", "per month") : t("per minggu", "per week")}</span></figcaption>
    <div ref={box} aria-hidden="true" />
    <p ref={said} class="quiet said" aria-hidden="true">&nbsp;</p>
    <details class="as-table"><summary>{t("Sebagai tabel", "As a table")}</summary>
      <table><thead><tr><th scope="col">{t("mulai", "from")}</th><th scope="col" class="n">{t("masuk", "received")}</th><th scope="col" class="n">{t("selesai", "completed")}</th></tr></thead>
        <tbody>{rows.map((r) => <tr key={r[0]}><th scope="row">{dayText(r[0])}</th><td class="n">{number(r[1])}</td><td class="n">{number(r[2])}</td></tr>)}</tbody></table>
    </details>
  </figure>;
}
