// SPDX-License-Identifier: Apache-2.0
// Ringkasan: can I trust the picture, what changed, what is late, who needs help. The same page at every level.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { get, type NodeInfo, type Overview, type Totals } from "./api";
import { Trend } from "./chart";
import { useLoaded } from "./live";
import { provinces } from "./provinces";
import { kept, link } from "./route";
import { Notice, Period, ScopeLinks, Shown, State, TrustLine, scopeName, type PageProps } from "./ui";
import { SMALL, ago, channelText, decimal, moment, number, percentOf, statusText, statuses, t, visible } from "./words";

const at = (x: Totals, name: string): number => (x.status as Record<string, number>)[name] ?? 0;
const followed = (x: Totals): number | null => percentOf(at(x, "selesai") + at(x, "proses"), x.received);
const completed = (x: Totals): number | null => percentOf(at(x, "selesai"), x.received);
const overdue = (x: Totals): number => x.late.any ?? 0;
const days = (n: number | undefined): string => (n === undefined ? "–" : decimal(n));

function Meter({ part, whole }: { part: number; whole: number }): JSX.Element {
  return <svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="whole" width="100" height="8" /><rect width={whole > 0 ? (100 * part) / whole : 0} height="8" /></svg>;
}

export function Small({ n }: { n: number }): JSX.Element | null {
  return n > 0 && n < SMALL ? <abbr class="small" title={t(`hanya ${n} aduan: angka persen mudah berayun dan tidak diperingkat`, `only ${n} complaints: percentages swing easily and are not ranked`)}>{t("n kecil", "small n")}</abbr> : null;
}

function Change({ now, before, unit, lowerIsBetter }: { now: number | null; before: number | null; unit: string; lowerIsBetter?: boolean }): JSX.Element {
  if (now === null || before === null) { return <small class="quiet">{t("tanpa pembanding", "nothing to compare")}</small>; }
  const d = now - before;
  const good = lowerIsBetter === undefined || d === 0 ? "" : (d < 0) === lowerIsBetter ? "better" : "worse";
  return <small class={good}>{d === 0 ? "=" : d > 0 ? "▲" : "▼"} {number(Math.abs(Math.round(d * 10) / 10))}{unit} <span class="quiet">{t("dari periode sebelumnya", "from the period before")}</span></small>;
}

function Figure({ title, about, value, href, children }: { title: string; about: string; value: ComponentChildren; href?: string; children?: ComponentChildren }): JSX.Element {
  return <section class="figure" aria-label={title}>
    <h3>{title} <abbr class="about" title={about} tabIndex={0} aria-label={about}>?</abbr></h3>
    <p class="value">{href ? <a href={href}>{value}</a> : value}</p>
    <div class="below">{children}</div>
  </section>;
}

