// SPDX-License-Identifier: Apache-2.0
// Words, numbers and dates. Every sentence stands where it is used, in both languages: t("Aduan", "Complaints").

export type Language = "id" | "en";
let language: Language = "id";
let zoneMinutes = 420;

export function languageNow(): Language { return language; }
export function languageStored(): Language {
  try { return localStorage.getItem("simpul.lang") === "en" ? "en" : "id"; } catch { return "id"; }
}
export function languageSet(to: Language): void {
  language = to;
  document.documentElement.lang = to;
  try { localStorage.setItem("simpul.lang", to); } catch { /* private window */ }
}
export function zoneSet(minutes: number): void { zoneMinutes = minutes; }
export function t(id: string, en: string): string { return language === "id" ? id : en; }

const locale = (): string => (language === "id" ? "id-ID" : "en-GB");
export const number = (n: number): string => new Intl.NumberFormat(locale()).format(n);
export const decimal = (n: number): string => new Intl.NumberFormat(locale(), { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(n);
// Published figures are rounded down (41,4 % is said as 41 %).
export const percentOf = (part: number, whole: number): number | null => (whole > 0 ? Math.floor((part * 100) / whole) : null);
export const SMALL = 30;

const shifted = (ms: number): Date => new Date(ms + zoneMinutes * 60000);
const pick = (ms: number, options: Intl.DateTimeFormatOptions): string =>
  new Intl.DateTimeFormat(locale(), { ...options, timeZone: "UTC" }).format(shifted(ms));
export const time = (ms: number): string => pick(ms, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const date = (ms: number): string => pick(ms, { day: "numeric", month: "short", year: "numeric" });
export const moment = (ms: number): string => (ms ? pick(ms, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }) : "–");
export const dayText = (day: number): string =>
  new Intl.DateTimeFormat(locale(), { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).format(new Date(day * 86400000));
export const isoDay = (day: number): string => new Date(day * 86400000).toISOString().slice(0, 10);
export const dayOfIso = (text: string): number => Math.floor(Date.parse(text + "T00:00:00Z") / 86400000);
export const today = (): number => Math.floor((Date.now() + zoneMinutes * 60000) / 86400000);

export function ago(ms: number, now: number): string {
  const s = Math.max(0, Math.round((now - ms) / 1000));
  if (s < 90) { return t("baru saja", "just now"); }
  if (s < 5400) { return t(`${Math.round(s / 60)} menit lalu`, `${Math.round(s / 60)} min ago`); }
  if (s < 129600) { return t(`${Math.round(s / 3600)} jam lalu`, `${Math.round(s / 3600)} h ago`); }
  return t(`${Math.round(s / 86400)} hari lalu`, `${Math.round(s / 86400)} days ago`);
}
export function bytes(n: number): string {
  return n < 1e6 ? `${number(Math.round(n / 1e3))} kB` : n < 1e9 ? `${decimal(n / 1e6)} MB` : `${decimal(n / 1e9)} GB`;
}

const statusWords: Record<string, [string, string]> = {
  belum_verifikasi: ["belum verifikasi", "not verified"], tunda: ["tunda", "on hold"],
  terverifikasi: ["belum ditindaklanjuti", "verified, no follow-up"], proses: ["proses", "in process"], selesai: ["selesai", "completed"],
  bukan_wewenang: ["bukan wewenang", "wrong institution"], arsip: ["arsip", "archived"],
  eskalasi_ombudsman: ["eskalasi Ombudsman", "escalated to Ombudsman"],
};
export const statuses = Object.keys(statusWords);
export const statusText = (name: string): string => { const w = statusWords[name]; return w ? t(...w) : name; };

const channelWords: Record<string, [string, string]> = {
  web: ["situs web", "website"], sms: ["SMS 1708", "SMS 1708"], x: ["X @lapor1708", "X @lapor1708"], android: ["Android", "Android"], ios: ["iOS", "iOS"],
  whatsapp: ["WhatsApp", "WhatsApp"], qr: ["kode QR", "QR code"], walk_in: ["loket", "walk-in"], letter: ["surat", "letter"], box: ["kotak aduan", "box"],
  email: ["surel", "email"], phone: ["telepon", "phone"], radio: ["radio", "radio"], event: ["acara", "event"], legacy: ["sistem lokal", "local system"],
};
export const channels = Object.keys(channelWords);
export const channelText = (name: string): string => { const w = channelWords[name.replace("-", "_")]; return w ? t(...w) : name && name !== "none" ? name : t("tidak disebut", "not said"); };

const registerWords: Record<string, [string, string]> = {
  status: ["status", "status"], class: ["klasifikasi", "classification"], channel: ["kanal", "channel"], title: ["judul", "title"], text: ["isi", "text"],
  place: ["tempat", "place"], closing: ["jawaban penutup", "closing answer"], assign: ["disposisi", "disposition"], route: ["rute", "route"],
  route_request: ["permintaan pindah", "re-route request"], confidential: ["rahasia", "confidential"], anonymous: ["anonim", "anonymous"],
  presence: ["keberadaan", "presence"], rating: ["penilaian", "rating"], same_as: ["kasus yang sama", "same case"], refs: ["nomor", "references"],
  reporter: ["pelapor", "reporter"], note_text: ["tindak lanjut", "follow-up"], note_internal: ["internal", "internal"], note_author: ["penulis", "author"],
  note_at: ["waktu tindak lanjut", "follow-up time"], note_hidden: ["disembunyikan", "hidden"], attach_name: ["lampiran", "attachment"],
  attach_type: ["jenis lampiran", "attachment type"], attach_size: ["ukuran lampiran", "attachment size"], attach_hash: ["sidik lampiran", "attachment hash"],
  time_incident: ["waktu kejadian", "time of incident"], time_received: ["waktu diterima", "received"], time_verified: ["waktu verifikasi", "verified"],
  time_disposed: ["waktu disposisi", "disposed"], time_followed_up: ["tindak lanjut pertama", "first follow-up"], time_closed: ["waktu selesai", "closed"],
};
export const registerText = (name: string): string => { const w = registerWords[name]; return w ? t(...w) : name; };

const kindWords: Record<string, [string, string]> = {
  create: ["aduan masuk", "received"], edit: ["diubah", "edited"], stale_edit: ["diubah dari formulir lama", "edited from an old form"],
  loosen: ["kerahasiaan dilonggarkan", "confidentiality loosened"], note: ["tindak lanjut", "follow-up"], attach: ["lampiran", "attachment"],
  erase: ["penghapusan data pribadi", "erasure of personal data"], erased: ["data sudah dihapus", "data erased"], route: ["dipindahkan", "re-routed"],
};
export const kindText = (name: string): string => { const w = kindWords[name]; return w ? t(...w) : name; };

const roleWords: Record<string, [string, string]> = {
  clerk: ["petugas (sistem lokal)", "clerk (local system)"], admin: ["admin daerah", "regency admin"], national: ["admin nasional", "national admin"],
  ombudsman: ["Ombudsman", "Ombudsman"], automatic: ["otomatis", "automatic"], province: ["provinsi", "province"], auditor: ["auditor", "auditor"],
  regency: ["kabupaten/kota", "regency"],
};
export const roleText = (name: string): string => { const w = roleWords[name]; return w ? t(...w) : name; };

// Text from citizens is shown as text; what would change the reading direction or cannot be seen is named.
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
export const visible = (text: string): string => text.replace(unseen, (c) => `\u27e8U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`);

export function valueText(value: unknown): string {
  if (value === null || value === undefined) { return t("(tidak tersedia di sini)", "(not available here)"); }
  if (typeof value === "boolean") { return value ? t("ya", "yes") : t("tidak", "no"); }
  if (typeof value === "number") { return number(value); }
  if (typeof value === "string") { return value in statusWords ? statusText(value) : visible(value); }
  if (Array.isArray(value)) { return value.map(valueText).join("; "); }
  const object = value as Record<string, unknown>;
  if ("status" in object) { return statusText(String(object.status)) + (object.reason ? ` (${visible(String(object.reason))})` : ""); }
  if ("opd" in object) { return visible(String(object.opd)); }
  if ("classification" in object) {
    return [String(object.classification).replace(/_/g, " "), visible(String(object.category ?? "")), object.supervisory ? t("berkadar pengawasan", "supervisory") : ""].filter(Boolean).join(" · ");
  }
  if ("system" in object) { return `${visible(String(object.system))} ${visible(String(object.key))}`; }
  return Object.entries(object).filter(([, v]) => v !== "" && v !== 0).map(([k, v]) => `${k}: ${typeof v === "object" ? JSON.stringify(v) : visible(String(v))}`).join(", ");
}
