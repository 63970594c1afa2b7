# SPDX-License-Identifier: Apache-2.0
"""Real processes for system tests: a certificate authority, a hub, regencies with legacy databases, a relay per link, in
one temporary folder; and the invariant checker that every test ends with.

A test is tests/system/<name>/run: `run [BUILD_FOLDER]`, the binary is BUILD_FOLDER/simpul, else $SIMPUL. It ends with
harness.main(story): 0 passed, 77 skipped (why is the last line on standard error), 1 failed (logs of all processes are
printed). Conditions are polled with a deadline; nothing sleeps and hopes, and every port is a free one."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

from databases import DatabaseError, PostgresCluster, PostgresLegacy, SqliteLegacy, REPOSITORY, demo_schema, pg_tool
from relay import Relay

DEPLOYMENT = "test.simpul"
SAMPLES = os.path.join(REPOSITORY, "deploy", "samples")


class Skip(Exception):
    """This cannot be tested here; the text says what is missing."""


class Failure(Exception):
    """What was expected was not seen."""


class Refused(Exception):
    """A verb or command ended with a sentence instead of an answer."""

    def __init__(self, code, problem):
        super().__init__(f"exit code {code}: {problem}")
        self.code = code
        self.problem = problem


def say(text):
    print(f"[{time.monotonic() - STARTED:6.1f}] {text}", flush=True)


STARTED = time.monotonic()


def wait_for(condition, what, seconds=60):
    """Polls until `condition` returns something true and returns that. What it raises counts as "not yet"."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except (Refused, Failure, DatabaseError, OSError, KeyError, IndexError, TypeError) as error:
            last = error
        if time.monotonic() > deadline:
            raise Failure(f"not seen within {seconds} s: {what} (last: {last!r})")
        time.sleep(0.03)


def expect(truth, what):
    if not truth:
        raise Failure(what)


# ---- one process ----


