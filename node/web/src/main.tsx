// SPDX-License-Identifier: Apache-2.0
import { render, type JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import "./app.css";
import { Problem, apiSetUp, get, post, type Session } from "./api";
import { ConflictsPage } from "./conflicts";
import { liveStart, liveStop } from "./live";
import { NodesPage } from "./nodes";
import { OverviewPage } from "./overview";
import { QuarantinePage } from "./quarantine";
import { RecordPage } from "./record";
import { RecordsPage } from "./records";
import { ReportPage } from "./report";
import { kept, link, useRoute, type Route } from "./route";
import { SettingsPage } from "./settings";
import { Notice, closeMenu, problemText, type PageProps } from "./ui";
import { languageNow, languageSet, languageStored, roleText, t, zoneSet } from "./words";

const pages: [string, () => string, (props: PageProps) => JSX.Element][] = [
  ["ringkasan", () => t("Ringkasan", "Overview"), OverviewPage], ["simpul", () => t("Simpul", "Nodes"), NodesPage], ["aduan", () => t("Aduan", "Complaints"), RecordsPage],
  ["konflik", () => t("Konflik", "Conflicts"), ConflictsPage], ["karantina", () => t("Karantina", "Quarantine"), QuarantinePage], ["laporan", () => t("Laporan", "Reports"), ReportPage],
  ["pengaturan", () => t("Pengaturan", "Settings"), SettingsPage],
];

function Logo(): JSX.Element {
  return <svg class="logo" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" /><path d="M8 20c0-9 16 1 16-8M8 12c0 9 16-1 16 8" /></svg>;
}

function Languages({ onChange }: { onChange: () => void }): JSX.Element {
  return <span class="languages" role="group" aria-label="Bahasa / Language">{(["id", "en"] as const).map((l) => <button key={l} class="plain" lang={l} aria-pressed={languageNow() === l} onClick={() => { languageSet(l); onChange(); }}>{l.toUpperCase()}</button>)}</span>;
}

function SignIn({ onSession, onLanguage }: { onSession: (s: Session) => void; onLanguage: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = (e: Event): void => {
    e.preventDefault();
    setBusy(true);
    post<Session>("sign-in", { name: name.trim().toLowerCase(), password }).then(onSession, (error: unknown) => {
      setBusy(false);
      setProblem(error instanceof Problem ? problemText(error) : String(error));
    });
  };
  return <main class="sign-in"><form onSubmit={submit}><p class="row"><Logo /><Languages onChange={onLanguage} /></p><h1>Simpul</h1><p class="quiet">{t("Dasbor pengaduan pelayanan publik", "Dashboard of public service complaints")}</p>
    <label>{t("nama", "name")}<input name="name" required autocomplete="username" autocapitalize="none" spellcheck={false} value={name} onInput={(e) => setName(e.currentTarget.value)} /></label>
    <label>{t("kata sandi", "password")}<input name="password" type="password" required autocomplete="current-password" value={password} onInput={(e) => setPassword(e.currentTarget.value)} /></label>
    {problem && <Notice kind="danger">{problem}</Notice>}
    <button class="primary" disabled={busy}>{t("Masuk", "Sign in")}</button></form></main>;
}

function Accept({ code, onSession, onLanguage }: { code: string; onSession: (s: Session) => void; onLanguage: () => void }): JSX.Element {
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [problem, setProblem] = useState("");
  const submit = (e: Event): void => {
    e.preventDefault();
    if (password !== again) { setProblem(t("Kedua kata sandi tidak sama.", "The two passwords differ.")); return; }
    post<Session>("accept", { code, password }).then((s) => { location.hash = link("ringkasan", {}); onSession(s); }, (error: unknown) => setProblem(error instanceof Problem ? problemText(error) : String(error)));
  };
  return <main class="sign-in"><form onSubmit={submit}><p class="row"><Logo /><Languages onChange={onLanguage} /></p><h1>{t("Selamat datang", "Welcome")}</h1><p class="quiet">{t("Pilih kata sandi untuk akun Anda; hanya Anda yang mengetahuinya.", "Choose the password of your account; nobody else knows it.")}</p>
    <label>{t("kata sandi baru, sedikitnya 12 huruf", "new password, at least 12 characters")}<input name="fresh" type="password" required minLength={12} maxLength={200} autocomplete="new-password" value={password} onInput={(e) => setPassword(e.currentTarget.value)} /></label>
    <label>{t("sekali lagi", "once more")}<input name="again" type="password" required autocomplete="new-password" value={again} onInput={(e) => setAgain(e.currentTarget.value)} /></label>
    {problem && <Notice kind="danger">{problem}</Notice>}
    <button class="primary">{t("Simpan dan masuk", "Save and sign in")}</button></form></main>;
}

function Frame({ session, route, onOut, onLanguage }: { session: Session; route: Route; onOut: () => void; onLanguage: () => void }): JSX.Element {
  const [first, second] = route.page.split("/");
  const found = pages.find((p) => p[0] === first) ?? pages[0];
  const Page = first === "aduan" && second ? RecordPage : found[2];
  useEffect(() => { document.title = `${found[1]()} · Simpul`; }, [found, languageNow()]);
  // On a phone the row of pages is wider than the screen: the one that is open comes into sight.
  const row = useRef<HTMLElement>(null);
  useEffect(() => {
    const open = row.current?.querySelector<HTMLElement>("[aria-current]");
    if (row.current && open) { row.current.scrollLeft = open.offsetLeft - row.current.offsetLeft - (row.current.clientWidth - open.clientWidth) / 2; }
  }, [found]);
  const shown = pages.filter((p) => p[0] !== "karantina" || session.scope === "" || session.scope === session.self);
  return <>
    <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>{t("Langsung ke isi", "Skip to content")}</a>
    <header class="top"><a class="brand" href={link("ringkasan", {})}><Logo /><span>Simpul</span> <small>{session.deployment}</small></a>
      <nav ref={row} aria-label={t("Halaman", "Pages")}>{shown.map((p) => <a key={p[0]} href={link(p[0], p[0] === "ringkasan" || p[0] === "aduan" || p[0] === "laporan" ? kept(route.query) : {})} aria-current={p === found ? "page" : undefined}>{p[1]()}</a>)}</nav>
      <Languages onChange={onLanguage} />
      <details class="menu"><summary>{session.name}</summary><div class="panel"><p class="quiet">{roleText(session.role)} {session.scope}</p><a class="choice" href={link("pengaturan", {})} onClick={closeMenu}>{t("Kata sandi", "Password")}</a><button class="choice" onClick={() => { void post("sign-out", {}).finally(onOut); }}>{t("Keluar", "Sign out")}</button></div></details>
    </header>
    <main id="main" tabIndex={-1}><Page key={route.page} route={route} session={session} /></main>
  </>;
}

function App(): JSX.Element {
  const route = useRoute();
  const [session, setSession] = useState<Session | null | undefined>(undefined);
  const [problem, setProblem] = useState("");
  const [, repaint] = useState(0);
  const again = (): void => repaint((n) => n + 1);
  const out = (): void => { liveStop(); apiSetUp("", () => undefined); setSession(null); };
  const enter = (s: Session): void => { zoneSet(s.zone_minutes); apiSetUp(s.csrf, out); liveStart(); setSession(s); };
  useEffect(() => {
    get<Session>("session").then(enter, (error: unknown) => {
      if (error instanceof Problem && error.status === 401) { setSession(null); } else { setProblem(error instanceof Problem ? problemText(error) : t("Server tidak terjangkau.", "The server cannot be reached.")); }
    });
  }, []);
  if (problem) { return <main class="sign-in"><Notice kind="danger">{problem}</Notice><button onClick={() => location.reload()}>{t("Muat ulang", "Reload")}</button></main>; }
  if (session === undefined) { return <div class="skeleton" role="status" aria-label={t("Memuat", "Loading")}><i /><i /><i /></div>; }
  const [first, code] = route.page.split("/");
  if (session === null && first === "undangan" && code) { return <Accept code={code} onSession={enter} onLanguage={again} />; }
  if (session === null) { return <SignIn onSession={enter} onLanguage={again} />; }
  return <Frame session={session} route={route} onOut={out} onLanguage={again} />;
}

languageSet(languageStored());
const root = document.getElementById("app");
if (root) { root.textContent = ""; render(<App />, root); }
