# SPDX-License-Identifier: Apache-2.0
"""Clocks, CPU, memory and bytes of processes."""
import os
import socket
import threading
import time

LOAD = "first load"
INSERTS = "inserts, 100 a commit"
UPDATES = "updates, 100 a commit"
SINGLES = "updates, 1 a commit"
PAUSE_INSERTS = "catch-up: inserts, store to store"
PAUSE_UPDATES = "catch-up: updates, store to store"
END_INSERTS = "catch-up: inserts, end to end"
END_UPDATES = "catch-up: updates, end to end"
PHASES = [LOAD, INSERTS, UPDATES, SINGLES, END_INSERTS, END_UPDATES, PAUSE_INSERTS, PAUSE_UPDATES]
# What the project asks of itself, from the node's store to the hub's store (the end-to-end rows have to do more).
REQUIRED = {LOAD: 0.5, INSERTS: 1, UPDATES: 1, SINGLES: 1, PAUSE_INSERTS: 0.5, PAUSE_UPDATES: 0.5}

TICK = os.sysconf("SC_CLK_TCK")


def wanted(options, phase):
    return options.phases in phase


def _cpu_of(path):
    with open(path, encoding="utf-8") as stat:
        head, tail = stat.read().rsplit(")", 1)
    fields = tail.split()
    return head.split("(", 1)[1], int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])


def cpu(pid):
    return _cpu_of(f"/proc/{pid}/stat")[1] / TICK


def cpu_tree(pid):
    """Of a server: itself, its children, and those that have ended."""
    total = sum(_cpu_of(f"/proc/{pid}/stat")[1:])
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8") as stat:
                    parent = int(stat.read().rsplit(")", 1)[1].split()[1])
                total += _cpu_of(f"/proc/{entry}/stat")[1] if parent == pid else 0
            except (OSError, IndexError):
                pass
    return total / TICK


def cpu_backends(pid):
    """Of a PostgreSQL server, by what its processes call themselves: "postgres: user database [local] idle"."""
    used = {}
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8") as stat, open(f"/proc/{entry}/cmdline", encoding="utf-8") as title:
                if entry.isdigit() and int(stat.read().rsplit(")", 1)[1].split()[1]) == pid:
                    words = title.read().split(":", 1)[-1].split()
                    used[(" ".join(words[:2]), entry)] = cpu(entry)
        except (OSError, IndexError):
            pass
    return used


def cpu_threads(pid):
    threads = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        name, used, _ = _cpu_of(f"/proc/{pid}/task/{task}/stat")
        threads[(name, task)] = used / TICK
    return threads


def memory(pid):
    """MiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as rollup:
        pss = next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        fields = dict(line.split(":", 1) for line in status)
    return {"rss": int(fields["VmRSS"].split()[0]) / 1024, "pss": pss / 1024, "peak": int(fields["VmHWM"].split()[0]) / 1024}


def percentiles(samples):
    samples = sorted(samples)
    return {"median": samples[len(samples) // 2], "p99": samples[min(len(samples) - 1, int(len(samples) * 0.99))],
            "worst": samples[-1]}


def until(condition, what, seconds=120, pause=0.002):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"benchmark: not seen within {seconds} s: {what}")
        time.sleep(pause)


class Counter:
    """A relay that counts bytes both ways. Addresses: (host, port), or the path of a Unix socket."""

    def __init__(self, address, target):
        self.target = target
        self.bytes = 0
        self._listener = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self._listener.bind(address)
        if isinstance(address, str):
            os.chmod(address, 0o777)
        self._listener.listen(64)
        self.port = None if isinstance(address, str) else self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX if isinstance(self.target, str) else socket.AF_INET)
            far.connect(self.target)
            for source, sink in ((near, far), (far, near)):
                if source.family == socket.AF_INET:
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source, sink):
        try:
            while piece := source.recv(256 * 1024):
                self.bytes += len(piece)
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self._listener.close()