function Figures({ o, list }: { o: Overview; list: (more: Record<string, string>) => string }): JSX.Element {
  const x = o.totals;
  const b = o.before;
  return <div class="figures">
    <Figure title={t("Diterima", "Received")} about={t("Semua aduan dengan tanggal terima dalam periode.", "All complaints received in the period.")} value={number(x.received)} href={list({})}>
      <Change now={x.received} before={b.received || null} unit="" />
    </Figure>
    <Figure title={t("Belum verifikasi", "Not verified")} about={t("Status belum verifikasi sekarang.", "Status not verified, now.")} value={number(at(x, "belum_verifikasi"))} href={list({ status: "belum_verifikasi" })}>
      {x.oldest_open_ms ? <small>{t("terlama masih terbuka:", "oldest still open:")} {ago(x.oldest_open_ms, o.trust.now_ms)}</small> : <small class="quiet">{t("tidak ada yang terbuka", "nothing open")}</small>}
    </Figure>
    <Figure title={t("Ditindaklanjuti", "Followed up")} about={t("(selesai + proses) / diterima, dibulatkan ke bawah.", "(completed + in process) / received, rounded down.")} value={followed(x) === null ? "–" : `${followed(x)} %`} href={list({ status: "proses" })}>
      <Change now={followed(x)} before={followed(b)} unit={t(" poin", " points")} lowerIsBetter={false} /> <Small n={x.received} />
    </Figure>
    <Figure title={t("Selesai", "Completed")} about={t("selesai / diterima, dibulatkan ke bawah.", "completed / received, rounded down.")} value={completed(x) === null ? "–" : `${completed(x)} %`} href={list({ status: "selesai" })}>
      <Change now={completed(x)} before={completed(b)} unit={t(" poin", " points")} lowerIsBetter={false} /> <Small n={x.received} />
    </Figure>
    <Figure title={t("Laju tindak lanjut", "Follow-up speed")} about={t("Hari dari disposisi sampai tindak lanjut pertama: rata-rata, dan median dari hari penuh.", "Days from disposition to the first follow-up: mean, and median of whole days.")} value={<>{days(x.follow_up.mean)} <span class="unit">{t("hari", "days")}</span></>}>
      <small>{t("median", "median")} {days(x.follow_up.median)} · {number(x.follow_up.n)} {t("aduan", "complaints")}</small>
    </Figure>
    <Figure title={t("Terlambat", "Overdue")} about={t("Aduan terbuka yang melewati batas: verifikasi 3, tindak lanjut 5, selesai 5/14/60 hari kerja.", "Open complaints past their term: verify 3, follow-up 5, complete 5/14/60 working days.")} value={<span class={overdue(x) ? "warn" : ""}>{number(overdue(x))}</span>} href={list({ late: "any" })}>
      <small class="parts">
        <a href={list({ late: "verify" })}>{t("verif", "verify")} {number(x.late.verify ?? 0)}</a> <a href={list({ late: "follow" })}>{t("TL", "follow-up")} {number(x.late.follow ?? 0)}</a> <a href={list({ late: "finish" })}>{t("selesai", "complete")} {number(x.late.finish ?? 0)}</a>
      </small>
    </Figure>
  </div>;
}

const measures: [string, () => string, (x: Totals) => number | null, boolean][] = [
  ["completed", () => t("selesai %", "completed %"), completed, false],
  ["followed", () => t("ditindaklanjuti %", "followed up %"), followed, false],
  ["late", () => t("terlambat %", "overdue %"), (x) => percentOf(overdue(x), x.received), true],
];

// Never coloured by count: only rates, and none where there are too few cases.
function Tiles({ o, query, names }: { o: Overview; query: Record<string, string>; names: Map<string, string> }): JSX.Element {
  const [chosen, choose] = useState("completed");
  const measure = measures.find((m) => m[0] === chosen) ?? measures[0];
  const rows = new Map(o.provinces.map((p) => [p.scope, p]));
  const step = (value: number): number => { const s = Math.min(4, Math.floor(value / 20)); return measure[3] ? 4 - s : s; };
  return <section class="panel-box tiles-box">
    <header class="row"><h2>{t("Provinsi", "Provinces")}</h2>
      <label class="inline">{t("ukuran", "measure")} <select value={chosen} onChange={(e) => choose(e.currentTarget.value)}>{measures.map((m) => <option key={m[0]} value={m[0]}>{m[1]()}</option>)}</select></label></header>
    <div class="tiles" role="list">
      {provinces.map((p) => {
        const x = rows.get(p.code);
        const value = x ? measure[2](x) : null;
        const small = !x || x.received < SMALL;
        const label = `${scopeName(p.code, names)}: ${x ? `${number(x.received)} ${t("diterima", "received")}, ${measure[1]()} ${value ?? "–"}${small ? `, ${t("n kecil", "small n")}` : ""}` : t("tanpa aduan", "no complaints")}`;
        return <a key={p.code} role="listitem" class={`tile at-r${p.row} at-c${p.column} ${!x ? "none" : small || value === null ? "few" : `step${step(value)}`}`} href={link("ringkasan", { ...kept(query), scope: p.code })} title={label} aria-label={label}>
          <b>{p.short}</b><span>{x ? (value === null ? "–" : `${value}%`) : "·"}</span></a>;
      })}
    </div>
    <p class="legend"><span class="tile step0" />{measure[3] ? "> 80 %" : "0–19 %"} <span class="tile step2" />40–59 % <span class="tile step4" />{measure[3] ? "< 20 %" : "80–100 %"} <span class="tile few" />{t("n kecil (tidak diwarnai)", "small n (not coloured)")} <span class="tile none" />{t("tanpa aduan", "no complaints")}</p>
  </section>;
}

