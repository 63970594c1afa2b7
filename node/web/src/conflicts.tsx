// SPDX-License-Identifier: Apache-2.0
// Konflik: both values, both authors, both times, what is shown meanwhile; keep one, write a third, the same for all equal cases.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, post, type Card, type Register, type Session, type Sibling } from "./api";
import { useLoaded } from "./live";
import { link } from "./route";
import { Dialog, Notice, Outcome, Shown, useAct, type PageProps } from "./ui";
import { moment, number, registerText, roleText, statusText, statuses, t, valueText, visible } from "./words";

interface Item { id: string; register: string; part: string | null; take_hash?: string; value?: string; token: unknown }
interface Results { results: { id: string; done: boolean; problem: string }[] }

async function resolve(items: Item[]): Promise<string> {
  const said = await post<Results>("resolve", { items });
  const failed = said.results.filter((r) => !r.done);
  if (failed.length > 0 && failed.length === said.results.length && items.length === 1) { throw new Error(failed[0].problem); }
  return failed.length === 0 ? t(`Tercatat: ${number(said.results.length)} keputusan.`, `Recorded: ${number(said.results.length)} decisions.`)
    : t(`${number(said.results.length - failed.length)} tercatat, ${number(failed.length)} ditolak karena berubah: baca ulang.`, `${number(said.results.length - failed.length)} recorded, ${number(failed.length)} refused because they changed: read again.`);
}

const typed = new Set(["status", "title", "text", "closing", "confidential", "anonymous", "note_text", "channel", "assign"]);
const same = (a: Sibling, b: Register): boolean => JSON.stringify(a.value) === JSON.stringify(b.value);
const side = (s: Sibling): string => (s.role === "national" ? t("di pusat", "at the centre") : s.role === "ombudsman" ? "Ombudsman" : s.late ? t("pemilik lama", "former owner") : t("di daerah", "in the regency"));

export function Siblings({ id, token, reg, session, done, bulk }: { id: string; token: unknown; reg: Register; session: Session; done: () => void; bulk?: (s: Sibling) => void }): JSX.Element {
  const [third, setThird] = useState(false);
  const [value, setValue] = useState("");
  const act = useAct();
  const item = (more: Partial<Item>): Item => ({ id, register: reg.register, part: reg.part, token, ...more });
  const decide = (more: Partial<Item>): void => act.run(async () => { const said = await resolve([item(more)]); setThird(false); done(); return said; });
  return <section class="siblings" aria-label={registerText(reg.register)}>
    <h3>{registerText(reg.register)} {!reg.person && <span class="chip">{t("untuk diketahui", "for information")}</span>}</h3>
    <div class="sides">{reg.siblings.map((s) => <div key={s.hash} class="side">
      <h4>{side(s)}</h4><p class="citizen value">{valueText(s.value)}</p>
      <p class="meta"><span>{roleText(s.role)}</span><span>{s.by.node}</span><span>{moment(s.at_ms)}</span>{s.late && <span class="chip warning">{t("ditulis pemilik lama", "written by the former owner")}</span>}{s.stale && <span class="chip warning">{t("dari formulir lama", "from an old form")}</span>}{same(s, reg) && <span class="chip">{t("ditampilkan sementara", "shown meanwhile")}</span>}</p>
      {session.acts && <p class="row"><button disabled={act.busy || s.value === null} onClick={() => decide({ take_hash: s.hash })}>{t("Pakai ini", "Keep this")}</button>{bulk && <button class="plain" disabled={act.busy || s.value === null} onClick={() => bulk(s)}>{t("untuk semua yang sama…", "for all equal cases…")}</button>}</p>}
    </div>)}</div>
    {session.acts && typed.has(reg.register) && !third && <button class="plain" onClick={() => setThird(true)}>{t("Tulis nilai ketiga", "Write a third value")}</button>}
    {third && <form class="row" onSubmit={(e) => { e.preventDefault(); decide({ value }); }}>
      {reg.register === "status" ? <label>{t("nilai ketiga", "third value")} <select required value={value} onChange={(e) => setValue(e.currentTarget.value)}><option value="">–</option>{statuses.map((s) => <option key={s} value={s}>{statusText(s)}</option>)}</select></label>
        : reg.register === "confidential" || reg.register === "anonymous" ? <label>{t("nilai ketiga", "third value")} <select required value={value} onChange={(e) => setValue(e.currentTarget.value)}><option value="">–</option><option value="true">{t("ya", "yes")}</option></select></label>
          : <label class="wide">{t("nilai ketiga", "third value")} <textarea required rows={3} maxLength={16000} value={value} onInput={(e) => setValue(e.currentTarget.value)} /></label>}
      <button class="primary" disabled={act.busy}>{t("Catat", "Record")}</button><button type="button" class="plain" onClick={() => setThird(false)}>{t("Batal", "Cancel")}</button></form>}
    <Outcome act={act} />
  </section>;
}

