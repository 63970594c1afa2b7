# SPDX-License-Identifier: Apache-2.0
"""What both sides of the comparison do: a complaint table with rows of about 1 KB, changed as a web application changes
it, one statement a row, in commits of a given size. Every row is changed at most once in a phase, so that a change is a
change on both sides."""
import random

SCHEMA = """CREATE TABLE aduan (
    id bigint PRIMARY KEY, no_tiket text NOT NULL, judul text NOT NULL, isi text NOT NULL, kategori text,
    status integer NOT NULL DEFAULT 0, rahasia integer NOT NULL DEFAULT 0, anonim integer NOT NULL DEFAULT 0,
    opd text, desa text, lokasi text, tgl_masuk timestamp NOT NULL, tanggapan text)"""

WORDS = ("jalan berlubang air keruh lampu padam sampah menumpuk jembatan rusak sekolah bocor drainase tersumbat pasar "
         "kotor puskesmas antre surat lambat pungutan liar banjir tanggul retak warga sudah melapor belum ada tindak "
         "lanjut mohon segera diperiksa oleh dinas terkait karena membahayakan anak-anak dan pengendara motor").split()


def text(seed, size):
    """Different for every row, and as compressible as sentences are."""
    dice = random.Random(seed)
    out = ""
    while len(out) < size:
        out += dice.choice(WORDS) + (" " if dice.random() < 0.9 else f" {dice.randrange(10000)}. ")
    return out[:size].strip()


TEXTS = [text(n, 700) for n in range(499)]


def values(key):
    body = f"{key:08d} {TEXTS[key % len(TEXTS)]}"
    return (f"({key}, 'SGU-{key:07d}', 'Aduan {key}: {TEXTS[(key * 7) % len(TEXTS)][:60]}', '{body}', 'infrastruktur', 0, 0, 0, "
            f"'Dinas PUPR', 'Desa {key % 97}', 'Jalan Sudirman {key % 313}, RT {key % 9}', "
            f"timestamp '2026-01-01' + interval '{key} seconds', NULL)")


def insert(key):
    return f"INSERT INTO aduan VALUES {values(key)}"


def update(key, mark):
    """What a clerk does most: the state moves on, with an answer."""
    return (f"UPDATE aduan SET status = {1 + mark % 3}, tanggapan = 'Jawaban {mark}-{key}: tim survei berangkat hari Rabu' "
            f"WHERE id = {key}")


def fill(connection, first, count):
    """Rows that were there before anybody measured."""
    for at in range(first, first + count, 1000):
        rows = ", ".join(values(key) for key in range(at, min(at + 1000, first + count)))
        connection.run("INSERT INTO aduan VALUES " + rows)


def play(connection, statements, per_commit):
    """Statements in one message are one transaction."""
    for at in range(0, len(statements), per_commit):
        connection.run(";".join(statements[at:at + per_commit]))