type Column = "name" | "received" | "followed" | "completed" | "median" | "late" | "node";
const ranked: Column[] = ["followed", "completed", "median"];

function Bar({ value, small }: { value: number | null; small: boolean }): JSX.Element {
  return <span class={small ? "bar few" : "bar"}><Meter part={value ?? 0} whole={100} /><span>{value === null ? "–" : `${value} %`}</span></span>;
}

function Regencies({ o, query, names }: { o: Overview; query: Record<string, string>; names: Map<string, string> }): JSX.Element {
  const [column, setColumn] = useState<Column>("received");
  const [up, setUp] = useState(false);
  const [search, setSearch] = useState("");
  const nodes = new Map<string, NodeInfo>(o.nodes.map((n) => [n.node, n]));
  const rows = new Map(o.children.map((c) => [c.scope, c]));
  const empty = (scope: string): Totals => ({ scope, received: 0, status: {}, late: {}, follow_up: { n: 0 }, rating: { n: 0 } });
  const all = [...new Set([...o.nodes.map((n) => n.node).filter((n) => n.length > 2), ...rows.keys()])].map((scope) => rows.get(scope) ?? empty(scope));
  const found = all.filter((x) => `${x.scope} ${scopeName(x.scope, names)}`.toLowerCase().includes(search.toLowerCase()));
  const key = (x: Totals): number | string | null => {
    switch (column) {
      case "name": return scopeName(x.scope, names).toLowerCase();
      case "received": return x.received;
      case "followed": return followed(x);
      case "completed": return completed(x);
      case "median": return x.follow_up.median ?? null;
      case "late": return overdue(x);
      case "node": return nodes.get(x.scope)?.state ?? "";
    }
  };
  // What is too small to be ranked, or has no figure, stands below in both directions.
  const last = (x: Totals): boolean => key(x) === null || (ranked.includes(column) && x.received < SMALL);
  found.sort((a, b) => {
    if (last(a) !== last(b)) { return last(a) ? 1 : -1; }
    const p = key(a) ?? 0; const q = key(b) ?? 0;
    const c = p < q ? -1 : p > q ? 1 : 0;
    return (up ? c : -c) || a.scope.localeCompare(b.scope);
  });
  const Head = ({ of, children, right }: { of: Column; children: ComponentChildren; right?: boolean }): JSX.Element =>
    <th scope="col" class={right ? "n" : ""} aria-sort={column === of ? (up ? "ascending" : "descending") : "none"}>
      <button class="sort" onClick={() => { setUp(column === of ? !up : of === "name"); setColumn(of); }}>{children}{column === of ? (up ? " ↑" : " ↓") : ""}</button></th>;
  return <section class="panel-box">
    <header class="row"><h2>{t("Kabupaten/kota", "Regencies and cities")} <span class="quiet">{number(found.length)}</span></h2>
      <label class="inline"><span class="sr">{t("Cari", "Search")}</span><input type="search" placeholder={t("cari nama atau kode", "search name or code")} value={search} onInput={(e) => setSearch(e.currentTarget.value)} /></label></header>
    {found.length === 0 ? <p class="empty">{t("Tidak ada yang cocok.", "Nothing fits.")}</p> :
      <div class="scroll"><table class="regencies cards">
        <thead><tr><Head of="name">{t("wilayah", "region")}</Head><Head of="received" right>{t("diterima", "received")}</Head><Head of="followed" right>TL %</Head><Head of="completed" right>{t("selesai %", "completed %")}</Head>
          <Head of="median" right>{t("median hari", "median days")}</Head><Head of="late" right>{t("telat", "overdue")}</Head><Head of="node">{t("simpul", "node")}</Head></tr></thead>
        <tbody>{found.map((x) => {
          const node = nodes.get(x.scope);
          const small = x.received < SMALL;
          return <tr key={x.scope}>
            <th scope="row"><a href={link("ringkasan", { ...kept(query), scope: x.scope })}>{visible(scopeName(x.scope, names))}</a> <small class="quiet">{x.scope}</small> <Small n={x.received} /></th>
            <td class="n" data-label={t("diterima", "received")}><a href={link("aduan", { ...kept(query), scope: x.scope })}>{number(x.received)}</a></td>
            <td class="n" data-label={t("tindak lanjut", "followed up")}><Bar value={followed(x)} small={small} /></td>
            <td class="n" data-label={t("selesai", "completed")}><Bar value={completed(x)} small={small} /></td>
            <td class="n" data-label={t("median hari", "median days")}>{days(x.follow_up.median)}</td>
            <td class="n" data-label={t("telat", "overdue")}>{overdue(x) ? <a class="warn" href={link("aduan", { ...kept(query), scope: x.scope, late: "any" })}>{number(overdue(x))}</a> : "0"}</td>
            <td data-label={t("simpul", "node")}>{node ? <State state={node.state} /> : <span class="quiet">{t("tanpa simpul", "no node")}</span>}</td>
          </tr>;
        })}</tbody>
      </table></div>}
  </section>;
}

