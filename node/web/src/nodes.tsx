// SPDX-License-Identifier: Apache-2.0
// Simpul: a row per node: state in words, and what to do.
import type { JSX } from "preact";
import { get, type Health, type NodeDetail, type Nodes } from "./api";
import { useLoaded } from "./live";
import { link } from "./route";
import { Notice, Shown, State, TrustLine, type PageProps } from "./ui";
import { ago, bytes, moment, number, t, visible } from "./words";

const MINUTE = 60000;
const SKEWED_MS = 5 * MINUTE;
const LAGGING_MS = 60 * MINUTE;
const certificateDays = (h: Health, now: number): number | null => (h.certificate_end_ms > 0 ? Math.floor((h.certificate_end_ms - now) / 86400000) : null);
const minutes = (ms: number): number => Math.round(Math.abs(ms) / MINUTE);
// A skew can be shown only where the node still speaks: its clock may have been set since.
const lag = (n: NodeDetail, now: number): number | null => (n.health && n.health.caught_up_ms > 0 ? Math.max(0, now - n.health.caught_up_ms) : null);

export function span(ms: number): string {
  const m = Math.round(ms / MINUTE);
  return m < 2 ? t("terkini", "up to date") : m < 90 ? t(`${m} menit`, `${m} min`) : m < 2160 ? t(`${Math.round(m / 60)} jam`, `${Math.round(m / 60)} h`) : t(`${Math.round(m / 1440)} hari`, `${Math.round(m / 1440)} days`);
}

function healthToDo(h: Health, now: number, version: string): string[] {
  const days = certificateDays(h, now);
  const todo: string[] = [];
  if (days !== null && days < 0) { todo.push(t("Sertifikatnya sudah habis: terbitkan yang baru (simpul pki issue) dan pasang di sana.", "Its certificate has ended: issue a new one (simpul pki issue) and install it there.")); }
  else if (days !== null && days < 30) { todo.push(t(`Sertifikatnya habis ${days} hari lagi: terbitkan yang baru.`, `Its certificate ends in ${days} days: issue a new one.`)); }
  if (Math.abs(h.skew_ms) > SKEWED_MS) { todo.push(t(`Jamnya meleset ${minutes(h.skew_ms)} menit: minta NTP dinyalakan.`, `Its clock is ${minutes(h.skew_ms)} minutes off: have NTP switched on.`)); }
  if (h.connectors_stuck > 0) { todo.push(t("Penghubung ke sistem lokalnya berhenti: periksa basis data lokal di sana (simpul status).", "Its connector to the local system stands still: check the local database there (simpul status).")); }
  if (h.quarantine > 0) { todo.push(t("Ada baris yang ditolak: buka Karantina di simpul itu dan perbaiki pemetaan atau barisnya.", "Rows were refused: open Quarantine at that node and mend the mapping or the row.")); }
  if (h.version && h.version !== version) { todo.push(t(`Versi ${visible(h.version)} berbeda dari pusat (${version}): jadwalkan pembaruan.`, `Version ${visible(h.version)} differs from the hub's (${version}): plan an update.`)); }
  return todo;
}

function toDo(n: NodeDetail, here: boolean, now: number, version: string): string[] {
  const todo: string[] = [];
  const behind = lag(n, now);
  switch (n.state) {
    case "behind": todo.push(t("Hubungi Diskominfo-nya: periksa listrik, internet, dan `simpul status` di sana. Perubahan tidak hilang; terkirim saat tersambung.", "Call its office: check power, internet and `simpul status` there. No change is lost; it is sent once connected.")); break;
    case "unheard": todo.push(here ? t("Belum tersambung ke pusat sejak mulai: lihat kartu di atas.", "Not connected to the hub since start: see the card above.") : t("Belum pernah terdengar: pastikan sudah dipasang dan dijalankan.", "Never heard: see that it is installed and runs.")); break;
    case "forked": todo.push(t("Log-nya bercabang: biasanya salinan lama dipulihkan atau dua salinan berjalan. Lihat PANDUAN operator, \u201cBackup and restore\u201d.", "Its log forked: usually an old copy was restored or two copies run. See the operator's guide, \u201cBackup and restore\u201d.")); break;
    case "inactive": return [t("Tidak lagi terdaftar aktif.", "No longer registered as active.")];
    default:
      if (behind !== null && behind > LAGGING_MS) { todo.push(t("Terhubung, tetapi belum terkejar: mungkin muatan pertama atau jaringan lambat. Lihat lagi sebentar.", "Connected, but not caught up: perhaps a first load or a slow line. Look again in a while.")); }
  }
  if (n.health) { todo.push(...healthToDo(n.health, now, version)); }
  if (n.conflicts > 0) { todo.push(t("Ada aduan yang menunggu keputusan.", "Complaints wait for a decision.")); }
  return todo;
}

