// SPDX-License-Identifier: Apache-2.0
// Aduan: search, filters as chips, and the list behind every number.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, type List, type Row } from "./api";
import { useLoaded } from "./live";
import { go, kept, link } from "./route";
import { Period, ScopeLinks, Shown, Status, TrustLine, type PageProps } from "./ui";
import { channelText, channels, date, number, statusText, statuses, t, visible } from "./words";

const names = new Map<string, string>();
const lateText = (name: string): string => ({
  any: t("terlambat", "overdue"), verify: t("telat verifikasi", "verification overdue"), follow: t("telat tindak lanjut", "follow-up overdue"),
  finish: t("telat selesai", "completion overdue"), ombudsman: t("lebih dari 60 hari", "beyond 60 days"),
}[name] ?? name);

function Late({ row, now }: { row: Row; now: number }): JSX.Element | null {
  const which = row.due.findIndex((day, i) => i < 3 && day > 0 && day < now);
  if (which < 0) { return null; }
  return <span class="chip danger">{t(`telat ${number(now - row.due[which])} hari`, `${number(now - row.due[which])} days overdue`)}</span>;
}

function Chips({ query, page }: { query: Record<string, string>; page: string }): JSX.Element {
  const labels: [string, string][] = [];
  for (const [name, value] of Object.entries(query)) {
    const label = name === "status" ? statusText(value) : name === "channel" ? channelText(value) : name === "late" ? lateText(value)
      : name === "conflict" ? t("menunggu keputusan", "waits for a decision") : name === "category" || name === "opd" || name === "q" ? `${name === "q" ? t("cari", "search") : name === "opd" ? "OPD" : t("kategori", "category")}: ${visible(value)}` : "";
    if (label) { labels.push([name, label]); }
  }
  const without = (name: string): string => link(page, { ...query, [name]: undefined, after: undefined, after_ms: undefined });
  return <p class="chips">{labels.map(([name, label]) => <a key={name} class="chip filter" href={without(name)} aria-label={t(`hapus saringan ${label}`, `remove the filter ${label}`)}>{label} <span aria-hidden="true">✕</span></a>)}</p>;
}

export function RecordsPage({ route, session }: PageProps): JSX.Element {
  const q = route.query;
  const [words, setWords] = useState(q.q ?? "");
  const loaded = useLoaded("records " + JSON.stringify(q), (signal) => get<List>("records", q, signal));
  const set = (name: string, value: string): void => go("aduan", { ...q, [name]: value || undefined, after: undefined, after_ms: undefined });
  return <>
    {loaded.data && <TrustLine trust={loaded.data.trust} />}
    <div class="head"><div><ScopeLinks route={route} session={session} names={names} page="aduan" /><h1>{t("Aduan", "Complaints")}</h1></div><Period route={route} /></div>
    <form class="filters" role="search" onSubmit={(e) => { e.preventDefault(); set("q", words.trim()); }}>
      <label><span class="sr">{t("Cari dalam judul", "Search in titles")}</span><input type="search" value={words} placeholder={t("cari kata dalam judul", "search words in titles")} onInput={(e) => setWords(e.currentTarget.value)} /></label>
      <button>{t("Cari", "Search")}</button>
      <label><span class="sr">Status</span><select value={q.status ?? ""} onChange={(e) => set("status", e.currentTarget.value)}><option value="">{t("semua status", "every status")}</option>{statuses.map((s) => <option key={s} value={s}>{statusText(s)}</option>)}</select></label>
      <label><span class="sr">{t("Kanal", "Channel")}</span><select value={q.channel ?? ""} onChange={(e) => set("channel", e.currentTarget.value)}><option value="">{t("semua kanal", "every channel")}</option>{channels.map((c) => <option key={c} value={c}>{channelText(c)}</option>)}</select></label>
      <label><span class="sr">{t("Terlambat", "Overdue")}</span><select value={q.late ?? ""} onChange={(e) => set("late", e.currentTarget.value)}><option value="">{t("tepat waktu atau tidak", "in time or not")}</option>{["any", "verify", "follow", "finish", "ombudsman"].map((l) => <option key={l} value={l}>{lateText(l)}</option>)}</select></label>
      <label class="check"><input type="checkbox" checked={q.conflict === "1"} onChange={(e) => set("conflict", e.currentTarget.checked ? "1" : "")} /> {t("menunggu keputusan", "waits for a decision")}</label>
    </form>
    <Chips query={q} page="aduan" />
    <Shown loaded={loaded}>{(list) => <section class="panel-box">
      <h2>{number(list.total)} {t("aduan", "complaints")}</h2>
      {list.records.length === 0 ? <p class="empty">{t("Tidak ada aduan dengan saringan ini. Hapus saringan atau perpanjang periode.", "No complaint fits these filters. Remove one or take a longer period.")}</p> :
        <ul class="list">{list.records.map((r) => <li key={r.id}><a href={link("aduan/" + r.id, kept(q))}>
          <span class="title">{visible(r.title) || t("(tanpa judul)", "(no title)")}</span>
          <span class="meta"><Status name={r.status} /><Late row={r} now={list.today} />{r.conflicts > 0 && <span class="chip warning">{t("konflik", "conflict")}</span>}{r.confidential && <span class="chip">{t("rahasia", "confidential")}</span>}{r.supervisory && <span class="chip">{t("pengawasan", "supervisory")}</span>}
            <span>{date(r.received_ms)}</span><span>{r.owner}</span>{r.opd && <span>{visible(r.opd)}</span>}{r.category && <span>{visible(r.category)}</span>}{r.channel !== "none" && <span>{channelText(r.channel)}</span>}</span></a></li>)}</ul>}
      <p class="pager">{q.after && <a href={link("aduan", { ...q, after: undefined, after_ms: undefined })}>← {t("ke awal", "to the beginning")}</a>}
        {list.next && <a href={link("aduan", { ...q, after: list.next.id, after_ms: String(list.next.ms) })}>{t("berikutnya", "next")} →</a>}</p>
    </section>}</Shown>
  </>;
}
