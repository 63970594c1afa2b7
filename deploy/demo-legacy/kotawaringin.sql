-- SPDX-License-Identifier: Apache-2.0
-- The complaint system of the demo's Kotawaringin Barat (62.01): complaints and replies are rows of the same table, times
-- are seconds since 1970. All cases and names are invented.
CREATE TABLE laporan (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    induk_id INTEGER REFERENCES laporan (id),
    judul TEXT NOT NULL,
    pesan TEXT NOT NULL,
    pengirim TEXT NOT NULL,
    sumber TEXT NOT NULL DEFAULT 'web',
    status TEXT,
    privat INTEGER NOT NULL DEFAULT 0,
    bidang TEXT,
    bintang INTEGER,
    nomor_pusat TEXT,
    dibuat INTEGER NOT NULL
);
INSERT INTO laporan (id, induk_id, judul, pesan, pengirim, sumber, status, privat, bidang, bintang, dibuat)
VALUES
    (1, NULL, 'Sampah menumpuk di pasar', 'Sudah empat hari tidak diangkut.', 'Warga Delapan', 'wa', 'proses', 0,
     'Dinas Lingkungan Hidup', NULL, 1768180500),
    (2, 1, 'Balasan', 'Truk dijadwalkan besok pagi.', 'Admin DLH', 'web', NULL, 0, NULL, NULL, 1768200000),
    (3, NULL, 'Banjir di Jalan Iskandar', 'Selokan tersumbat setiap hujan.', 'Warga Sembilan', 'loket', NULL, 0, NULL, NULL,
     1768266000),
    (4, NULL, 'Wifi alun-alun', 'Terima kasih, wifi sudah cepat.', 'Warga Sepuluh', 'web', 'ditutup', 0, 'Diskominfo', 5,
     1767000000),
    (5, 1, 'Balasan', 'Koordinasi internal: cek kontrak armada.', 'Admin DLH', 'web', NULL, 1, NULL, NULL, 1768210000);
