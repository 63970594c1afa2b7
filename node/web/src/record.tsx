// SPDX-License-Identifier: Apache-2.0
// One complaint: text, place, status with deadlines, siblings side by side, follow-ups, the timeline with its log entries, and the acts.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, post, type NodeInfo, type Change, type Complaint, type Leaf, type Register, type Session } from "./api";
import { Siblings } from "./conflicts";
import { useLoaded } from "./live";
import { kept, link } from "./route";
import { Dialog, Notice, Outcome, Shown, Status, useAct, type PageProps } from "./ui";
import { channelText, kindText, moment, number, registerText, roleText, statusText, statuses, t, valueText, visible } from "./words";

const own = (c: Complaint, name: string): Register | undefined => c.registers.find((r) => r.register === name && r.part === null);
const shown = (c: Complaint, name: string): unknown => own(c, name)?.value;

function LeafDialog({ change, onClose }: { change: Change; onClose: () => void }): JSX.Element {
  const loaded = useLoaded(`leaf ${change.stream} ${change.seq}`, (signal) => get<Leaf>("leaf", { stream: String(change.stream), seq: String(change.seq) }, signal));
  return <Dialog title={t("Tercatat dan terverifikasi", "Recorded and verified")} onClose={onClose}>
    <Shown loaded={loaded}>{(leaf) => <>
      <p>{t("Perubahan ini adalah satu daun dalam log yang hanya bisa bertambah. Tanda tangan di bawah mencakup semua daun sebelumnya, jadi tidak bisa diubah tanpa ketahuan.", "This change is one leaf of a log that can only grow. The signature below covers every leaf before it, so it cannot be altered unseen.")}</p>
      <dl class="facts"><dt>log</dt><dd>{leaf.stream.node} · epoch {leaf.stream.epoch} · {leaf.stream.scope}</dd><dt>{t("posisi", "position")}</dt><dd>{number(leaf.seq)} {t("dari", "of")} {number(leaf.stream.size)}</dd>
        <dt>{t("sidik daun", "leaf hash")}</dt><dd><code>{change.hash}</code></dd><dt>{t("akar pohon", "tree root")}</dt><dd><code>{leaf.root}</code></dd>
        <dt>{t("bukti", "proof")}</dt><dd>{t(`${leaf.proof.length} sidik dari daun ke akar`, `${leaf.proof.length} hashes from the leaf to the root`)}</dd></dl>
      <h3>{t("Titik periksa bertanda tangan", "Signed checkpoint")}</h3><pre>{leaf.checkpoint || t("(belum ditandatangani)", "(not signed yet)")}</pre></>}</Shown>
  </Dialog>;
}

function Timeline({ changes }: { changes: Change[] }): JSX.Element {
  const [open, setOpen] = useState<Change | null>(null);
  return <section class="panel-box"><h2>{t("Riwayat", "Timeline")}</h2>
    <ol class="timeline">{[...changes].reverse().map((c) => <li key={c.hash} class={c.state === "applied" ? "" : "odd"}>
      <b>{kindText(c.kind)}</b>{c.registers.length > 0 && <span> {c.registers.map(registerText).join(", ")}</span>}
      <span class="meta"><span>{moment(c.at_ms)}</span><span>{roleText(c.role)}</span>{c.actor && <span>{visible(c.actor)}</span>}<span>{t("di", "at")} {c.by.node}</span>
        {c.state !== "applied" && <span class="chip warning">{({ parked: t("menunggu perubahan lain", "waits for other changes"), void: t("tanpa akibat (tidak berhak)", "no effect (no right)"), forked: t("bertentangan", "contradicts"), erased: t("isi dihapus", "content erased") } as Record<string, string>)[c.state] ?? c.state}</span>}
        <button class="verified" onClick={() => setOpen(c)}>{c.acked ? t("✓ tercatat & terverifikasi", "✓ recorded & verified") : t("tercatat di sini, belum di pusat", "recorded here, not at the hub yet")}</button></span></li>)}</ol>
    {open && <LeafDialog change={open} onClose={() => setOpen(null)} />}
  </section>;
}

