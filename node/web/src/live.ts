// SPDX-License-Identifier: Apache-2.0
// What a page shows is fetched again when the server says that it changed: at most once a second, and not while hidden.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "./api";

type Listener = () => void;
const listeners = new Set<Listener>();
let source: EventSource | null = null;
let connected = false;
const connectionListeners = new Set<(up: boolean) => void>();

function connection(up: boolean): void { connected = up; connectionListeners.forEach((tell) => tell(up)); }

export function liveStart(): void {
  if (source) { return; }
  source = new EventSource("/api/v1/events");
  source.onopen = () => connection(true);
  source.onerror = () => connection(false);
  source.onmessage = () => listeners.forEach((tell) => tell());
}
export function liveStop(): void { source?.close(); source = null; connection(false); }
export function useConnected(): boolean {
  const [up, set] = useState(connected);
  useEffect(() => { connectionListeners.add(set); return () => { connectionListeners.delete(set); }; }, []);
  return up;
}

export interface Loaded<T> { data: T | null; problem: Problem | null; loading: boolean; reload: () => void }

const EVERY_MS = 1000;
const SLOW_MS = 30000;

export function useLoaded<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, set] = useState<{ key: string; data: T | null; problem: Problem | null; loading: boolean }>({ key, data: null, problem: null, loading: true });
  const running = useRef<AbortController | null>(null);
  const last = useRef(0);
  const timer = useRef(0);
  const run = useCallback(() => {
    running.current?.abort();
    const control = new AbortController();
    running.current = control;
    last.current = Date.now();
    set((s) => ({ ...s, loading: true }));
    load(control.signal).then(
      (data) => set({ key, data, problem: null, loading: false }),
      (error: unknown) => {
        if (control.signal.aborted) { return; }
        const problem = error instanceof Problem ? error : new Problem(0, "offline", String(error));
        set((s) => ({ key, data: s.key === key ? s.data : null, problem, loading: false }));
      });
  }, [key]);
  useEffect(() => {
    run();
    const soon = (): void => {
      if (timer.current) { return; }
      const wait = document.hidden ? SLOW_MS : Math.max(0, EVERY_MS - (Date.now() - last.current));
      timer.current = window.setTimeout(() => { timer.current = 0; run(); }, wait);
    };
    listeners.add(soon);
    const slow = window.setInterval(() => { if (!document.hidden) { run(); } }, SLOW_MS);
    return () => { listeners.delete(soon); clearInterval(slow); clearTimeout(timer.current); timer.current = 0; running.current?.abort(); };
  }, [run]);
  const stale = state.key !== key;
  return { data: stale ? null : state.data, problem: stale ? null : state.problem, loading: stale || state.loading, reload: run };
}
