# SPDX-License-Identifier: Apache-2.0
"""Legacy databases of tests: SQLite files, and a PostgreSQL cluster of our own in the test's folder (Unix socket only)."""
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import threading

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class DatabaseError(Exception):
    """The database refused, or is not there."""


class ConnectionLost(DatabaseError):
    """Connect again."""


# ---- SQLite ----


class SqliteLegacy:
    """One file; a connection per thread, each statement a transaction of its own unless `script` says otherwise."""

    kind = "sqlite"

    def __init__(self, path, schema):
        self.path = path
        self._local = threading.local()
        if schema:
            self.script(schema)

    def source(self):
        return f"path: {self.path}"

    def _connection(self):
        if getattr(self._local, "db", None) is None:
            self._local.db = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        return self._local.db

    def sql(self, text, *values):
        try:
            return self._connection().execute(text, values).fetchall()
        except sqlite3.Error as error:
            raise DatabaseError(str(error)) from error

    def script(self, text):
        """All of it in one transaction."""
        self._connection().executescript("BEGIN IMMEDIATE;" + text + ";COMMIT;")

    def close(self):
        if getattr(self._local, "db", None):
            self._local.db.close()
            self._local.db = None

    def lock(self):
        """An exclusive lock, until the returned connection is closed."""
        db = sqlite3.connect(self.path, timeout=20, isolation_level=None, check_same_thread=False)
        db.execute("BEGIN EXCLUSIVE")
        return db

    def writes(self):
        """A number that differs after any other connection has written anything to the file."""
        return self.sql("PRAGMA data_version")[0][0]

    def columns(self, table):
        return [row[1] for row in self.sql(f'PRAGMA table_info("{table}")')]


# ---- PostgreSQL ----


class PgConnection:
    """The simple query protocol over a Unix or TCP socket without a password: enough for tests, no package needed."""

    def __init__(self, address, database, user="postgres", application="test"):
        if isinstance(address, tuple):
            self._socket = socket.create_connection(address)
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(address)
        fields = ["user", user, "database", database, "application_name", application, "client_encoding", "UTF8"]
        body = struct.pack("!i", 196608) + b"".join(f.encode() + b"\0" for f in fields) + b"\0"
        self._socket.sendall(struct.pack("!i", len(body) + 4) + body)
        self._stream = self._socket.makefile("rb")
        self._answer()

    def _message(self):
        head = self._stream.read(5)
        if len(head) < 5:
            raise ConnectionLost("the connection ended")
        size = struct.unpack("!i", head[1:])[0] - 4
        return head[:1], self._stream.read(size)

    def _answer(self):
        rows, error = [], None
        while True:
            kind, body = self._message()
            if kind == b"D":
                rows.append(self._row(body))
            elif kind == b"E":
                fields = dict((f[:1], f[1:].decode(errors="replace")) for f in body.split(b"\0") if f)
                error = fields.get(b"M", "") + " (" + fields.get(b"C", "") + ")"
                if fields.get(b"S") == "FATAL":
                    raise ConnectionLost(error)
            elif kind == b"Z":
                if error:
                    raise DatabaseError(error)
                return rows

    @staticmethod
    def _row(body):
        values, at = [], 2
        for _ in range(struct.unpack("!h", body[:2])[0]):
            size = struct.unpack("!i", body[at:at + 4])[0]
            at += 4
            values.append(None if size < 0 else body[at:at + size].decode())
            at += max(size, 0)
        return tuple(values)

    def run(self, text):
        """Statements in one message are one transaction. Rows as texts."""
        data = text.encode() + b"\0"
        try:
            self._socket.sendall(b"Q" + struct.pack("!i", len(data) + 4) + data)
            return self._answer()
        except OSError as error:
            raise ConnectionLost(str(error)) from error

    def copy_in(self, text, rows):
        """COPY ... FROM STDIN with an iterable of byte lines."""
        data = text.encode() + b"\0"
        self._socket.sendall(b"Q" + struct.pack("!i", len(data) + 4) + data)
        kind, body = self._message()
        if kind != b"G":
            raise DatabaseError(f"COPY was not begun: {body!r}")
        for row in rows:
            self._socket.sendall(b"d" + struct.pack("!i", len(row) + 4) + row)
        self._socket.sendall(b"c" + struct.pack("!i", 4))
        return self._answer()

    def close(self):
        try:
            self._socket.sendall(b"X" + struct.pack("!i", 4))
        except OSError:
            pass
        self._stream.close()
        self._socket.close()


