// SPDX-License-Identifier: Apache-2.0
// The 38 provinces by their Kemendagri code: name, short name, and where their tile lies (row, column), drawn by us.
export interface Province { code: string; name: string; short: string; row: number; column: number }
const of = (code: string, name: string, short: string, row: number, column: number): Province => ({ code, name, short, row, column });
export const provinces: Province[] = [
  of("11", "Aceh", "Aceh", 1, 1), of("12", "Sumatera Utara", "Sumut", 2, 2), of("13", "Sumatera Barat", "Sumbar", 3, 2), of("14", "Riau", "Riau", 2, 3),
  of("15", "Jambi", "Jambi", 3, 3), of("16", "Sumatera Selatan", "Sumsel", 4, 4), of("17", "Bengkulu", "Bkulu", 4, 3), of("18", "Lampung", "Lampg", 5, 4),
  of("19", "Kepulauan Bangka Belitung", "Babel", 3, 5), of("21", "Kepulauan Riau", "Kepri", 2, 4), of("31", "DKI Jakarta", "DKI", 6, 5), of("32", "Jawa Barat", "Jabar", 7, 5),
  of("33", "Jawa Tengah", "Jateng", 7, 6), of("34", "DI Yogyakarta", "DIY", 8, 6), of("35", "Jawa Timur", "Jatim", 7, 7), of("36", "Banten", "Bantn", 6, 4),
  of("51", "Bali", "Bali", 7, 8), of("52", "Nusa Tenggara Barat", "NTB", 7, 9), of("53", "Nusa Tenggara Timur", "NTT", 7, 10), of("61", "Kalimantan Barat", "Kalbar", 3, 7),
  of("62", "Kalimantan Tengah", "Kalteng", 4, 7), of("63", "Kalimantan Selatan", "Kalsel", 4, 8), of("64", "Kalimantan Timur", "Kaltim", 3, 8), of("65", "Kalimantan Utara", "Kaltara", 2, 8),
  of("71", "Sulawesi Utara", "Sulut", 2, 12), of("72", "Sulawesi Tengah", "Sulteng", 3, 10), of("73", "Sulawesi Selatan", "Sulsel", 5, 10), of("74", "Sulawesi Tenggara", "Sultra", 4, 11),
  of("75", "Gorontalo", "Gtalo", 2, 11), of("76", "Sulawesi Barat", "Sulbar", 4, 10), of("81", "Maluku", "Maluku", 4, 13), of("82", "Maluku Utara", "Malut", 3, 13),
  of("91", "Papua", "Papua", 3, 16), of("92", "Papua Barat", "PapBar", 3, 15), of("93", "Papua Selatan", "PapSel", 5, 16), of("94", "Papua Tengah", "PapTeng", 4, 15),
  of("95", "Papua Pegunungan", "PapPeg", 4, 16), of("96", "Papua Barat Daya", "PBD", 3, 14),
];
export const provinceName = (code: string): string | undefined => provinces.find((p) => p.code === code)?.name;
