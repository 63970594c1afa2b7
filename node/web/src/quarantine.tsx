// SPDX-License-Identifier: Apache-2.0
// Karantina: rows and entries of this node that could not be applied, by reason.
import type { JSX } from "preact";
import { get, post, type Entry } from "./api";
import { useLoaded } from "./live";
import { link } from "./route";
import { Outcome, Shown, useAct, type PageProps } from "./ui";
import { moment, number, registerText, t, visible } from "./words";

export function QuarantinePage({ session }: PageProps): JSX.Element {
  const loaded = useLoaded("quarantine", (signal) => get<{ entries: Entry[] }>("quarantine", {}, signal));
  const act = useAct();
  return <>
    <div class="head"><h1>{t("Karantina", "Quarantine")}</h1>{session.acts && session.here === "regency" && <button disabled={act.busy} onClick={() => act.run(async () => { await post("quarantine/retry", {}); loaded.reload(); return t("Semua baris dibaca ulang.", "Every row is read again."); })}>{t("Coba lagi semua", "Try all again")}</button>}</div>
    <Outcome act={act} />
    <Shown loaded={loaded}>{(data) => {
      const groups = new Map<string, Entry[]>();
      for (const e of data.entries) { groups.set(e.reason, [...(groups.get(e.reason) ?? []), e]); }
      return groups.size === 0 ? <section class="panel-box"><p class="empty">{t("Karantina kosong: semua yang diterima sudah diterapkan.", "The quarantine is empty: everything received was applied.")}</p></section> : <>
        {[...groups.entries()].sort((a, b) => b[1].length - a[1].length).map(([reason, entries]) => <section key={reason} class="panel-box"><h2>{visible(reason)} <span class="quiet">{number(entries.length)}</span></h2>
          <div class="scroll"><table><thead><tr><th scope="col">{t("tempat", "where")}</th><th scope="col">{t("kolom", "field")}</th><th scope="col">{t("sejak", "since")}</th><th scope="col">{t("aduan", "complaint")}</th></tr></thead>
            <tbody>{entries.slice(0, 200).map((e, i) => <tr key={i}><th scope="row">{e.kind === "row" ? `${visible(e.table ?? "")} ${visible(e.key ?? "")}` : `log ${e.stream}, ${t("entri", "entry")} ${e.seq}`}</th><td>{visible(e.column || "") || (e.register ? registerText(e.register) : "–")}</td><td>{moment(e.at_ms)}</td><td>{e.record ? <a href={link("aduan/" + e.record, {})}>{t("buka", "open")}</a> : "–"}</td></tr>)}</tbody></table></div></section>)}
      </>;
    }}</Shown>
  </>;
}
