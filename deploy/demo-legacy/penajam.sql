-- SPDX-License-Identifier: Apache-2.0
-- The complaint system of the demo's Penajam Paser Utara (64.09): two tables, status as words, follow-ups in a child
-- table, some of them made in advance and still empty. All cases and names are invented.
CREATE TABLE pengaduan (
    id_pengaduan INTEGER PRIMARY KEY AUTOINCREMENT,
    kode TEXT NOT NULL UNIQUE,
    subjek TEXT NOT NULL,
    uraian TEXT NOT NULL,
    jenis TEXT NOT NULL DEFAULT 'Pengaduan',
    berkadar TEXT NOT NULL DEFAULT 'T',
    status TEXT NOT NULL DEFAULT 'Baru',
    is_rahasia TEXT NOT NULL DEFAULT 'T',
    dinas TEXT,
    batas_waktu TEXT,
    desa TEXT,
    alamat TEXT,
    lat REAL,
    lng REAL,
    tanggal_masuk TEXT NOT NULL,
    tanggal_verifikasi TEXT,
    tracking_lapor TEXT,
    nama_pelapor TEXT NOT NULL,
    hp_pelapor TEXT,
    dihapus INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE tindak_lanjut (
    id_tl INTEGER PRIMARY KEY AUTOINCREMENT,
    id_pengaduan INTEGER NOT NULL REFERENCES pengaduan (id_pengaduan),
    petugas TEXT NOT NULL,
    isi_tl TEXT,
    waktu TEXT,
    internal INTEGER NOT NULL DEFAULT 0
);
INSERT INTO pengaduan (kode, subjek, uraian, jenis, status, dinas, batas_waktu, desa, alamat, lat, lng, tanggal_masuk,
                       tanggal_verifikasi, nama_pelapor)
VALUES
    ('PPU/0001', 'Air PDAM keruh', 'Air berwarna cokelat sejak tiga hari.', 'Pengaduan', 'Dalam Proses', 'Perumda Air Minum',
     '30/01/2026', 'Nipah-Nipah', 'RT 04', -1.2581, 116.7005, '10/01/2026 07:30', '10/01/2026 13:00', 'Warga Lima'),
    ('PPU/0002', 'Usul taman bermain', 'Mohon dibangun taman di kelurahan kami.', 'Aspirasi', 'Didisposisi', 'Disperkim',
     NULL, 'Penajam', NULL, NULL, NULL, '11/01/2026 15:20', '12/01/2026 09:10', 'Warga Enam'),
    ('PPU/0003', 'Syarat KTP hilang', 'Apa saja syarat mengurus KTP hilang?', 'Permintaan Informasi', 'Menunggu Data', NULL,
     NULL, 'Waru', NULL, NULL, NULL, '12/01/2026 10:00', NULL, 'Warga Tujuh');
INSERT INTO tindak_lanjut (id_pengaduan, petugas, isi_tl, waktu, internal)
VALUES
    (1, 'Admin Perumda', 'Petugas memeriksa pipa induk.', '11/01/2026 09:00', 0),
    (1, 'Admin Diskominfo', 'Mohon dijawab sebelum Jumat.', '12/01/2026 08:00', 1),
    (1, 'Admin Perumda', NULL, NULL, 0),
    (2, 'Admin Disperkim', 'Akan dibahas dalam musrenbang.', '13/01/2026 11:45', 0);
