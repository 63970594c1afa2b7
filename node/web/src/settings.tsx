// SPDX-License-Identifier: Apache-2.0
// Pengaturan: the own password; accounts and what was done to them.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, post, type Account, type Act, type Session } from "./api";
import { useLoaded } from "./live";
import { Notice, Outcome, Shown, useAct, type PageProps } from "./ui";
import { moment, roleText, t, visible } from "./words";

function OwnPassword({ session }: { session: Session }): JSX.Element {
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const act = useAct();
  return <section class="panel-box"><h2>{t("Kata sandi saya", "My password")}</h2><p class="quiet">{session.name} · {roleText(session.role)} {session.scope} · {t("dalam log:", "in the log:")} {session.pseudonym}</p>
    <form class="stack" onSubmit={(e) => { e.preventDefault(); act.run(async () => { await post("password", { old, new: fresh }); setOld(""); setFresh(""); return t("Kata sandi diganti. Masuk lagi dengan yang baru.", "The password is changed. Sign in again with the new one."); }); }}>
      <label>{t("kata sandi lama", "old password")}<input type="password" required autocomplete="current-password" value={old} onInput={(e) => setOld(e.currentTarget.value)} /></label>
      <label>{t("kata sandi baru, sedikitnya 12 huruf", "new password, at least 12 characters")}<input type="password" required minLength={12} maxLength={200} autocomplete="new-password" value={fresh} onInput={(e) => setFresh(e.currentTarget.value)} /></label>
      <Outcome act={act} /><button disabled={act.busy}>{t("Ganti", "Change")}</button></form></section>;
}

interface Made { name: string; code: string }

function Invitation({ made }: { made: Made }): JSX.Element {
  return <Notice kind="info">{t(`Undangan untuk ${made.name}; kirim lewat jalur yang aman. Berlaku 7 hari, sekali pakai, hanya ditampilkan sekarang:`, `Invitation for ${made.name}; send it on a safe way. Valid for 7 days, once, shown only now:`)} <code class="invitation">{`${location.origin}/#/undangan/${made.code}`}</code></Notice>;
}

function AddAccount({ session, done }: { session: Session; done: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const [role, setRole] = useState(session.here === "hub" ? "regency" : "auditor");
  const [scope, setScope] = useState(session.here === "hub" ? "" : session.self);
  const [made, setMade] = useState<Made | null>(null);
  const act = useAct();
  return <form class="filters" onSubmit={(e) => { e.preventDefault(); act.run(async () => { const said = await post<{ code: string }>("accounts/add", { name, role, scope }); setMade({ name, code: said.code }); setName(""); done(); return ""; }); }}>
    <label>{t("nama masuk", "sign-in name")}<input required pattern="[a-z0-9._\-]{2,32}" value={name} onInput={(e) => setName(e.currentTarget.value)} /></label>
    <label>{t("peran", "role")}<select value={role} onChange={(e) => setRole(e.currentTarget.value)}>{(session.here === "hub" ? ["national", "province", "regency", "auditor"] : ["regency", "auditor"]).map((r) => <option key={r} value={r}>{roleText(r)}</option>)}</select></label>
    <label>{t("kode wilayah", "region code")}<input value={scope} readOnly={session.here !== "hub"} pattern="[a-z0-9.]{0,16}" placeholder={role === "province" ? "64" : role === "regency" ? "64.09" : ""} onInput={(e) => setScope(e.currentTarget.value)} /></label>
    <button disabled={act.busy}>{t("Tambah akun", "Add account")}</button><Outcome act={act} />
    {made && <Invitation made={made} />}
  </form>;
}

function Accounts({ session }: { session: Session }): JSX.Element {
  const loaded = useLoaded("accounts", (signal) => get<{ accounts: Account[]; acts: Act[] }>("accounts", {}, signal));
  const [made, setMade] = useState<Made | null>(null);
  const act = useAct();
  return <section class="panel-box"><h2>{t("Akun", "Accounts")}</h2><AddAccount session={session} done={loaded.reload} /><Outcome act={act} />
    {made && <Invitation made={made} />}
    <Shown loaded={loaded}>{(data) => <><div class="scroll"><table class="cards"><thead><tr><th scope="col">{t("nama", "name")}</th><th scope="col">{t("peran", "role")}</th><th scope="col">{t("wilayah", "region")}</th><th scope="col">{t("dalam log", "in the log")}</th><th scope="col">{t("terakhir masuk", "last sign-in")}</th><th scope="col"><span class="sr">{t("tindakan", "acts")}</span></th></tr></thead>
      <tbody>{data.accounts.map((a) => <tr key={a.name}><th scope="row">{a.name}{a.disabled && <> <span class="chip warning">{t("nonaktif", "disabled")}</span></>}</th><td data-label={t("peran", "role")}>{roleText(a.role)}</td><td data-label={t("wilayah", "region")}>{a.scope || t("nasional", "nation")}</td><td data-label={t("dalam log", "in the log")}>{a.pseudonym}</td><td data-label={t("terakhir masuk", "last sign-in")}>{moment(a.last_ms)}</td>
        <td class="bare">{a.name !== session.name && <span class="row"><button class="plain" disabled={act.busy} onClick={() => act.run(async () => { await post("accounts/disable", { name: a.name, disabled: !a.disabled }); loaded.reload(); return ""; })}>{a.disabled ? t("Aktifkan", "Enable") : t("Nonaktifkan", "Disable")}</button>
          <button class="plain" disabled={act.busy} onClick={() => act.run(async () => { const said = await post<{ code: string }>("accounts/invite", { name: a.name }); setMade({ name: a.name, code: said.code }); loaded.reload(); return ""; })}>{t("Undang lagi", "Invite again")}</button></span>}</td></tr>)}</tbody></table></div>
      <details><summary>{t("Catatan perubahan akun", "What was done to accounts")}</summary><div class="scroll"><table><tbody>{data.acts.map((x, i) => <tr key={i}><td>{moment(x.at_ms)}</td><td>{visible(x.by)}</td><td>{({ add: t("menambah", "added"), disable: t("menonaktifkan", "disabled"), enable: t("mengaktifkan", "enabled"), password: t("mengganti sandi", "changed the password of"), invite: t("mengundang", "invited"), locked: t("terkunci", "locked") } as Record<string, string>)[x.what] ?? x.what}</td><td>{x.name}</td></tr>)}</tbody></table></div></details></>}</Shown>
  </section>;
}

export function SettingsPage({ session }: PageProps): JSX.Element {
  return <><h1>{t("Pengaturan", "Settings")}</h1><OwnPassword session={session} />{session.acts && <Accounts session={session} />}</>;
}
