# SPDX-License-Identifier: Apache-2.0
"""Our side: a hub, and a node beside a PostgreSQL database, real processes."""
import os
import shutil
import signal
import subprocess
import time

import harness
import measure
import workload
from databases import PostgresLegacy
from measure import LOAD, INSERTS, UPDATES, SINGLES, END_INSERTS, END_UPDATES, PAUSE_INSERTS, PAUSE_UPDATES

HERE = os.path.dirname(os.path.abspath(__file__))
NODE = "61.03"


class Federation:
    def __init__(self, simpul, folder, rows, counted=False):
        os.makedirs(folder)
        os.chmod(folder, 0o755)  # PostgreSQL runs as another user
        self.world = harness.World(simpul, folder)
        self.connection = None
        try:
            self._set_up(rows, counted)
        except BaseException:
            self.close()
            raise

    def _set_up(self, rows, counted):
        self.hub = self.world.start_hub()
        self.counter = measure.Counter(("127.0.0.1", 0), ("127.0.0.1", self.world.hub_port)) if counted else None
        self.cluster = self.world.postgres()
        self.legacy = PostgresLegacy(self.cluster, "bench", workload.SCHEMA)
        self.connection = self.legacy.connect()
        workload.fill(self.connection, 1, rows)
        self.connection.run("ANALYZE aduan")
        self.next_key = rows + 1
        self._regency()

    def _regency(self):
        """As harness.regency, with a mapping of our own, and without a relay unless bytes are counted."""
        port = self.counter.port if self.counter else self.world.hub_port
        path = self.world.path(NODE)
        os.makedirs(path)
        lines = ["role: regency", f'node: "{NODE}"', f"deployment: {harness.DEPLOYMENT}", "data_dir: data", "zone: WIB",
                 f'hub: {{url: "https://localhost:{port}"}}', 'listen: {admin: "127.0.0.1:0"}',
                 *self.world.legacy_lines("bench", self.legacy, "1 s")]
        shutil.copy(os.path.join(HERE, "mapping.yaml"), path)
        node = self.node = harness.Member(self.world, NODE, path, lines)
        self.world.members.append(node)
        keys = os.path.join(node.data, "keys")
        self.world.run("pki", "issue", "--ca", self.world.authority, "--out", keys, "--node", NODE)
        shutil.copy(self.world.path("hub.pub"), keys)
        node.command("init")
        request = os.path.join(path, "request.json")
        with open(request, "w", encoding="utf-8") as file:
            file.write(node.command("pki", "request", "--name", "Kabupaten Sanggau"))
        self.hub.command("pki", "register", request)
        node.command("connector", "install", "bench")

    def at_hub(self):
        """Leaves of the node that are durable at the hub."""
        return sum(s["size"] for s in self.hub.ask("log.streams")["streams"] if s["node"] == NODE)

    def in_node(self):
        return sum(s["size"] for s in self.node.ask("log.streams")["streams"] if s["node"] == NODE)

    def captured(self):
        return not self.legacy.sql("SELECT 1 FROM simpul.outbox LIMIT 1") and self.node.connector()["state"] == "running"

    def arrived(self, seconds=300):
        """Waits until everything is at the hub; when the last of it came."""
        size, at, looked, deadline = -1, time.monotonic(), 0, time.monotonic() + seconds
        while True:
            now, seen = time.monotonic(), self.at_hub()
            if seen != size:
                size, at = seen, now
            elif now - max(at, looked) > 0.15:  # rarely: looking at the outbox is work for the legacy database
                looked = now
                if self.captured() and self.in_node() == self.at_hub() == size:
                    return at
            if now > deadline:
                raise SystemExit(f"benchmark: the hub holds {seen} leaves, the node {self.in_node()}")
            time.sleep(0.004)

    def close(self):
        if self.connection:
            self.connection.close()
        self.world.close()


class Phase:
    """Measures one phase: changes per second, CPU of everybody, by thread."""

    def __init__(self, federation, name, count, options, result):
        self.f, self.name, self.count, self.options, self.result = federation, name, count, options, result
        self.perf = []

    def cpu(self):
        return {"node": measure.cpu(self.f.node.process.pid), "hub": measure.cpu(self.f.hub.process.pid),
                "legacy": measure.cpu_tree(self.f.cluster.pid())}

    def threads(self):
        threads = {f"{who} {name} {task}": used for who, member in (("node", self.f.node), ("hub", self.f.hub))
                   for (name, task), used in measure.cpu_threads(member.process.pid).items()}
        backends = measure.cpu_backends(self.f.cluster.pid())
        return {**threads, **{f"legacy {name} {task}": used for (name, task), used in backends.items()}}

    def __enter__(self):
        if self.options.perf:
            for who, member in (("node", self.f.node), ("hub", self.f.hub)):
                file = os.path.join(self.options.perf, f"{self.name.split(',')[0].replace(' ', '-').replace(':', '')}-{who}.data")
                self.perf.append(subprocess.Popen(["perf", "record", "-q", "--call-graph", self.options.graph, "-F", "499", "-o", file, "-p",
                                                   str(member.process.pid)], stderr=subprocess.DEVNULL))
            time.sleep(0.5)
        self.cpu_before, self.threads_before = self.cpu(), self.threads()
        self.leaves_before = self.f.at_hub()
        self.began = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        for process in self.perf:
            process.send_signal(signal.SIGINT)
        for process in self.perf:
            process.wait()
        if kind:
            return
        cpu, threads = self.cpu(), self.threads()
        took = self.ended - self.began
        self.result.setdefault("ours", {})[self.name] = {
            "rate": self.count / took, "seconds": took, "changes": self.count, "leaves": self.f.at_hub() - self.leaves_before,
            "cpu_us": {who: (cpu[who] - self.cpu_before[who]) / self.count * 1e6 for who in cpu}}
        used = sorted(((name, (threads[name] - self.threads_before.get(name, 0)) / self.count * 1e6) for name in threads),
                      key=lambda item: -item[1])
        self.result.setdefault("threads", {})[self.name] = [(name.rsplit(" ", 1)[0], share) for name, share in used if share >= 1]
        print(f"  Simpul, {self.name}: {self.count / took:,.0f}/s", flush=True)