class Member:
    """A hub or a node: its configuration, data folder, process and log."""

    def __init__(self, world, ident, folder, lines):
        self.world = world
        self.ident = ident
        self.folder = folder
        self.data = os.path.join(folder, "data")
        self.config = os.path.join(folder, "simpul.yaml")
        self.log_path = os.path.join(folder, "log")
        self.process = None
        self.relay = None
        self.legacy = None
        self.system = None
        self.rows_are_shown = True  # its columns carry registers as they are (check_rows)
        self.environment = {}
        self.limits = None  # called in the child before it becomes simpul
        os.makedirs(self.data, exist_ok=True)
        self.configure(lines)

    def configure(self, lines):
        self.lines = lines
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    # -- process --

    def start(self, ready=True, *options):
        """With `ready`, returns when it answers on its control socket."""
        expect(self.process is None, f"{self.ident} runs already")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([self.world.simpul, "run", "--config", self.config, *options], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder,
                                            env={**self.world.environment, **self.environment}, preexec_fn=self.limits)
        if ready:
            wait_for(self._answers, f"{self.ident} answers after its start")
            self.started()

    def _answers(self):
        code = self.process.poll()
        if code is not None:
            raise SystemExit(f"{self.ident} ended at once with {code}:\n{self.log()[-2000:]}")
        return self.ask("status")

    def started(self):
        """What others must know of a process that came up: the hub's port is another one each time."""
        if self.ident == "hub":
            port = self.ask("status")["ports"]["sync"]
            self.world.hub_port = port
            for member in self.world.members:
                if member.relay:
                    member.relay.target = port

    def kill9(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self, seconds=30):
        """Asks it to end, and expects that it does so without an error."""
        if not self.process:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            self.process = None
            raise Failure(f"{self.ident} did not end within {seconds} s after SIGTERM") from None
        self.process = None
        expect(code == 0, f"{self.ident} ended with {code} after SIGTERM")

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def ended(self, seconds=30):
        """Waits until it has ended by itself; returns its exit code."""
        code = wait_for(lambda: (self.process.poll(),) if self.process.poll() is not None else None,
                        f"{self.ident} ends by itself", seconds)[0]
        self.process = None
        return code

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self, field="VmHWM"):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field + ":"))

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    # -- asking --

    def command(self, *arguments, stdin=None):
        """Runs the CLI as a person would; standard output. Refused on any other exit code than 0."""
        done = subprocess.run([self.world.simpul, *arguments, "--config", self.config], capture_output=True, text=True,
                              cwd=self.folder, env=self.world.environment, input=stdin)
        if done.returncode != 0:
            raise Refused(done.returncode, (done.stderr + done.stdout).strip())
        return done.stdout

    def cli(self, *arguments):
        return json.loads(self.command(*arguments, "--json"))

    def ask(self, verb, **arguments):
        """The verb through the control socket: what the CLI does, without a process for each question."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(os.path.join(self.data, "simpul.sock"))
            connection.sendall(json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline()
        answer = json.loads(line) if line.endswith(b"\n") else {"ok": False, "code": 69, "problem": "no answer"}
        if not answer["ok"]:
            raise Refused(answer["code"], answer["problem"])
        return answer["reply"]

    def status(self):
        return self.ask("status")

    def is_online(self):
        return self.status()["hub_link"]["state"] == "online"

    def connector(self):
        return self.status()["connectors"][0]

    def records(self, **filters):
        """Every record as `record list` gives it."""
        rows, after = [], {}
        while True:
            page = self.ask("record.list", **filters, **after)
            rows += page["records"]
            if not page["more"]:
                return rows
            after = {"after": page["records"][-1]["id"]}

    def show(self, record):
        return self.ask("record.show", id=record)

    def find(self, system, key):
        """The one record that a reference names."""
        records = self.ask("record.find", system=system, key=str(key))["records"]
        expect(len(records) == 1, f"{self.ident} holds {len(records)} records of {system} {key}, not one")
        return records[0]

    def record_of(self, key):
        """The record of a row of this member's own legacy database."""
        return self.find("legacy:" + self.system, key)

    def register(self, record, name, part=None):
        found = [r for r in self.show(record)["registers"] if r["register"] == name and r["part"] == part]
        return found[0] if found else None

    def value(self, record, name):
        found = self.register(record, name)
        return found["value"] if found else None

    def edit(self, record, register, value, **more):
        return self.ask("record.edit", id=record, register=register, value=value, **more)

    def conflicts(self, everything=False):
        items, after = {}, {}
        while True:
            page = self.ask("conflicts.list", all=everything, **after)
            for item in page["conflicts"]:
                items[item["id"]] = item
            if not page["more"]:
                return items
            after = {"after": page["last"]}

    def in_conflict(self, record, register):
        item = self.conflicts().get(record)
        return item and any(r["register"] == register for r in item["registers"])

    def streams(self):
        return {(s["node"], s["epoch"], s["scope"]): (s["size"], s["root"]) for s in self.ask("log.streams")["streams"]}

    def verify_log(self):
        """`simpul log verify`, as an auditor would run it."""
        self.command("log", "verify")

    # -- copies --

    def copy_data(self, to):
        """A copy of the store as a backup would make it; only while it does not run."""
        expect(self.process is None, "a copy of a running store is no backup")
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.data, to, ignore=shutil.ignore_patterns("simpul.sock"))

    def restore_data(self, source, keep=()):
        """Puts a copy back; `keep`: files that the present folder keeps (those that no backup of the store holds)."""
        expect(self.process is None, "it runs")
        kept = {name: open(os.path.join(self.data, name), "rb").read() for name in keep}
        shutil.rmtree(self.data)
        shutil.copytree(source, self.data)
        for name, content in kept.items():
            with open(os.path.join(self.data, name), "wb") as file:
                file.write(content)


# ---- all of them ----