function Mix({ title, rows, name, href }: { title: string; rows: [string, number][]; name: (x: string) => string; href: (x: string) => string }): JSX.Element {
  const most = Math.max(1, ...rows.map((r) => r[1]));
  return <section class="panel-box"><h2>{title}</h2>
    {rows.length === 0 ? <p class="empty">{t("Belum ada.", "None yet.")}</p> :
      <table class="mix"><tbody>{rows.slice(0, 12).map(([value, n]) => <tr key={value}><th scope="row">{value && value !== "none" ? <a href={href(value)}>{visible(name(value))}</a> : t("tidak disebut", "not said")}</th>
        <td><Meter part={n} whole={most} /></td><td class="n">{number(n)}</td></tr>)}</tbody></table>}
  </section>;
}

function Statuses({ x, list }: { x: Totals; list: (more: Record<string, string>) => string }): JSX.Element {
  const most = Math.max(1, ...statuses.map((s) => at(x, s)));
  return <section class="panel-box"><h2>{t("Status sekarang", "Status now")}</h2>
    <table class="mix"><tbody>{statuses.map((s) => <tr key={s}><th scope="row"><a href={list({ status: s })}>{statusText(s)}</a></th><td><Meter part={at(x, s)} whole={most} /></td><td class="n">{number(at(x, s))}</td></tr>)}</tbody></table>
    <p class="quiet">{x.rating.n > 0 ? t(`Penilaian pelapor: ${decimal(x.rating.mean ?? 0)} dari 5 (${number(x.rating.n)})`, `Reporters' rating: ${decimal(x.rating.mean ?? 0)} of 5 (${number(x.rating.n)})`) : t("Belum ada penilaian pelapor.", "No ratings yet.")}
      {" · "}{t("melewati 60 hari:", "beyond 60 days:")} <a href={list({ late: "ombudsman" })}>{number(x.late.ombudsman ?? 0)}</a></p>
  </section>;
}

