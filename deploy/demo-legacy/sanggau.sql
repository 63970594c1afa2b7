-- SPDX-License-Identifier: Apache-2.0
-- The complaint system of the demo's Sanggau (61.03): one table, status as a number. All cases and names are invented.
CREATE TABLE aduan (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    no_tiket TEXT NOT NULL UNIQUE,
    judul TEXT NOT NULL,
    isi TEXT NOT NULL,
    kategori TEXT,
    -- 0 baru, 1 diverifikasi, 2 proses, 3 selesai, 4 ditunda, 5 bukan wewenang, 6 arsip, 9 dialihkan
    status INTEGER NOT NULL DEFAULT 0,
    rahasia INTEGER NOT NULL DEFAULT 0,
    anonim INTEGER NOT NULL DEFAULT 0,
    kanal TEXT,
    opd TEXT,
    desa TEXT,
    lokasi TEXT,
    tgl_masuk TEXT NOT NULL,
    tgl_selesai TEXT,
    tanggapan TEXT,
    no_lapor TEXT,
    pelapor_nama TEXT NOT NULL,
    pelapor_telp TEXT,
    pelapor_nik INTEGER,
    updated_at TEXT
);
INSERT INTO aduan (no_tiket, judul, isi, kategori, status, kanal, opd, desa, lokasi, tgl_masuk, tgl_selesai, tanggapan,
                   pelapor_nama, pelapor_telp)
VALUES
    ('SGU-2026-0001', 'Jalan berlubang di Jalan Sudirman', 'Lubang sedalam 20 cm di depan pasar, sudah dua motor jatuh.',
     'infrastruktur', 2, 'loket', 'Dinas PUPR', 'Ilir Kota', 'Jl. Sudirman, depan Pasar Senggol',
     '2026-01-12 08:15:00', NULL, NULL, 'Warga Satu', '0800000001'),
    ('SGU-2026-0002', 'Lampu jalan mati', 'Lima lampu di jembatan padam sejak minggu lalu.', 'infrastruktur', 0, 'web',
     NULL, 'Beringin', 'Jembatan Kapuas', '2026-01-13 19:40:12', NULL, NULL, 'Warga Dua', NULL),
    ('SGU-2026-0003', 'Antrean di puskesmas', 'Loket baru dibuka pukul sepuluh.', 'kesehatan', 3, 'sms',
     'Dinas Kesehatan', 'Bunut', 'Puskesmas Sanggau', '2025-12-02 10:05:00', '2025-12-10 14:00:00',
     'Jam loket sudah diperbaiki.', 'Warga Tiga', '0800000003');
INSERT INTO aduan (no_tiket, judul, isi, kategori, status, rahasia, anonim, kanal, desa, tgl_masuk, pelapor_nama)
VALUES ('SGU-2026-0004', 'Pungutan di sekolah', 'Ada pungutan tanpa kuitansi.', 'pendidikan', 1, 1, 1, 'surat', 'Kapuas',
        '2026-01-14 09:00:00', 'Warga Empat');