class World:
    def __init__(self, simpul, folder):
        self.simpul = simpul
        self.folder = folder
        self.members = []
        self.clusters = []
        self.hub = None
        self.hub_port = None
        self.quarantine_expected = lambda entry: False  # entries that the story means to make
        self.environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        self.environment.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0")
        self.environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
        self.authority = os.path.join(folder, "ca")
        self.run("pki", "ca", self.authority, "--deployment", DEPLOYMENT)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def run(self, *arguments):
        done = subprocess.run([self.simpul, *arguments], capture_output=True, text=True, env=self.environment)
        if done.returncode != 0:
            raise Refused(done.returncode, (done.stderr + done.stdout).strip())
        return done.stdout

    # -- databases --

    def sqlite(self, name, schema):
        return SqliteLegacy(self.path(name + ".db"), schema)

    def postgres(self, settings=()):
        if not pg_tool("initdb"):
            raise Skip("PostgreSQL's server programs (initdb, postgres) are not installed")
        if os.getuid() == 0 and not shutil.which("setpriv"):
            raise Skip("setpriv is not installed, and PostgreSQL does not run as root")
        cluster = PostgresCluster(self.path(f"pg{len(self.clusters)}"), settings)
        self.clusters.append(cluster)
        return cluster

    # -- members --

    def mapping(self, member_folder, name, changes=()):
        """A sample mapping, copied beside the configuration; `changes`: (old, new) texts."""
        with open(os.path.join(SAMPLES, f"mapping-{name}.yaml"), encoding="utf-8") as file:
            text = file.read()
        for old, new in changes:
            expect(old in text, f"mapping-{name}.yaml does not hold {old!r}")
            text = text.replace(old, new)
        with open(os.path.join(member_folder, "mapping.yaml"), "w", encoding="utf-8") as file:
            file.write(text)

    def legacy_lines(self, name, legacy, poll="50 ms"):
        return ["legacy:", f"  - name: {name}", f"    kind: {legacy.kind}", f"    {legacy.source()}",
                "    mapping: mapping.yaml", "    lane: 1", f"    poll: {poll}"]

    def start_hub(self, name=None, legacy=None, changes=(), more=()):
        """`more`: further lines of its configuration."""
        folder = self.path("hub")
        os.makedirs(folder)
        lines = ["role: hub", "node: hub", f"deployment: {DEPLOYMENT}", "data_dir: data",
                 'listen: {sync: "127.0.0.1:0", admin: "127.0.0.1:0", page: "127.0.0.1:0"}', *more]
        self.hub = Member(self, "hub", folder, lines)
        self.members.append(self.hub)
        self._attach(self.hub, name, legacy, changes)
        self.run("pki", "issue", "--ca", self.authority, "--out", os.path.join(self.hub.data, "keys"), "--hub", "--name",
                 "localhost", "--ip", "127.0.0.1")
        self.hub.command("init")
        if legacy:
            self.hub.command("connector", "install", name)
        with open(self.path("hub.pub"), "w", encoding="utf-8") as file:
            file.write(self.hub.command("pki", "hub-key"))
        self.hub.start()
        return self.hub

    def start_second_hub(self, more=()):
        """Another process of the same hub, on the same database, with a data folder of its own."""
        folder = self.path("hub2")
        os.makedirs(folder)
        second = Member(self, "hub2", folder, [line for line in self.hub.lines if not line.startswith("  ") and line != "legacy:"])
        second.configure(second.lines + list(more))
        self.members.append(second)
        shutil.copytree(os.path.join(self.hub.data, "keys"), os.path.join(second.data, "keys"))
        second.command("init")
        second.start()
        return second

    def _attach(self, member, name, legacy, changes, poll="50 ms"):
        if legacy:
            self.mapping(member.folder, name, changes)
            member.legacy, member.system = legacy, name
            member.configure(member.lines + self.legacy_lines(name, legacy, poll))

    def regency(self, ident, name, legacy, changes=(), start=True, zone="WIB", poll="50 ms"):
        """A node beside `legacy`, whose mapping is the sample of that name; registered, its link through a relay."""
        return self._node(ident, "regency", zone, (name, legacy, changes, poll), start, (), ())

    def province(self, ident, more=()):
        """A node that reads its regencies, with a page of its own."""
        return self._node(ident, "province", "WIB", (None, None, (), None), True, more, ("--province",))

    def _node(self, ident, role, zone, attached, start, more, registered_as):
        name, legacy, changes, poll = attached
        folder = self.path(ident)
        os.makedirs(folder)
        relay = Relay(self.hub_port)
        page = ', page: "127.0.0.1:0", sync: "127.0.0.1:0"' if role == "province" else ""
        lines = [f"role: {role}", f'node: "{ident}"', f"deployment: {DEPLOYMENT}", "data_dir: data", f"zone: {zone}",
                 f'hub: {{url: "https://localhost:{relay.port}"}}', f'listen: {{admin: "127.0.0.1:0"{page}}}', *more]
        node = Member(self, ident, folder, lines)
        node.relay = relay
        self.members.append(node)
        self._attach(node, name, legacy, changes, poll)
        keys = os.path.join(node.data, "keys")
        self.run("pki", "issue", "--ca", self.authority, "--out", keys, "--node", ident)
        shutil.copy(self.path("hub.pub"), keys)
        node.command("init")
        request = os.path.join(folder, "request.json")
        with open(request, "w", encoding="utf-8") as file:
            file.write(node.command("pki", "request", "--name", "Kabupaten " + ident if role == "regency" else "Provinsi " + ident))
        self.hub.command("pki", "register", request, *registered_as)
        if legacy:
            node.command("connector", "install", name)
        if start:
            node.start()
            wait_for(node.is_online, f"{ident} is connected to the hub")
        return node

    def nodes(self):
        return [m for m in self.members if m.relay]

    # -- the end --

    def settle(self, seconds=60):
        """Waits until nothing is on its way any more."""
        for member in self.members:
            wait_for(lambda m=member: self._is_settled(m), f"nothing is on its way at {member.ident}", seconds)
        wait_for(self._streams_equal, "both ends hold the same logs", seconds)
        for member in self.members:
            for _ in range(2 if member.legacy else 0):  # a look that began after that has ended: one in hand may be long
                seen = member.connector()["last_ok_ms"]
                wait_for(lambda m=member, s=seen: m.connector()["last_ok_ms"] != s, f"{member.ident} has looked", seconds)
        return self

    def _is_settled(self, member):
        status = member.status()
        if member.relay:
            expect(status["hub_link"]["state"] == "online", f"the link is {status['hub_link']}")
            expect(status["waiting"] == 0, f"{status['waiting']} leaves wait")
        for connector in status.get("connectors", []):
            expect(connector["state"] == "running", f"the connector is {connector}")
            expect(connector["outbox"] == 0, f"the outbox holds rows: {connector}")
        return True

    def _streams_equal(self):
        at_hub = self.hub.streams()
        for node in self.nodes():
            here = node.streams()
            for stream, state in here.items():
                expect(at_hub.get(stream) == state, f"{stream}: {node.ident} {state}, hub {at_hub.get(stream)}")
            for stream, state in at_hub.items():
                if stream[2] in (node.ident, "registry"):
                    expect(here.get(stream) == state, f"{stream}: hub {state}, {node.ident} {here.get(stream)}")
        return True

    def check(self, idle_seconds=2.0):
        """The invariants that hold at the end of every test."""
        self.settle()
        for node in self.nodes():
            compare_ends(self.hub, node)
        for member in self.members:
            if member.legacy and member.rows_are_shown:
                wait_for(lambda m=member: check_rows(m), f"the rows of {member.ident} show what its record shows", 30)
        self.check_idle(idle_seconds)
        for member in self.members:
            member.verify_log()
            entries = [e for e in member.ask("quarantine.list")["entries"] if not (self.quarantine_expected(e) or "applied and flagged" in e["reason"])]
            expect(not entries, f"{member.ident} has {len(entries)} in quarantine: {entries[:3]}")
        say("both ends agree, logs verified, nothing moves")

    def check_idle(self, seconds):
        """No new leaves, no writes to legacy databases."""
        before = [(m.streams(), m.legacy.writes() if m.legacy else None) for m in self.members]
        time.sleep(seconds)  # the thing under test is that nothing happens in this time
        for member, (streams, writes) in zip(self.members, before):
            expect(member.streams() == streams, f"{member.ident} wrote leaves while idle: {streams} became {member.streams()}")
            if member.legacy:
                now = member.legacy.writes()
                expect(now == writes, f"{member.ident} wrote to its legacy database while idle: {writes} became {now}")

    def close(self):
        for member in reversed(self.members):
            if member.process:
                member.process.send_signal(signal.SIGKILL)
                member.process.wait()
            if member.relay:
                member.relay.close()
            if member.legacy:
                member.legacy.close()
        for cluster in self.clusters:
            cluster.stop("immediate")


