# SPDX-License-Identifier: Apache-2.0
"""The other side: PostgreSQL's logical replication between two clusters, one way, no TLS, defaults kept (fsync and
synchronous_commit on)."""
import os
import time

import measure
import workload
from databases import PgConnection, PostgresCluster
from measure import LOAD, INSERTS, UPDATES, SINGLES, END_INSERTS, END_UPDATES, PAUSE_INSERTS, PAUSE_UPDATES


class Pair:
    def __init__(self, folder, rows, counted=False):
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        self.publisher = PostgresCluster(os.path.join(folder, "pub"), ["wal_level = logical"])
        # The launcher would wait five seconds before it starts a worker again: that is not what is measured.
        self.subscriber = PostgresCluster(os.path.join(folder, "sub"), ["wal_retrieve_retry_interval = '10ms'"])
        for cluster in (self.publisher, self.subscriber):
            cluster.create("bench")
        self.connection = PgConnection(self.publisher.socket, "bench")
        self.reader = PgConnection(self.subscriber.socket, "bench")
        for connection in (self.connection, self.reader):
            connection.run(workload.SCHEMA)
        workload.fill(self.connection, 1, rows)
        self.connection.run("ANALYZE aduan")
        self.connection.run("CREATE PUBLICATION bench FOR TABLE aduan")
        self.next_key = rows + 1
        host = self.publisher.folder
        self.counter = None
        if counted:
            host = os.path.join(folder, "link")
            os.makedirs(host)
            os.chmod(host, 0o777)
            self.counter = measure.Counter(os.path.join(host, ".s.PGSQL.5432"), self.publisher.socket)
        self.source = f"host={host} user=postgres dbname=bench"

    def subscribe(self):
        self.reader.run(f"CREATE SUBSCRIPTION bench CONNECTION '{self.source}' PUBLICATION bench")

    def has(self, key, condition="true", seconds=300):
        measure.until(lambda: self.reader.run(f"SELECT 1 FROM aduan WHERE id = {key} AND {condition}"), f"row {key}", seconds)

    def ready(self):
        measure.until(lambda: not self.reader.run("SELECT 1 FROM pg_subscription_rel WHERE srsubstate <> 'r'"), "ready", 60)

    def cpu(self):
        return measure.cpu_tree(self.publisher.pid()) + measure.cpu_tree(self.subscriber.pid())

    def inserts(self, count):
        keys = range(self.next_key, self.next_key + count)
        self.next_key += count
        return [workload.insert(key) for key in keys]

    def close(self):
        for connection in (self.connection, self.reader):
            connection.close()
        for cluster in (self.subscriber, self.publisher):
            cluster.stop("immediate")


def updates(count, mark):
    return [workload.update(key, mark) for key in range(1, count + 1)]


def phase(pair, name, count, result, act):
    cpu, began = pair.cpu(), time.monotonic()
    act()
    took = time.monotonic() - began
    result.setdefault("native", {})[name] = {"rate": count / took, "seconds": took, "changes": count,
                                             "cpu_us": (pair.cpu() - cpu) / count * 1e6}
    print(f"  native, {name}: {count / took:,.0f}/s", flush=True)


def inserting(pair, statements):
    workload.play(pair.connection, statements, 100)
    pair.has(pair.next_key - 1)


def updating(pair, statements, per_commit, mark):
    workload.play(pair.connection, statements, per_commit)
    pair.has(len(statements), f"tanggapan LIKE 'Jawaban {mark}-%'")


def paused(pair, name, statements, seen, result):
    pair.reader.run("ALTER SUBSCRIPTION bench DISABLE")
    measure.until(lambda: not pair.connection.run("SELECT 1 FROM pg_stat_replication"), "the link is down", 30)
    workload.play(pair.connection, statements, 100)

    def act():
        pair.reader.run("ALTER SUBSCRIPTION bench ENABLE")
        seen()
    phase(pair, name, len(statements), result, act)


def latency(pair, count, result):
    samples = []
    for n in range(count):
        due = time.monotonic() + 0.1
        pair.connection.run(workload.update(1 + n, 900 + n))
        committed = time.monotonic()
        want = f"SELECT 1 FROM aduan WHERE id = {1 + n} AND tanggapan LIKE 'Jawaban {900 + n}-%'"
        measure.until(lambda: pair.reader.run(want), "an edit", 20, 0.0005)
        samples.append((time.monotonic() - committed) * 1000)
        time.sleep(max(0, due - time.monotonic()))
    result.setdefault("latency", {})["native"] = measure.percentiles(samples)


def run(folder, sizes, only, options, result):
    pair = Pair(os.path.join(folder, "native"), sizes["load"] if "native" in only else 1000)
    rows, batch, single = pair.next_key - 1, sizes["batch"], sizes["single"]
    wanted = lambda name: "native" in only and measure.wanted(options, name)

    def load():
        pair.subscribe()
        pair.has(rows)

    try:
        phase(pair, LOAD, rows, result, load)
        pair.ready()
        if wanted(INSERTS):
            statements = pair.inserts(batch)
            phase(pair, INSERTS, batch, result, lambda: inserting(pair, statements))
        if wanted(UPDATES):
            phase(pair, UPDATES, batch, result, lambda: updating(pair, updates(batch, 1), 100, 1))
        if wanted(SINGLES):
            phase(pair, SINGLES, single, result, lambda: updating(pair, updates(single, 2), 1, 2))
        if wanted(PAUSE_INSERTS):
            paused(pair, PAUSE_INSERTS, pair.inserts(batch), lambda: pair.has(pair.next_key - 1), result)
        if wanted(PAUSE_UPDATES):
            paused(pair, PAUSE_UPDATES, updates(batch, 3), lambda: pair.has(batch, "tanggapan LIKE 'Jawaban 3-%'"), result)
        for ends, pauses in ((END_INSERTS, PAUSE_INSERTS), (END_UPDATES, PAUSE_UPDATES)):
            if pauses in result.get("native", {}):  # for native replication the two are the same
                result["native"][ends] = result["native"][pauses]
        if "latency" in only:
            latency(pair, sizes["latency"], result)
    finally:
        pair.close()


def count_bytes(folder, count):
    pair = Pair(os.path.join(folder, "native-bytes"), count, counted=True)
    bytes_of = {}

    def counted(name, act):
        before = pair.counter.bytes
        act()
        bytes_of[name] = (pair.counter.bytes - before) / count

    try:
        pair.subscribe()
        pair.has(count)
        pair.ready()
        bytes_of[LOAD] = pair.counter.bytes / count
        statements = pair.inserts(count)
        counted(INSERTS, lambda: inserting(pair, statements))
        counted(UPDATES, lambda: updating(pair, updates(count, 1), 100, 1))
        counted(SINGLES, lambda: updating(pair, updates(count, 2), 1, 2))
    finally:
        pair.close()
    return bytes_of