// Lag over the last day, a quarter of an hour a step; the scale is at least an hour, so that seconds do not look like mountains.
function Spark({ lags, now }: { lags: number[]; now: number }): JSX.Element | null {
  if (lags.length < 2) { return null; }
  const top = Math.max(60, ...lags);
  const points = lags.map((l, i) => `${(100 * i) / (lags.length - 1)},${19 - (18 * l) / top}`).join(" ");
  const worst = Math.max(...lags);
  const label = t(`kelambatan sejak ${moment(now - lags.length * 15 * MINUTE)}: paling lama ${span(worst * MINUTE)}`, `lag since ${moment(now - lags.length * 15 * MINUTE)}: at most ${span(worst * MINUTE)}`);
  return <svg class="spark" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label={label}><title>{label}</title><polyline points={points} /></svg>;
}

function Here({ here }: { here: NonNullable<Nodes["here"]> }): JSX.Element {
  const link_ = here.hub_link;
  const skewed = link_ && Math.abs(link_.skew_ms) > 5 * 60 * 1000;
  const oldCertificate = here.certificate_days !== null && here.certificate_days < 30;
  return <section class="panel-box"><h2>{t("Simpul ini", "This node")}: {here.self}</h2>
    {skewed && <Notice kind="danger">{t(`Jam meleset ${Math.round(link_.skew_ms / 60000)} menit dari pusat: nyalakan NTP.`, `The clock is ${Math.round(link_.skew_ms / 60000)} minutes off the hub's: switch NTP on.`)}</Notice>}
    {oldCertificate && <Notice kind="warning">{t(`Sertifikat berlaku ${here.certificate_days} hari lagi: terbitkan yang baru (simpul pki issue).`, `The certificate ends in ${here.certificate_days} days: issue a new one (simpul pki issue).`)}</Notice>}
    {here.quarantine > 0 && <Notice kind="warning"><a href={link("karantina", {})}>{number(here.quarantine)} {t("entri di karantina", "entries in quarantine")}</a></Notice>}
    <dl class="facts wide">
      {link_ && <><dt>{t("hubungan ke pusat", "link to the hub")}</dt><dd>{visible(link_.sentence)}{link_.problem && <> · {visible(link_.problem)}</>}</dd></>}
      {link_ && <><dt>{t("selisih jam", "clock skew")}</dt><dd>{number(Math.round(link_.skew_ms / 1000))} s</dd></>}
      <dt>{t("menunggu dikirim", "waiting to be sent")}</dt><dd>{number(here.waiting)}</dd>
      <dt>{t("karantina", "quarantine")}</dt><dd>{number(here.quarantine)}</dd>
      <dt>{t("ukuran basis data", "store size")}</dt><dd>{bytes(here.store_bytes)}</dd>
      <dt>{t("sertifikat", "certificate")}</dt><dd>{here.certificate_days === null ? "–" : t(`${here.certificate_days} hari lagi`, `${here.certificate_days} days left`)}</dd>
      <dt>{t("berjalan sejak", "running since")}</dt><dd>{moment(here.started_ms)}</dd>
      <dt>{t("versi", "version")}</dt><dd>{here.version} · epoch {here.epoch}</dd>
    </dl>
    {here.connectors && here.connectors.length > 0 && <div class="scroll"><table><caption>{t("Penghubung ke sistem lokal", "Connectors to local systems")}</caption>
      <thead><tr><th scope="col">{t("nama", "name")}</th><th scope="col">{t("keadaan", "state")}</th><th scope="col" class="n">{t("diambil", "captured")}</th><th scope="col" class="n">{t("ditulis", "written")}</th><th scope="col" class="n">{t("antre", "waiting")}</th><th scope="col">{t("masalah", "problem")}</th></tr></thead>
      <tbody>{here.connectors.map((c) => <tr key={c.name}><th scope="row">{c.name}</th><td>{c.state}</td><td class="n">{number(c.captured)}</td><td class="n">{number(c.written)}</td><td class="n">{number(c.outbox + c.due)}</td><td>{visible(c.problem)}</td></tr>)}</tbody></table></div>}
  </section>;
}

const worst: Record<string, number> = { forked: 0, behind: 1, unheard: 2, current: 3, inactive: 4 };