def literal(value):
    """A value as an SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def pg_tool(name):
    """Path of a server program of PostgreSQL, or None."""
    found = shutil.which(name)
    if found:
        return found
    base = "/usr/lib/postgresql"
    versions = sorted(os.listdir(base), key=float, reverse=True) if os.path.isdir(base) else []
    paths = [os.path.join(base, version, "bin", name) for version in versions]
    return next((path for path in paths if os.path.exists(path)), None)


class PostgresCluster:
    """A server in `folder`, run as the user postgres when the test runs as root."""

    def __init__(self, folder, settings=()):
        self.folder = folder
        self.socket = os.path.join(folder, ".s.PGSQL.5432")
        self._process = None
        self._as_user = []
        os.makedirs(folder)
        if os.getuid() == 0:
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(folder, "postgres", "postgres")
        self._make(settings)
        self.start()

    def _make(self, settings):
        self._run(pg_tool("initdb"), "-D", self.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync")
        lines = ["listen_addresses = ''", f"unix_socket_directories = '{self.folder}'", "max_connections = 40",
                 "shared_buffers = '64MB'", "log_min_messages = 'warning'", *settings]
        with open(os.path.join(self.data(), "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.write("\n".join(lines) + "\n")

    def data(self):
        return os.path.join(self.folder, "data")

    def _run(self, *command):
        done = subprocess.run([*self._as_user, *command], cwd="/", capture_output=True, text=True)
        if done.returncode != 0:
            raise DatabaseError(f"{command[0]}: {done.stderr}{done.stdout}")

    def start(self):
        with open(os.path.join(self.folder, "server.log"), "ab") as log:
            self._process = subprocess.Popen([*self._as_user, pg_tool("postgres"), "-D", self.data()], cwd="/",
                                             stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._wait()

    def _wait(self):
        for _ in range(600):
            try:
                PgConnection(self.socket, "postgres").close()
                return
            except (OSError, DatabaseError):
                if self._process.poll() is not None:
                    raise DatabaseError(f"the server ended at once, see {self.folder}/server.log") from None
                threading.Event().wait(0.05)
        raise DatabaseError("the server does not answer")

    def pid(self):
        with open(os.path.join(self.data(), "postmaster.pid"), encoding="utf-8") as pid:
            return int(pid.readline())

    def kill9(self):
        """The whole server at once; start() begins it again from its log."""
        with open(f"/proc/{self._process.pid}/task/{self._process.pid}/children", encoding="ascii") as children:
            pids = [self._process.pid, *map(int, children.read().split())]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._process.wait()
        self._process = None

    def stop(self, mode="fast"):
        if self._process and self._process.poll() is None:
            self._run(pg_tool("pg_ctl"), "-D", self.data(), "-w", "-m", mode, "stop")
            self._process.wait()
        self._process = None

    def create(self, database):
        connection = PgConnection(self.socket, "postgres")
        connection.run(f'CREATE DATABASE "{database}"')
        connection.close()


class PostgresStandby(PostgresCluster):
    """A streaming standby of another cluster of this test."""

    def __init__(self, folder, primary):
        self.primary = primary
        super().__init__(folder)

    def _make(self, settings):
        self._run(pg_tool("pg_basebackup"), "-h", self.primary.folder, "-U", "postgres", "-D", self.data(), "-R", "-X", "stream",
                  "-c", "fast", "--no-sync")
        os.chmod(self.data(), 0o700)
        with open(os.path.join(self.data(), "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.write(f"unix_socket_directories = '{self.folder}'\n")

    def promote(self):
        self._run(pg_tool("pg_ctl"), "-D", self.data(), "-w", "promote")


class PostgresLegacy:
    """A database of a cluster; a connection per thread, opened again after the server went away."""

    kind = "postgres"

    def __init__(self, cluster, database, schema):
        self.cluster = cluster
        self.database = database
        self._local = threading.local()
        cluster.create(database)
        if schema:
            self.script(schema)

    def source(self):
        return f'dsn: "host={self.cluster.folder} user=postgres dbname={self.database}"'

    def connect(self):
        return PgConnection(self.cluster.socket, self.database)

    def sql(self, text, *values):
        parts = text.split("?")
        return self.script(parts[0] + "".join(literal(v) + p for v, p in zip(values, parts[1:])))

    def script(self, text):
        """All of it in one transaction."""
        if getattr(self._local, "db", None) is None:
            try:
                self._local.db = self.connect()
            except OSError as error:
                raise ConnectionLost(str(error)) from error
        try:
            return self._local.db.run(text)
        except ConnectionLost:
            self.close()
            raise

    def close(self):
        if getattr(self._local, "db", None):
            self._local.db.close()
            self._local.db = None

    def writes(self):
        """A text that differs after any row of an ordinary table was written."""
        tables = self.sql("SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN "
                          "('pg_catalog', 'information_schema') ORDER BY 1, 2")
        return [self.sql(f'SELECT count(*), md5(string_agg(ctid::text || xmin::text, \',\' ORDER BY ctid)) FROM "{s}"."{t}"')
                for s, t in tables]

    def columns(self, table):
        return [r[0] for r in self.sql("SELECT column_name FROM information_schema.columns WHERE table_name = ? "
                                       "ORDER BY ordinal_position", table)]


def demo_schema(name, kind):
    """The tables of one of the demo's legacy systems, for SQLite or PostgreSQL."""
    with open(os.path.join(REPOSITORY, "deploy", "demo-legacy", name + ".sql"), encoding="utf-8") as file:
        text = file.read()
    if kind == "postgres":
        text = text.replace("INTEGER PRIMARY KEY AUTOINCREMENT", "SERIAL PRIMARY KEY").replace("REAL", "DOUBLE PRECISION")
        text = text.replace("pelapor_nik INTEGER", "pelapor_nik BIGINT")
    return text
