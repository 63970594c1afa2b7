// SPDX-License-Identifier: Apache-2.0
// Simpul: a row per node: state in words, and what to do.
import type { JSX } from "preact";
import { get, type NodeInfo, type Nodes } from "./api";
import { useLoaded } from "./live";
import { link } from "./route";
import { Notice, Shown, State, TrustLine, type PageProps } from "./ui";
import { ago, bytes, moment, number, t, visible } from "./words";

function toDo(n: NodeInfo, here: boolean): string {
  switch (n.state) {
    case "behind": return t("Hubungi Diskominfo-nya: periksa listrik, internet, dan `simpul status` di sana. Perubahan tidak hilang; terkirim saat tersambung.", "Call its office: check power, internet and `simpul status` there. No change is lost; it is sent once connected.");
    case "unheard": return here ? t("Belum tersambung ke pusat sejak mulai: lihat kartu di atas.", "Not connected to the hub since start: see the card above.") : t("Belum terdengar sejak pusat dimulai ulang. Tunggu beberapa menit, lalu hubungi.", "Not heard since the hub was restarted. Wait some minutes, then call.");
    case "forked": return t("Log-nya bercabang: biasanya salinan lama dipulihkan atau dua salinan berjalan. Lihat PANDUAN operator, \u201cBackup and restore\u201d.", "Its log forked: usually an old copy was restored or two copies run. See the operator's guide, \u201cBackup and restore\u201d.");
    case "inactive": return t("Tidak lagi terdaftar aktif.", "No longer registered as active.");
    default: return n.conflicts > 0 ? t("Ada aduan yang menunggu keputusan.", "Complaints wait for a decision.") : t("Tidak ada.", "Nothing.");
  }
}

function Here({ here }: { here: NonNullable<Nodes["here"]> }): JSX.Element {
  const link_ = here.hub_link;
  const skewed = link_ && Math.abs(link_.skew_ms) > 5 * 60 * 1000;
  const oldCertificate = here.certificate_days !== null && here.certificate_days < 30;
  return <section class="panel-box"><h2>{t("Simpul ini", "This node")}: {here.self}</h2>
    {skewed && <Notice kind="danger">{t(`Jam meleset ${Math.round(link_.skew_ms / 60000)} menit dari pusat: nyalakan NTP.`, `The clock is ${Math.round(link_.skew_ms / 60000)} minutes off the hub's: switch NTP on.`)}</Notice>}
    {oldCertificate && <Notice kind="warning">{t(`Sertifikat berlaku ${here.certificate_days} hari lagi: terbitkan yang baru (simpul pki issue).`, `The certificate ends in ${here.certificate_days} days: issue a new one (simpul pki issue).`)}</Notice>}
    {here.quarantine > 0 && <Notice kind="warning"><a href={link("karantina", {})}>{number(here.quarantine)} {t("entri di karantina", "entries in quarantine")}</a></Notice>}
    <dl class="facts">
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

export function NodesPage(_: PageProps): JSX.Element {
  const loaded = useLoaded("nodes", (signal) => get<Nodes>("nodes", {}, signal));
  return <Shown loaded={loaded}>{(data) => <>
    <TrustLine trust={data.trust} />
    <h1>{t("Simpul", "Nodes")}</h1>
    {data.here && <Here here={data.here} />}
    <section class="panel-box"><h2>{t("Semua simpul", "All nodes")} <span class="quiet">{number(data.nodes.length)}</span></h2>
      {data.nodes.length === 0 ? <p class="empty">{t("Belum ada simpul terdaftar untuk wilayah ini.", "No node is registered for this region yet.")}</p> :
        <div class="scroll"><table class="cards"><thead><tr><th scope="col">{t("simpul", "node")}</th><th scope="col">{t("keadaan", "state")}</th><th scope="col">{t("terakhir terdengar", "last heard")}</th><th scope="col" class="n">{t("aduan", "complaints")}</th>
          <th scope="col" class="n">{t("konflik", "conflicts")}</th><th scope="col" class="n">{t("perubahan", "changes")}</th><th scope="col">{t("yang perlu dilakukan", "what to do")}</th></tr></thead>
          <tbody>{[...data.nodes].sort((a, b) => worst[a.state] - worst[b.state] || a.node.localeCompare(b.node)).map((n) => <tr key={n.node}>
            <th scope="row"><a href={link("ringkasan", { scope: n.node })}>{visible(n.name || n.node)}</a> <small class="quiet">{n.node}</small></th>
            <td data-label={t("keadaan", "state")}><State state={n.state} /></td>
            <td data-label={t("terakhir terdengar", "last heard")}>{n.seen_ms ? <span title={moment(n.seen_ms)}>{ago(n.seen_ms, data.trust.now_ms)}</span> : "–"}</td>
            <td class="n" data-label={t("aduan", "complaints")}>{number(n.records)}</td>
            <td class="n" data-label={t("konflik", "conflicts")}>{n.conflicts ? <a href={link("aduan", { scope: n.node, conflict: "1", from: "2000-01-01" })}>{number(n.conflicts)}</a> : "0"}</td>
            <td class="n" data-label={t("perubahan", "changes")}>{number(n.leaves)}{n.epoch > 1 && <small class="quiet"> e{n.epoch}</small>}</td>
            <td class="todo" data-label={t("yang perlu dilakukan", "what to do")}>{toDo(n, data.here?.self === n.node)}</td></tr>)}</tbody></table></div>}
    </section>
  </>}</Shown>;
}