def first_load(f, rows, options, result):
    f.node.start()
    harness.wait_for(lambda: f.node.is_online(), "the node is connected")
    with Phase(f, LOAD, rows, options, result) as phase:
        phase.began = f.node.status()["started_ms"] / 1000 - time.time() + time.monotonic()
        phase.cpu_before = {**phase.cpu_before, "node": 0}
        measure.until(lambda: f.at_hub() > rows, "the first load", 600, 0.01)
        phase.ended = f.arrived()


def insert_statements(f, count):
    keys = range(f.next_key, f.next_key + count)
    f.next_key += count
    return [workload.insert(key) for key in keys]


def live(f, name, statements, per_commit, options, result):
    with Phase(f, name, len(statements), options, result) as phase:
        workload.play(f.connection, statements, per_commit)
        phase.ended = f.arrived()


def paused(f, name, statements, options, result):
    """The hub stops answering; everything is captured into the node's store; then the hub goes on."""
    f.hub.freeze()
    workload.play(f.connection, statements, 100)
    harness.wait_for(f.captured, "everything is captured", 300)
    f.hub.process.send_signal(signal.SIGCONT)
    with Phase(f, name, len(statements), options, result) as phase:
        phase.ended = f.arrived()


def behind(f, name, statements, options, result):
    """The node stops; the clerks go on; then the node goes on. Nothing but us and the legacy database works meanwhile, in
    full batches, so these numbers hardly depend on how fast the clerks are."""
    f.node.freeze()
    workload.play(f.connection, statements, 100)
    with Phase(f, name, len(statements), options, result) as phase:
        f.node.thaw()
        phase.ended = f.arrived()


def latency(f, count, result):
    samples = []
    for n in range(count):
        due = time.monotonic() + 0.1
        before = f.at_hub()
        began = time.monotonic()
        f.connection.run(workload.update(1 + n, 900 + n))
        committed = time.monotonic()
        measure.until(lambda: f.at_hub() > before, "an edit at the hub", 20, 0.0005)
        samples.append((time.monotonic() - committed) * 1000)
        time.sleep(max(0, due - time.monotonic()))
    result.setdefault("latency", {})["ours"] = measure.percentiles(samples)


def run(simpul, folder, sizes, only, options, result):
    f = Federation(simpul, os.path.join(folder, "ours"), sizes["load"] if "ours" in only else 1000)
    wanted = lambda phase: "ours" in only and measure.wanted(options, phase)
    batch = sizes["batch"]
    try:
        first_load(f, f.next_key - 1, options, result)
        if wanted(INSERTS):
            live(f, INSERTS, insert_statements(f, batch), 100, options, result)
        if wanted(UPDATES):
            live(f, UPDATES, [workload.update(key, 1) for key in range(1, batch + 1)], 100, options, result)
        if wanted(SINGLES):
            live(f, SINGLES, [workload.update(key, 2) for key in range(1, sizes["single"] + 1)], 1, options, result)
        if wanted(END_INSERTS):
            behind(f, END_INSERTS, insert_statements(f, batch), options, result)
        if wanted(END_UPDATES):
            behind(f, END_UPDATES, [workload.update(key, 4) for key in range(1, batch + 1)], options, result)
        if wanted(PAUSE_INSERTS):
            paused(f, PAUSE_INSERTS, insert_statements(f, batch), options, result)
        if wanted(PAUSE_UPDATES):
            paused(f, PAUSE_UPDATES, [workload.update(key, 3) for key in range(1, batch + 1)], options, result)
        if "latency" in only:
            latency(f, sizes["latency"], result)
        result["memory"] = {"node": measure.memory(f.node.process.pid), "hub": measure.memory(f.hub.process.pid)}
    except BaseException:
        print(f.node.log()[-3000:], f.hub.log()[-3000:])
        raise
    finally:
        f.close()


def count_bytes(simpul, folder, count):
    f = Federation(simpul, os.path.join(folder, "ours-bytes"), count, counted=True)
    bytes_of = {}

    def counted(name, statements, per_commit):
        before = f.counter.bytes
        workload.play(f.connection, statements, per_commit)
        f.arrived()
        bytes_of[name] = (f.counter.bytes - before) / max(1, len(statements))

    try:
        f.node.start()
        harness.wait_for(lambda: f.node.is_online(), "the node is connected")
        measure.until(lambda: f.at_hub() > count, "the first load", 600, 0.01)
        f.arrived()
        bytes_of[LOAD] = f.counter.bytes / count
        counted(INSERTS, insert_statements(f, count), 100)
        counted(UPDATES, [workload.update(key, 1) for key in range(1, count + 1)], 100)
        counted(SINGLES, [workload.update(key, 2) for key in range(1, count + 1)], 1)
    finally:
        f.close()
    return bytes_of