function Row({ n, data }: { n: NodeDetail; data: Nodes }): JSX.Element {
  const now = data.trust.now_ms;
  const h = n.health;
  const days = h ? certificateDays(h, now) : null;
  const behind = lag(n, now);
  const todo = toDo(n, data.here?.self === n.node, now, data.version);
  const skewed = h && Math.abs(h.skew_ms) > SKEWED_MS;
  return <tr data-node={n.node}>
    <th scope="row"><a href={link("ringkasan", { scope: n.node })}>{visible(n.name || n.node)}</a> <small class="quiet">{n.node}</small></th>
    <td data-label={t("keadaan", "state")}><State state={n.state} /></td>
    <td data-label={t("terakhir terdengar", "last heard")}>{n.seen_ms ? <span title={moment(n.seen_ms)}>{ago(n.seen_ms, now)}</span> : "–"}</td>
    <td data-label={t("kelambatan", "lag")} data-field="lag">{behind === null ? "–" : <span class={behind > LAGGING_MS ? "warn" : ""}>{span(behind)}</span>}<Spark lags={n.lags} now={now} /></td>
    <td class="n" data-label={t("menunggu", "waiting")} data-field="waiting">{h ? number(h.waiting) : "–"}</td>
    <td class="n" data-label={t("konflik", "conflicts")}>{n.conflicts ? <a href={link("aduan", { scope: n.node, conflict: "1", from: "2000-01-01" })}>{number(n.conflicts)}</a> : "0"}</td>
    <td class="n" data-label={t("karantina", "quarantine")} data-field="quarantine">{h ? <span class={h.quarantine ? "warn" : ""}>{number(h.quarantine)}{h.quarantine >= 1000 && "+"}</span> : "–"}</td>
    <td class="n" data-label={t("selisih jam", "clock skew")} data-field="skew">{h ? <span class={skewed ? "warn" : ""}>{Math.abs(h.skew_ms) < 2000 ? "0" : skewed ? t(`${minutes(h.skew_ms)} menit`, `${minutes(h.skew_ms)} min`) : `${number(Math.round(Math.abs(h.skew_ms) / 1000))} ${t("dtk", "s")}`}</span> : "–"}</td>
    <td class="n" data-label={t("sertifikat", "certificate")} data-field="certificate">{days === null ? "–" : <span class={days < 30 ? "warn" : ""}>{t(`${number(days)} hari`, `${number(days)} days`)}</span>}</td>
    <td data-label={t("versi", "version")} data-field="version">{h ? visible(h.version) : "–"}{n.epoch > 1 && <small class="quiet"> e{n.epoch}</small>}</td>
    <td class="todo" data-label={t("yang perlu dilakukan", "what to do")}>{todo.length === 0 ? t("Tidak ada.", "Nothing.") : todo.map((line) => <div key={line}>{line}</div>)}</td></tr>;
}

export function NodesPage(_: PageProps): JSX.Element {
  const loaded = useLoaded("nodes", (signal) => get<Nodes>("nodes", {}, signal));
  return <Shown loaded={loaded}>{(data) => <>
    <TrustLine trust={data.trust} />
    <h1>{t("Simpul", "Nodes")}</h1>
    {data.here && <Here here={data.here} />}
    <section class="panel-box"><h2>{t("Semua simpul", "All nodes")} <span class="quiet">{number(data.nodes.length)}</span></h2>
      {data.nodes.length === 0 ? <p class="empty">{t("Belum ada simpul terdaftar untuk wilayah ini.", "No node is registered for this region yet.")}</p> :
        <div class="scroll"><table class="cards nodes"><thead><tr><th scope="col">{t("simpul", "node")}</th><th scope="col">{t("keadaan", "state")}</th><th scope="col">{t("terdengar", "heard")}</th><th scope="col">{t("kelambatan, 24 jam", "lag, 24 h")}</th>
          <th scope="col" class="n">{t("menunggu", "waiting")}</th><th scope="col" class="n">{t("konflik", "conflicts")}</th><th scope="col" class="n">{t("karantina", "quarantine")}</th><th scope="col" class="n">{t("selisih jam", "clock skew")}</th><th scope="col" class="n">{t("sertifikat", "certificate")}</th><th scope="col">{t("versi", "version")}</th><th scope="col">{t("yang perlu dilakukan", "what to do")}</th></tr></thead>
          <tbody>{[...data.nodes].sort((a, b) => worst[a.state] - worst[b.state] || a.node.localeCompare(b.node)).map((n) => <Row key={n.node} n={n} data={data} />)}</tbody></table></div>}
      <p class="quiet">{t("Menunggu, karantina, sertifikat dan versi adalah kata simpul itu sendiri, dilaporkan tiap setengah menit. Kelambatan: sejak kapan pusat dan simpul tidak lagi memegang semuanya satu dari yang lain.", "Waiting, quarantine, certificate and version are the node's own word, reported every half minute. Lag: since when hub and node do not hold everything of each other.")}</p>
    </section>
  </>}</Shown>;
}
