// SPDX-License-Identifier: Apache-2.0
// Pieces that several pages share.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { NodeState, Problem, Session, Trust } from "./api";
import { useConnected, type Loaded } from "./live";
import { provinceName } from "./provinces";
import { dayOfIso, dayText, isoDay, number, statusText, t, time, today } from "./words";
import { go, kept, link, type Route } from "./route";

export interface PageProps { route: Route; session: Session }

export function problemText(problem: Problem): string {
  switch (problem.code) {
    case "offline": return t("Server tidak terjangkau. Data terakhir tetap ditampilkan; dicoba lagi otomatis.", "The server cannot be reached. The last data stays; it is tried again by itself.");
    case "refused": return t("Ditolak: sudah diubah orang lain, atau tidak diizinkan. Baca ulang lalu putuskan.", "Refused: somebody changed it meanwhile, or it is not allowed. Read again, then decide.") + ` (${problem.message})`;
    case "gone": return t("Tidak ada yang seperti itu di sini.", "There is no such thing here.");
    case "scope": return t("Akun ini tidak melihat wilayah itu.", "This account does not see that region.");
    case "role": return t("Akun ini hanya membaca.", "This account only reads.");
    case "csrf": case "origin": return t("Halaman ini sudah usang: muat ulang.", "This page is out of date: load it again.");
    case "rests": return t("Terlalu banyak kata sandi salah: tunggu sebentar, lalu coba lagi.", "Too many wrong passwords: wait a while, then try again.");
    case "code": return t("Undangan ini sudah dipakai, diganti, atau lewat 7 hari: minta yang baru.", "This invitation was used, replaced, or is older than 7 days: ask for another one.");
    case "wrong": return t("Nama atau kata sandi salah.", "Name or password is wrong.");
    case "busy": return t("Server sedang sibuk: coba lagi.", "The server is busy: try again.");
    default: return problem.message;
  }
}

export function Notice({ kind, children }: { kind: "info" | "warning" | "danger"; children: ComponentChildren }): JSX.Element {
  return <p class={`notice ${kind}`} role={kind === "info" ? "status" : "alert"}>{children}</p>;
}

// Empty, loading, stale and failed: each has a shape of its own.
export function Shown<T>({ loaded, children }: { loaded: Loaded<T>; children: (data: T) => ComponentChildren }): JSX.Element {
  return <>
    {loaded.problem && <Notice kind={loaded.data ? "warning" : "danger"}>{problemText(loaded.problem)} <button class="plain" onClick={loaded.reload}>{t("Coba lagi", "Try again")}</button></Notice>}
    {loaded.data !== null ? children(loaded.data) : !loaded.problem && <div class="skeleton" role="status" aria-label={t("Memuat", "Loading")}><i /><i /><i /></div>}
  </>;
}

export function scopeName(scope: string, names: Map<string, string>): string {
  return scope === "" ? t("Nasional", "Nation") : names.get(scope) || provinceName(scope) || scope;
}

export const stateText = (state: NodeState): string => ({
  current: t("terkini", "up to date"), behind: t("tertinggal", "behind"), unheard: t("belum terdengar sejak mulai", "not heard since start"),
  forked: t("log bercabang", "log forked"), inactive: t("tidak aktif", "inactive"),
}[state]);

export function State({ state, children }: { state: NodeState; children?: ComponentChildren }): JSX.Element {
  const tone = state === "current" ? "good" : state === "forked" ? "danger" : state === "inactive" ? "quiet" : "warning";
  return <span class={`state ${tone}`}><i aria-hidden="true" />{children ?? stateText(state)}</span>;
}

export function Status({ name }: { name: string }): JSX.Element {
  return <span class={`chip status-${name}`}>{statusText(name)}</span>;
}

export function TrustLine({ trust, children }: { trust: Trust; children?: ComponentChildren }): JSX.Element {
  const live = useConnected();
  return <p class="trust" role="status">
    <span class={live ? "dot good" : "dot warning"} aria-hidden="true" />
    {trust.as_of_ms > 0
      ? <>{t("Data per", "Data as of")} <b>{time(trust.as_of_ms)}</b></>
      : <b>{t("Angka sedang dihitung ulang; belum lengkap", "Figures are being counted anew; not complete yet")}</b>}
    {trust.waiting > 0 && <> · {number(trust.waiting)} {t("perubahan belum terhitung", "changes not counted yet")}</>}
    {children}
    {!live && <> · {t("tidak langsung; dimuat ulang tiap 30 detik", "not live; reloaded every 30 s")}</>}
  </p>;
}