// Equal cases: the same register with the same set of values.
const kindOf = (r: Register): string => r.register + JSON.stringify(r.siblings.map((s) => JSON.stringify(s.value)).sort());

interface Bulk { value: string; items: { card: Card; item: Item }[] }

function equalCases(cards: Card[], reg: Register, chosen: Sibling): Bulk {
  const items: Bulk["items"] = [];
  for (const card of cards) {
    for (const r of card.registers) {
      const s = kindOf(r) === kindOf(reg) ? r.siblings.find((x) => JSON.stringify(x.value) === JSON.stringify(chosen.value)) : undefined;
      if (s) { items.push({ card, item: { id: card.id, register: r.register, part: r.part, take_hash: s.hash, token: card.token } }); }
    }
  }
  return { value: valueText(chosen.value), items };
}

export function ConflictsPage({ route, session }: PageProps): JSX.Element {
  const all = route.query.semua === "1";
  const loaded = useLoaded(`conflicts ${all}`, (signal) => get<{ cards: Card[]; more: boolean }>("conflicts", { all: all ? "1" : undefined }, signal));
  const [bulk, setBulk] = useState<Bulk | null>(null);
  const act = useAct();
  return <>
    <div class="head"><h1>{t("Konflik", "Conflicts")}</h1><p class="row"><a class="choice" aria-current={!all ? "page" : undefined} href={link("konflik", {})}>{t("perlu keputusan", "need a decision")}</a><a class="choice" aria-current={all ? "page" : undefined} href={link("konflik", { semua: "1" })}>{t("semua yang berbeda", "all that differ")}</a></p></div>
    <Outcome act={act} />
    <Shown loaded={loaded}>{(data) => <>
      {data.cards.length === 0 && <section class="panel-box"><p class="empty">{t("Tidak ada yang menunggu keputusan.", "Nothing waits for a decision.")}</p></section>}
      {data.cards.map((card) => <article key={card.id} class="panel-box">
        <header class="row"><h2><a href={link("aduan/" + card.id, {})}>{visible(card.title) || t("(tanpa judul)", "(no title)")}</a></h2><span class="quiet">{card.owner}</span></header>
        {card.registers.filter((r) => all || r.person).map((r) => <Siblings key={r.register + (r.part ?? "")} id={card.id} token={card.token} reg={r} session={session} done={loaded.reload}
          bulk={equalCases(data.cards, r, r.siblings[0]).items.length > 1 ? (s) => setBulk(equalCases(data.cards, r, s)) : undefined} />)}
      </article>)}
      {data.more && <Notice kind="info">{t("Ada lagi; putuskan yang ini dahulu.", "There are more; decide these first.")}</Notice>}
    </>}</Shown>
    {bulk && <Dialog title={t("Keputusan yang sama untuk semua yang sama", "The same decision for all equal cases")} onClose={() => setBulk(null)}>
      <p>{t("Nilai yang dipakai:", "Value that is kept:")} <b>{bulk.value}</b></p>
      <ul class="preview">{bulk.items.map(({ card, item }) => <li key={item.id + (item.part ?? "")}>{visible(card.title) || card.id} <span class="quiet">{card.owner}</span></li>)}</ul>
      <button class="primary" disabled={act.busy} onClick={() => act.run(async () => { const said = await resolve(bulk.items.map((x) => x.item)); setBulk(null); loaded.reload(); return said; })}>{t(`Catat ${bulk.items.length} keputusan`, `Record ${bulk.items.length} decisions`)}</button>
    </Dialog>}
  </>;
}