function Notes({ c }: { c: Complaint }): JSX.Element {
  const parts = new Map<string, Record<string, Register>>();
  for (const r of c.registers) { if (r.part) { const p = parts.get(r.part) ?? {}; p[r.register] = r; parts.set(r.part, p); } }
  const notes = [...parts.entries()].filter(([, p]) => p.note_text && p.note_hidden?.value !== true);
  const files = [...parts.entries()].filter(([, p]) => p.attach_name || p.attach_hash);
  const at = (p: Record<string, Register>): number => { const given = Date.parse(String(p.note_at?.value ?? "")); return Number.isNaN(given) ? p.note_text?.siblings[0]?.at_ms ?? 0 : given; };
  notes.sort((a, b) => at(a[1]) - at(b[1]));
  return <>
    <section class="panel-box"><h2>{t("Tindak lanjut", "Follow-ups")} <span class="quiet">{notes.length}</span></h2>
      {notes.length === 0 ? <p class="empty">{t("Belum ada tindak lanjut.", "No follow-up yet.")}</p> : <ul class="notes">{notes.map(([part, p]) => <li key={part}>
        <p class="citizen">{valueText(p.note_text.value)}</p><span class="meta"><span>{moment(at(p))}</span>{p.note_author && <span>{valueText(p.note_author.value)}</span>}{p.note_internal?.value === true && <span class="chip">internal</span>}{p.note_text.conflict && <span class="chip warning">{t("berbeda versi", "versions differ")}</span>}</span></li>)}</ul>}
    </section>
    {files.length > 0 && <section class="panel-box"><h2>{t("Lampiran", "Attachments")}</h2><ul class="notes">{files.map(([part, p]) => <li key={part}><b>{valueText(p.attach_name?.value)}</b> <span class="meta"><span>{valueText(p.attach_type?.value)}</span><span>{valueText(p.attach_size?.value)} byte</span><span class="quiet">{t("isi berkas tidak disalin ke simpul ini", "the file's bytes are not copied to this node")}</span></span></li>)}</ul></section>}
  </>;
}

function Acts({ c, session, reload }: { c: Complaint; session: Session; reload: () => void }): JSX.Element {
  const [open, setOpen] = useState<"" | "status" | "note" | "route">("");
  const [value, setValue] = useState("");
  const [reason, setReason] = useState("");
  const [regions, setRegions] = useState<NodeInfo[]>([]);
  const act = useAct();
  const routeOpen = (): void => { setOpen("route"); get<{ nodes: NodeInfo[] }>("nodes").then((n) => setRegions(n.nodes), () => undefined); };
  const close = (): void => { setOpen(""); setValue(""); setReason(""); };
  const send = (path: string, body: object, done: string): void => act.run(async () => { await post(path, { id: c.id, token: c.token, ...body }); close(); reload(); return done; });
  return <section class="acts" aria-label={t("Tindakan", "Acts")}>
    <div class="row"><button onClick={() => setOpen("note")}>{t("Tulis tindak lanjut", "Write a follow-up")}</button><button onClick={() => { setOpen("status"); setValue(String(shown(c, "status") ?? "")); }}>{t("Ubah status", "Change status")}</button>
      {session.here === "hub" && <button onClick={routeOpen}>{t("Pindahkan ke wilayah lain", "Re-route")}</button>}</div>
    {!open && <Outcome act={act} />}
    {open === "note" && <Dialog title={t("Tindak lanjut", "Follow-up")} onClose={close}><form onSubmit={(e) => { e.preventDefault(); send("note", { text: value, internal: reason === "internal" }, t("Tindak lanjut tercatat.", "The follow-up is recorded.")); }}>
      <label>{t("isi", "text")}<textarea required rows={5} maxLength={8000} value={value} onInput={(e) => setValue(e.currentTarget.value)} /></label>
      <label class="check"><input type="checkbox" onChange={(e) => setReason(e.currentTarget.checked ? "internal" : "")} /> {t("hanya untuk kantor, bukan untuk pelapor", "for the offices only, not for the citizen")}</label>
      <Outcome act={act} /><button class="primary" disabled={act.busy}>{t("Catat", "Record")}</button></form></Dialog>}
    {open === "status" && <Dialog title={t("Ubah status", "Change status")} onClose={close}><form onSubmit={(e) => { e.preventDefault(); send("edit", { register: "status", value }, t("Status tercatat.", "The status is recorded.")); }}>
      <label>status<select value={value} onChange={(e) => setValue(e.currentTarget.value)}>{statuses.map((s) => <option key={s} value={s}>{statusText(s)}</option>)}</select></label>
      <Outcome act={act} /><button class="primary" disabled={act.busy}>{t("Catat", "Record")}</button></form></Dialog>}
    {open === "route" && <Dialog title={t("Pindahkan ke wilayah lain", "Re-route")} onClose={close}><form onSubmit={(e) => { e.preventDefault(); send("route", { region: value.trim(), reason }, t("Dipindahkan; pemilik baru menerima riwayatnya.", "Re-routed; the new owner receives its history.")); }}>
      <label>{t("wilayah tujuan: ketik nama atau kode", "new region: type its name or code")}<input required pattern="[a-z0-9.]{2,16}" placeholder="64.09" list="regions" value={value} onInput={(e) => setValue(e.currentTarget.value)} /></label>
      <datalist id="regions">{regions.filter((n) => n.node !== c.owner && n.state !== "inactive").map((n) => <option key={n.node} value={n.node}>{visible(n.name)}</option>)}</datalist>
      <label>{t("alasan (dibaca pemilik lama dan baru)", "reason (the old and the new owner read it)")}<textarea required rows={3} maxLength={2000} value={reason} onInput={(e) => setReason(e.currentTarget.value)} /></label>
      <Outcome act={act} /><button class="primary" disabled={act.busy}>{t("Pindahkan", "Re-route")}</button></form></Dialog>}
  </section>;
}

