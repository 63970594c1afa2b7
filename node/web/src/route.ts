// SPDX-License-Identifier: Apache-2.0
// The address bar holds page, level, period and filters, so that a link can be sent: #/aduan?scope=64.09&status=proses
import { useEffect, useState } from "preact/hooks";

export interface Route { page: string; query: Record<string, string> }

export function routeRead(): Route {
  const hash = location.hash.replace(/^#\/?/, "");
  const [page, tail] = hash.split("?", 2);
  const query: Record<string, string> = {};
  new URLSearchParams(tail ?? "").forEach((value, name) => { query[name] = value; });
  return { page: page || "ringkasan", query };
}
export function link(page: string, query: Record<string, string | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) { if (value) { search.set(name, value); } }
  const tail = search.toString();
  return "#/" + page + (tail ? "?" + tail : "");
}
export function go(page: string, query: Record<string, string | undefined>): void { location.hash = link(page, query); }

export function useRoute(): Route {
  const [route, set] = useState(routeRead());
  useEffect(() => {
    const changed = (): void => set(routeRead());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}
// Level and period go along from page to page.
export function kept(query: Record<string, string>): Record<string, string | undefined> {
  return { scope: query.scope, from: query.from, to: query.to };
}