function Opds({ rows, query }: { rows: Totals[]; query: Record<string, string> }): JSX.Element {
  const sorted = [...rows].sort((a, b) => b.received - a.received);
  return <section class="panel-box"><h2>OPD</h2>
    {sorted.length === 0 ? <p class="empty">{t("Belum ada disposisi ke OPD.", "Nothing is assigned to an OPD yet.")}</p> :
      <div class="scroll"><table><thead><tr><th scope="col">OPD</th><th scope="col" class="n">{t("diterima", "received")}</th><th scope="col" class="n">TL %</th><th scope="col" class="n">{t("selesai %", "completed %")}</th></tr></thead>
        <tbody>{sorted.map((x) => <tr key={x.scope}><th scope="row"><a href={link("aduan", { ...kept(query), opd: x.scope })}>{visible(x.scope)}</a> <Small n={x.received} /></th><td class="n">{number(x.received)}</td>
          <td class="n"><Bar value={followed(x)} small={x.received < SMALL} /></td><td class="n"><Bar value={completed(x)} small={x.received < SMALL} /></td></tr>)}</tbody></table></div>}
  </section>;
}

function NodesLine({ nodes }: { nodes: NodeInfo[] }): JSX.Element {
  const current = nodes.filter((n) => n.state === "current").length;
  const forked = nodes.filter((n) => n.state === "forked").length;
  const behind = nodes.length - current - nodes.filter((n) => n.state === "inactive").length;
  return <> · {number(current)} {t("dari", "of")} {number(nodes.length)} {t("simpul terkini", "nodes up to date")}
    {behind > 0 && <> · <b class="warn">{number(behind)} {t("tertinggal", "behind")}</b> (<a href={link("simpul", {})}>{t("lihat", "see")}</a>)</>}
    {forked > 0 && <> · <b class="bad">{number(forked)} {t("bercabang", "forked")}</b></>}</>;
}

export function OverviewPage({ route, session }: PageProps): JSX.Element {
  const { scope, from, to } = route.query;
  const loaded = useLoaded(`overview ${scope} ${from} ${to}`, (signal) => get<Overview>("overview", { scope, from, to }, signal));
  return <Shown loaded={loaded}>{(o) => {
    const names = new Map(Object.entries(o.names));
    const list = (more: Record<string, string>): string => link("aduan", { ...kept(route.query), ...more });
    const own = o.level === 2 ? o.nodes.find((n) => n.node === o.scope) : undefined;
    return <>
      <TrustLine trust={o.trust}>{o.level < 2 ? <NodesLine nodes={o.nodes} /> : own && <> · {t("simpul", "node")}: <State state={own.state} /> {own.seen_ms > 0 && <span class="quiet">{moment(own.seen_ms)}</span>}</>}</TrustLine>
      <div class="head"><div><ScopeLinks route={route} session={session} names={names} page="ringkasan" /><h1>{visible(scopeName(o.scope, names))}</h1></div><Period route={route} /></div>
      {own && own.conflicts > 0 && <Notice kind="warning">{number(own.conflicts)} {t("aduan menunggu keputusan.", "complaints wait for a decision.")} <a href={link("konflik", {})}>{t("Buka konflik", "Open the conflicts")}</a></Notice>}
      <Figures o={o} list={list} />
      <div class={o.level === 0 ? "two" : ""}><section class="panel-box"><h2>{t("Masuk dan selesai", "Received and completed")}</h2><Trend rows={o.trend} /></section>{o.level === 0 && <Tiles o={o} query={route.query} names={names} />}</div>
      {o.level < 2 && <Regencies o={o} query={route.query} names={names} />}
      {o.mix.opd && <Opds rows={o.mix.opd} query={route.query} />}
      <div class="three"><Statuses x={o.totals} list={list} />
        <Mix title={t("Kanal", "Channels")} rows={o.mix.channel} name={channelText} href={(channel) => list({ channel })} />
        <Mix title={t("Kategori", "Categories")} rows={o.mix.category} name={(x) => x} href={(category) => list({ category })} /></div>
    </>;
  }}</Shown>;
}
