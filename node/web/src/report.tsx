// SPDX-License-Identifier: Apache-2.0
// Laporan: the periodic report for a level and period, for printing and as CSV; every figure with its definition.
import type { JSX } from "preact";
import { get, type Overview, type Totals } from "./api";
import { useLoaded } from "./live";
import { Period, ScopeLinks, Shown, scopeName, type PageProps } from "./ui";
import { SMALL, channelText, dayText, decimal, isoDay, moment, number, percentOf, statusText, statuses, t, visible } from "./words";

const at = (x: Totals, name: string): number => (x.status as Record<string, number>)[name] ?? 0;
const percent = (part: number, whole: number): string => { const p = percentOf(part, whole); return p === null ? "–" : `${p} %`; };

export function ReportPage({ route, session }: PageProps): JSX.Element {
  const { scope, from, to } = route.query;
  const loaded = useLoaded(`overview ${scope} ${from} ${to}`, (signal) => get<Overview>("overview", { scope, from, to }, signal));
  return <Shown loaded={loaded}>{(o) => {
    const names = new Map(Object.entries(o.names));
    const x = o.totals;
    const csv = "/api/v1/report.csv?" + new URLSearchParams({ ...(o.scope ? { scope: o.scope } : {}), from: isoDay(o.from_day), to: isoDay(o.to_day) }).toString();
    const children = [...o.children].sort((a, b) => a.scope.localeCompare(b.scope));
    return <article class="report">
      <div class="head no-print"><div><ScopeLinks route={route} session={session} names={names} page="laporan" /></div><Period route={route} /><button onClick={() => print()}>{t("Cetak", "Print")}</button><a class="button" href={csv} download>{t("Unduh CSV", "Download CSV")}</a></div>
      <h1>{t("Laporan pengelolaan pengaduan", "Report on complaint handling")}: {visible(scopeName(o.scope, names))}</h1>
      <p>{dayText(o.from_day)} – {dayText(o.to_day)} · {t("data per", "data as of")} {moment(o.trust.as_of_ms)} · {number(o.nodes.filter((n) => n.state === "current").length)} {t("dari", "of")} {number(o.nodes.length)} {t("simpul terkini", "nodes up to date")}</p>
      <section class="panel-box"><table class="wide"><tbody>
        <tr><th scope="row">{t("Diterima", "Received")}</th><td class="n">{number(x.received)}</td><td class="quiet">{t("aduan dengan tanggal terima dalam periode", "complaints received in the period")}</td></tr>
        <tr><th scope="row">{t("Ditindaklanjuti", "Followed up")}</th><td class="n">{percent(at(x, "selesai") + at(x, "proses"), x.received)}</td><td class="quiet">{t("(selesai + proses) / diterima, dibulatkan ke bawah", "(completed + in process) / received, rounded down")}</td></tr>
        <tr><th scope="row">{t("Selesai", "Completed")}</th><td class="n">{percent(at(x, "selesai"), x.received)}</td><td class="quiet">{t("selesai / diterima, dibulatkan ke bawah", "completed / received, rounded down")}</td></tr>
        <tr><th scope="row">{t("Rata-rata laju tindak lanjut", "Mean follow-up speed")}</th><td class="n">{x.follow_up.mean === undefined ? "–" : decimal(x.follow_up.mean)}</td><td class="quiet">{t("hari dari disposisi sampai tindak lanjut pertama", "days from disposition to first follow-up")} (n = {number(x.follow_up.n)})</td></tr>
        <tr><th scope="row">{t("Median laju tindak lanjut", "Median follow-up speed")}</th><td class="n">{x.follow_up.median === undefined ? "–" : decimal(x.follow_up.median)}</td><td class="quiet">{t("hari penuh, separuh lebih cepat", "whole days, half are faster")}</td></tr>
        <tr><th scope="row">{t("Telat verifikasi", "Verification overdue")}</th><td class="n">{number(x.late.verify ?? 0)}</td><td class="quiet">{t("belum diverifikasi 3 hari kerja setelah diterima", "not verified 3 working days after reception")}</td></tr>
        <tr><th scope="row">{t("Telat tindak lanjut", "Follow-up overdue")}</th><td class="n">{number(x.late.follow ?? 0)}</td><td class="quiet">{t("tanpa tindak lanjut 5 hari kerja setelah disposisi", "no follow-up 5 working days after disposition")}</td></tr>
        <tr><th scope="row">{t("Telat selesai", "Completion overdue")}</th><td class="n">{number(x.late.finish ?? 0)}</td><td class="quiet">{t("belum selesai 14 hari kerja setelah disposisi (informasi 5, pengawasan 60)", "not completed 14 working days after disposition (information 5, supervisory 60)")}</td></tr>
        {statuses.map((s) => <tr key={s}><th scope="row">{t("Status", "Status")}: {statusText(s)}</th><td class="n">{number(at(x, s))}</td><td class="quiet">{t("saat ini", "now")}</td></tr>)}
      </tbody></table></section>
      {children.length > 0 && <section class="panel-box"><h2>{t("Per kabupaten/kota", "By regency and city")}</h2><div class="scroll"><table><thead><tr><th scope="col">{t("kode", "code")}</th><th scope="col">{t("wilayah", "region")}</th><th scope="col" class="n">{t("diterima", "received")}</th><th scope="col" class="n">TL %</th><th scope="col" class="n">{t("selesai %", "completed %")}</th><th scope="col" class="n">{t("rata-rata hari", "mean days")}</th><th scope="col" class="n">{t("median hari", "median days")}</th></tr></thead>
        <tbody>{children.map((c) => <tr key={c.scope}><td>{c.scope}</td><th scope="row">{visible(scopeName(c.scope, names))}{c.received < SMALL ? " *" : ""}</th><td class="n">{number(c.received)}</td><td class="n">{percent(at(c, "selesai") + at(c, "proses"), c.received)}</td><td class="n">{percent(at(c, "selesai"), c.received)}</td><td class="n">{c.follow_up.mean === undefined ? "–" : decimal(c.follow_up.mean)}</td><td class="n">{c.follow_up.median === undefined ? "–" : decimal(c.follow_up.median)}</td></tr>)}</tbody></table></div>
        <p class="quiet">* {t("kurang dari 30 aduan: persen tidak untuk diperbandingkan", "fewer than 30 complaints: percentages are not for comparison")}</p></section>}
      <section class="panel-box"><h2>{t("Kanal", "Channels")}</h2><p>{o.mix.channel.map(([name, n]) => `${channelText(name)} ${number(n)}`).join(" · ") || "–"}</p></section>
    </article>;
  }}</Shown>;
}
