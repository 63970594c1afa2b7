// SPDX-License-Identifier: Apache-2.0
// The JSON API of node/board, typed. Every answer but 200 becomes a Problem with the code that the server gave.

export interface Session {
  name: string; role: "national" | "province" | "regency" | "auditor"; scope: string; pseudonym: string; acts: boolean;
  csrf: string; deployment: string; here: "hub" | "province" | "regency"; self: string; zone_minutes: number;
  ends_ms: number; now_ms: number;
}
export interface Trust { as_of_ms: number; waiting: number; now_ms: number }
export type StatusName = "belum_verifikasi" | "tunda" | "terverifikasi" | "proses" | "selesai" | "bukan_wewenang" | "arsip" | "eskalasi_ombudsman";
export interface Spread { n: number; mean?: number; median?: number }
export interface Totals {
  scope: string; received: number; status: Partial<Record<StatusName, number>>;
  late: { verify?: number; follow?: number; finish?: number; ombudsman?: number; any?: number };
  follow_up: Spread; rating: Spread; oldest_open_ms?: number;
}
export type NodeState = "current" | "behind" | "unheard" | "forked" | "inactive";
export interface NodeInfo {
  node: string; name: string; state: NodeState; seen_ms: number; records: number; conflicts: number; leaves: number; acked: number; epoch: number;
}
// What a node says of itself; its own word.
export interface Health {
  said_ms: number; caught_up_ms: number; skew_ms: number; version: string; started_ms: number; certificate_end_ms: number; waiting: number;
  quarantine: number; store_bytes: number; connectors: number; connectors_stuck: number;
}
export interface NodeDetail extends NodeInfo { health: Health | null; lags: number[] }
export interface Overview {
  scope: string; level: 0 | 1 | 2; from_day: number; to_day: number; today: number; trust: Trust; totals: Totals; before: Totals;
  trend: [number, number, number][];
  mix: { channel: [string, number][]; category: [string, number][]; opd?: Totals[] };
  children: Totals[]; provinces: Totals[]; nodes: NodeInfo[]; names: Record<string, string>;
}
export interface Row {
  id: string; owner: string; status: StatusName; received_ms: number; title: string; category: string; opd: string; channel: string;
  classification: string; supervisory: boolean; confidential: boolean; anonymous: boolean; conflicts: number;
  due: [number, number, number, number];
}
export interface List { total: number; records: Row[]; next: { ms: number; id: string } | null; trust: Trust; today: number }
export interface Dot { node: string; epoch: number; lane: number; rseq: number }
export type Value = string | number | boolean | null | { [name: string]: unknown } | unknown[];
export interface Sibling { value: Value; by: Dot; role: string; at_ms: number; late: boolean; stale: boolean; hash: string }
export interface Register {
  register: string; number: number; value: Value; conflict: boolean; person: boolean; siblings: Sibling[]; part: string | null;
}
export interface Change {
  kind: string; by: Dot; stream: number; seq: number; state: string; hash: string; acked: boolean; at_ms: number; role: string;
  actor: string | null; registers: string[];
}
export interface Complaint {
  id: string; owner: string; maker: string; registers: Register[]; withdrawn: boolean; token: unknown; timeline: Change[];
}
export interface Leaf {
  stream: { node: string; epoch: number; scope: string; size: number }; seq: number; leaf: string; kind: string; hlc_ms: number;
  proof: string[]; root: string; checkpoint: string;
}
export interface Card { id: string; owner: string; title: string; registers: Register[]; token: unknown }
export interface Connector { name: string; state: string; captured: number; written: number; outbox: number; due: number; last_ok_ms: number; problem: string }
export interface Nodes {
  trust: Trust; nodes: NodeDetail[]; version: string;
  here: null | {
    self: string; role: string; waiting: number; quarantine: number; store_bytes: number; started_ms: number; connectors: Connector[] | null;
    hub_link: null | { state: string; sentence: string; last_contact_ms: number; skew_ms: number; problem: string };
    epoch: number; version: string; certificate_days: number | null;
  };
}
export interface Entry {
  kind: "row" | "leaf"; at_ms: number; reason: string; record: string | null; table?: string; key?: string; column?: string;
  register?: string | null; stream?: number; seq?: number;
}
export interface Account { name: string; role: string; scope: string; pseudonym: string; disabled: boolean; created_ms: number; last_ms: number }
export interface Act { at_ms: number; by: string; what: string; name: string }

export class Problem extends Error {
  constructor(readonly status: number, readonly code: string, message: string) { super(message); }
}

let csrf = "";
let onSignedOut: () => void = () => undefined;
export function apiSetUp(token: string, signedOut: () => void): void { csrf = token; onSignedOut = signedOut; }

async function answer<T>(response: Response): Promise<T> {
  if (response.ok) { return (await response.json()) as T; }
  let code = "busy";
  let sentence = response.statusText;
  try {
    const said = (await response.json()) as { code: string; problem: string };
    code = said.code; sentence = said.problem;
  } catch { /* a text answer of the server itself */ }
  if (response.status === 401 && code === "sign-in") { onSignedOut(); }
  throw new Problem(response.status, code, sentence);
}

export async function get<T>(path: string, query: Record<string, string | undefined> = {}, signal?: AbortSignal): Promise<T> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) { if (value) { search.set(name, value); } }
  const tail = search.toString();
  return answer<T>(await fetch("/api/v1/" + path + (tail ? "?" + tail : ""), { signal, credentials: "same-origin" }));
}

export async function post<T>(path: string, body: object): Promise<T> {
  return answer<T>(await fetch("/api/v1/" + path, {
    method: "POST", credentials: "same-origin", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-Simpul-CSRF": csrf },
  }));
}