function Facts({ c }: { c: Complaint }): JSX.Element {
  const line = (name: string, text: string | undefined): JSX.Element | null => (text ? <><dt>{name}</dt><dd>{text}</dd></> : null);
  const when = (name: string): string | undefined => { const v = shown(c, name); return typeof v === "string" && v ? moment(Date.parse(v)) : undefined; };
  const place = shown(c, "place") as { region?: string; village?: string; address?: string } | undefined | null;
  const of = (name: string): string | undefined => { const v = shown(c, name); return v === undefined ? undefined : valueText(v); };
  return <dl class="facts">
    {line(t("wilayah", "region"), c.owner)}{line("OPD", of("assign"))}{line(t("klasifikasi", "classification"), of("class"))}
    {line(t("kanal", "channel"), shown(c, "channel") === undefined ? undefined : channelText(String(shown(c, "channel"))))}
    {line(t("tempat", "place"), place ? [place.address, place.village, place.region].filter(Boolean).map((x) => visible(String(x))).join(", ") : undefined)}
    {line(t("nomor", "references"), of("refs"))}{line(t("kejadian", "incident"), when("time_incident"))}{line(t("diterima", "received"), when("time_received"))}{line(t("disposisi", "disposed"), when("time_disposed"))}
    {line(t("tindak lanjut pertama", "first follow-up"), when("time_followed_up"))}{line(t("selesai", "closed"), when("time_closed"))}{line(t("penilaian", "rating"), of("rating"))}
    {line(t("pelapor", "reporter"), shown(c, "anonymous") !== false ? t("anonim", "anonymous") : own(c, "reporter") ? t("tersegel; hanya terbaca di simpul pemiliknya", "sealed; readable at its owner's node only") : t("tidak disertakan", "not included"))}
  </dl>;
}

export function RecordPage({ route, session }: PageProps): JSX.Element {
  const id = route.page.split("/")[1] ?? "";
  const loaded = useLoaded("record " + id, (signal) => get<Complaint>("record", { id }, signal));
  return <Shown loaded={loaded}>{(c) => {
    const differ = c.registers.filter((r) => r.conflict);
    return <article>
      <nav class="crumbs"><a href={link("aduan", kept(route.query))}>{t("Aduan", "Complaints")}</a></nav>
      <header class="record-head"><h1>{valueText(shown(c, "title") ?? t("(tanpa judul)", "(no title)"))}</h1>
        <p class="meta">{shown(c, "status") !== undefined && <Status name={typeof shown(c, "status") === "string" ? String(shown(c, "status")) : String((shown(c, "status") as { status?: string } | null)?.status ?? "")} />}{shown(c, "confidential") !== false && <span class="chip">{t("rahasia", "confidential")}</span>}{shown(c, "anonymous") !== false && <span class="chip">{t("anonim", "anonymous")}</span>}{c.withdrawn && <span class="chip warning">{t("ditarik", "withdrawn")}</span>}<code class="quiet">{c.id}</code></p></header>
      {session.acts && <Acts c={c} session={session} reload={loaded.reload} />}
      {differ.length > 0 && <section class="panel-box attention"><h2>{t("Berbeda di dua tempat", "Different in two places")}</h2>
        {differ.map((r) => <Siblings key={r.register + (r.part ?? "")} id={c.id} token={c.token} reg={r} session={session} done={loaded.reload} />)}</section>}
      <div class="two"><section class="panel-box"><h2>{t("Isi", "Text")}</h2><p class="citizen">{valueText(shown(c, "text") ?? "")}</p>{shown(c, "closing") !== undefined && <><h3>{t("Jawaban", "Answer")}</h3><p class="citizen">{valueText(shown(c, "closing"))}</p></>}</section>
        <section class="panel-box"><h2>{t("Keterangan", "Facts")}</h2><Facts c={c} /></section></div>
      <Notes c={c} />
      <Timeline changes={c.timeline} />
      {c.timeline.some((x) => x.state === "parked") && <Notice kind="warning">{t("Sebagian perubahan menunggu perubahan lain yang masih di perjalanan.", "Some changes wait for others that are still on their way.")}</Notice>}
    </article>;
  }}</Shown>;
}