// Period: a few that are asked for often, and two dates.
export function Period({ route }: { route: Route }): JSX.Element {
  const now = today();
  const year = Number(isoDay(now).slice(0, 4));
  const from = route.query.from ?? `${year}-01-01`;
  const to = route.query.to ?? isoDay(now);
  const set = (a: string | undefined, b: string | undefined): void => go(route.page, { ...route.query, from: a, to: b, after: undefined, after_ms: undefined });
  const choices: [string, string | undefined, string | undefined][] = [
    [t("tahun ini", "this year"), undefined, undefined],
    [t("30 hari", "30 days"), isoDay(now - 29), isoDay(now)],
    [t("90 hari", "90 days"), isoDay(now - 89), isoDay(now)],
    [String(year - 1), `${year - 1}-01-01`, `${year - 1}-12-31`],
    [t("10 tahun", "10 years"), `${year - 9}-01-01`, isoDay(now)],
  ];
  return <details class="menu period">
    <summary>{dayText(dayOfIso(from))} – {dayText(dayOfIso(to))}</summary>
    <div class="panel">
      {choices.map(([label, a, b]) => <button key={label} class="choice" aria-pressed={route.query.from === a && route.query.to === b} onClick={(e) => { set(a, b); closeMenu(e); }}>{label}</button>)}
      <label>{t("dari", "from")} <input type="date" value={from} max={to} onChange={(e) => e.currentTarget.value && set(e.currentTarget.value, to)} /></label>
      <label>{t("sampai", "to")} <input type="date" value={to} min={from} onChange={(e) => e.currentTarget.value && set(from, e.currentTarget.value)} /></label>
    </div>
  </details>;
}

export function closeMenu(event: Event): void {
  const menu = (event.target as Element).closest("details");
  if (menu) { menu.open = false; }
}

export function ScopeLinks({ route, session, names, page }: { route: Route; session: Session; names: Map<string, string>; page: string }): JSX.Element {
  const scope = route.query.scope ?? session.scope;
  const steps = [...new Set([session.scope, "", scope.slice(0, 2), scope])]
    .filter((s) => (session.scope === "" || s === session.scope || s.startsWith(session.scope + ".")) && (s === "" || s === scope || scope.startsWith(s + ".")))
    .sort((a, b) => a.length - b.length);
  if (steps.length < 2) { return <></>; }
  return <nav class="crumbs" aria-label={t("Wilayah", "Region")}>
    {steps.map((s) => s === scope
      ? <span key={s} aria-current="page">{scopeName(s, names)}</span>
      : <a key={s} href={link(page, { ...kept(route.query), scope: s || undefined })}>{scopeName(s, names)}</a>)}
  </nav>;
}

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => { ref.current?.showModal(); }, []);
  return <dialog ref={ref} onClose={onClose} aria-label={title}>
    <header><h2>{title}</h2><button class="plain" aria-label={t("Tutup", "Close")} onClick={() => ref.current?.close()}>✕</button></header>
    {children}
  </dialog>;
}

// An act: runs once at a time, says what came of it.
export function useAct(): { busy: boolean; problem: Problem | null; done: string; run: (act: () => Promise<string>) => void } {
  const [state, set] = useState<{ busy: boolean; problem: Problem | null; done: string }>({ busy: false, problem: null, done: "" });
  return {
    ...state,
    run: (act) => {
      set({ busy: true, problem: null, done: "" });
      act().then((done) => set({ busy: false, problem: null, done }),
        (error: unknown) => set({ busy: false, problem: error instanceof Problem ? error : new Problem(0, "offline", String(error)), done: "" }));
    },
  };
}
export function Outcome({ act }: { act: { problem: Problem | null; done: string } }): JSX.Element {
  return <>{act.problem && <Notice kind="danger">{problemText(act.problem)}</Notice>}{act.done && <Notice kind="info">{act.done}</Notice>}</>;
}