# ---- comparing ----


def shape(record):
    """What both ends must agree on in a record."""
    registers = {}
    for reg in record["registers"]:
        siblings = sorted((json.dumps(s["by"], sort_keys=True), json.dumps(s["value"], sort_keys=True), s["late"], s["stale"])
                          for s in reg["siblings"])
        registers[(reg["part"], reg["register"])] = (json.dumps(reg["value"], sort_keys=True), reg["conflict"], reg["person"],
                                                     tuple(siblings))
    return {"owner": record["owner"], "withdrawn": record["withdrawn"], "registers": registers}


def compare_ends(hub, node, sample=500):
    """Hub and node hold the same records of the node's scope, with the same values, siblings and states. Of very many
    records, every one in conflict and an even share of the others is compared in full."""
    lists = [{r["id"]: (r["owner"], r["status"], r["conflicts"], r["visible"]) for r in m.records(owner=node.ident)}
             for m in (hub, node)]
    expect(lists[0] == lists[1], f"the lists of {node.ident} differ: {difference(*lists)}")
    in_conflict = [i for i, row in lists[0].items() if row[2] > 0]
    others = sorted(set(lists[0]) - set(in_conflict))
    step = max(1, len(others) // sample)
    for record in in_conflict + others[::step]:
        shapes = []
        for member in (hub, node):
            shown = member.show(record)
            parked = [h for h in shown["history"] if h["state"] == "parked"]
            expect(not parked, f"{member.ident} holds parked leaves of {record}: {parked}")
            shapes.append(shape(shown))
        expect(shapes[0] == shapes[1], f"{record} differs between hub and {node.ident}: "
                                       f"{difference(shapes[0]['registers'], shapes[1]['registers'])}")


def difference(one, other):
    """The first entries in which two dictionaries differ."""
    keys = [k for k in sorted(set(one) | set(other), key=repr) if one.get(k) != other.get(k)]
    return {repr(k): (one.get(k), other.get(k)) for k in keys[:3]} | {"differing": len(keys)}


# Columns of the sample mappings that carry one register as it is: table, key, {register: (column, {raw: shown} or None)}.
ROWS = {
    "sanggau": ("aduan", "id", {
        "title": ("judul", None), "text": ("isi", None), "closing": ("tanggapan", None),
        "status": ("status", {"0": "belum_verifikasi", "1": "terverifikasi", "2": "proses", "3": "selesai", "4": "tunda",
                              "5": "bukan_wewenang", "6": "arsip"})}),
    "penajam": ("pengaduan", "id_pengaduan", {
        "title": ("subjek", None), "text": ("uraian", None),
        "status": ("status", {"Baru": "belum_verifikasi", "Diverifikasi": "terverifikasi", "Didisposisi": "terverifikasi",
                              "Dalam Proses": "proses", "Selesai": "selesai", "Bukan Kewenangan": "bukan_wewenang",
                              "Arsip": "arsip", "Ombudsman": "eskalasi_ombudsman"})}),
}


def check_rows(member, sample=300):
    """Every row without an open conflict holds what its record shows (as far as its columns carry registers as they are)."""
    if member.system not in ROWS:
        return True
    table, key, columns = ROWS[member.system]
    names = list(columns)
    rows = member.legacy.sql(f"SELECT {key}, {', '.join(columns[n][0] for n in names)} FROM {table} ORDER BY {key}")
    for row in rows[::max(1, len(rows) // sample)]:
        record = member.show(member.record_of(row[0]))
        shown = {r["register"]: r for r in record["registers"] if r["part"] is None}
        if record["owner"] not in (member.ident, "hub") and member.ident != "hub":
            continue
        for name, cell in zip(names, row[1:]):
            register = shown.get(name)
            if not register or register["conflict"] or register["person"]:
                continue
            translate = columns[name][1]
            wanted = register["value"] if isinstance(register["value"], str) else (register["value"] or {}).get("status")
            got = translate.get(str(cell)) if translate else cell
            if translate and got is None:
                continue
            expect((got or "") == (wanted or ""), f"row {row[0]} of {table}: {name} is {cell!r}, the record shows {wanted!r}")
    return True


# ---- running a test ----


def binary():
    folder = sys.argv[1] if len(sys.argv) > 1 else None
    path = os.path.join(folder, "simpul") if folder else os.environ.get("SIMPUL", "")
    if not path or not os.access(path, os.X_OK):
        raise Skip(f"there is no simpul binary {path or '(no build folder given, $SIMPUL not set)'}")
    return os.path.realpath(path)


def main(story):
    """Runs `story(world)` and ends the program."""
    folder = tempfile.mkdtemp(prefix="simpul-")
    os.chmod(folder, 0o711)
    world = None
    code = 0
    try:
        world = World(binary(), folder)
        story(world)
        for member in reversed(world.members):
            member.stop()
        say("passed")
    except Skip as skip:
        print(f"SKIPPED: {skip}", file=sys.stderr)
        code = 77
    except BaseException as error:  # the logs are worth more than a bare traceback
        traceback.print_exc()
        for member in world.members if world else []:
            try:
                print(f"---- {member.ident}: {json.dumps(member.status())[-2500:]}", file=sys.stderr)
            except (OSError, Refused) as silent:
                print(f"---- {member.ident} does not answer: {silent!r}", file=sys.stderr)
            print(f"---- last lines of {member.ident}'s log\n{member.log()[-3000:]}", file=sys.stderr)
        print(f"FAILED: {error}", file=sys.stderr)
        code = 1
    finally:
        if world:
            world.close()
        if os.environ.get("SIMPUL_KEEP"):
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
