// SPDX-License-Identifier: Apache-2.0
// node browse.mjs FOLDER_WITH_PLAYWRIGHT WORLD.json: drives Chromium through every view and act. Whatever the page should not
// do (a dialog, a request to another host, a CSP report, an error) fails the test at its end, wherever it happened.
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import assert from "node:assert/strict";

const { chromium } = createRequire(join(process.argv[2], "package.json"))("playwright-core");
const world = JSON.parse(readFileSync(process.argv[3], "utf8"));
const desktop = { width: 1280, height: 900 };
const phone = { width: 360, height: 740 };
const wrong = [];
const own = new Set([world.hub, world.regency]);
const say = (text) => console.log(`       browser: ${text}`);

const browser = await chromium.launch({ executablePath: world.chromium, args: ["--no-sandbox", "--disable-gpu"] });

async function open(base, viewport = desktop, storageState = undefined) {
  const context = await browser.newContext({ viewport, acceptDownloads: true, locale: "id-ID", storageState });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  page.on("dialog", (d) => { wrong.push(`dialog: ${d.message()}`); void d.dismiss(); });
  page.on("request", (r) => { if (!own.has(new URL(r.url()).origin)) { wrong.push(`request: ${r.url()}`); } });
  page.on("pageerror", (e) => wrong.push(`error: ${e.message}`));
  page.on("console", (m) => { if (m.type() === "error" && !/status of 4\d\d/.test(m.text())) { wrong.push(`console: ${m.text()}`); } });
  await page.addInitScript(() => addEventListener("securitypolicyviolation", (e) => console.error(`CSP ${e.violatedDirective} ${e.blockedURI} ${e.sample}`)));
  await page.goto(base + "/");
  return page;
}
async function fillIn(page, name, password = world.password) {
  await page.fill("input[name=name]", name);
  await page.fill("input[name=password]", password);
  await button(page, "Masuk").click();
}
// The form once per account; later pages of it bring the session along.
const sessions = new Map();
async function signIn(base, name, viewport) {
  const kept = sessions.get(base + name);
  const page = await open(base, viewport, kept);
  if (!kept) { await fillIn(page, name); }
  await page.waitForSelector(".figures");
  if (!kept) { sessions.set(base + name, await page.context().storageState()); }
  return page;
}
// Playwright's text= takes any part of any case: what is waited for here is a role and its whole name, or a whole text.
const button = (inside, name) => inside.getByRole("button", { name, exact: true });
const heading = (inside, name) => inside.getByRole("heading", { name, exact: true });
const link = (inside, name) => inside.getByRole("link", { name, exact: true });
const seen = (locator) => locator.first().waitFor();
const go = (page, hash) => page.evaluate((h) => { location.hash = h; }, hash);
// Goes there from a page that shows no `what`, or shows another one of it.
const to = async (page, hash, what) => { await go(page, hash); await (typeof what === "string" ? page.waitForSelector(what) : seen(what)); };
const toRecord = (page, id) => to(page, "#/aduan/" + id, page.locator(".record-head code").getByText(id, { exact: true }));
const api = (page, path, options = {}) => page.evaluate(async ([p, o]) => {
  const r = await fetch("/api/v1/" + p, o);
  const text = await r.text();
  return { status: r.status, body: text.startsWith("{") ? JSON.parse(text) : text };
}, [path, options]);
async function until(what, look, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    if (await look()) { return; }
    if (Date.now() > end) { throw new Error(`not seen within ${seconds} s: ${what}`); }
    await new Promise((r) => setTimeout(r, 100));
  }
}
async function shot(page, name, full = false) { if (world.shots) { writeFileSync(join(world.shots, name + ".png"), await page.screenshot({ fullPage: full })); } }
const sql = (statement) => execFileSync("sqlite3", ["-cmd", ".timeout 10000", world.legacy, statement]);

const stories = {
  async "nobody without a session sees anything, and the headers hold"() {
    const page = await open(world.hub);
    await page.waitForSelector("input[name=password]");
    for (const path of ["overview", "records", "nodes", "session", "report.csv", "conflicts", "accounts", "events", "quarantine", `record?id=${world.first}`]) {
      assert.equal((await api(page, path)).status, 401, path);
    }
    const response = await page.request.get(world.hub + "/");
    const csp = response.headers()["content-security-policy"];
    assert.match(csp, /default-src 'none'/);
    assert.match(csp, /require-trusted-types-for 'script'/);
    assert.doesNotMatch(csp, /unsafe/);
    await shot(page, "sign-in");
    await fillIn(page, "nasional", "bukan kata sandinya");
    await seen(page.locator(".notice.danger").getByText("Nama atau kata sandi salah.", { exact: true }));
  },

  async "a session's cookie is bound, and a foreign page cannot act with it"() {
    const page = await open(world.hub);
    await fillIn(page, "nasional");
    await page.waitForSelector(".figures");
    const [cookie] = await page.context().cookies();
    assert.equal(cookie.name, "__Host-simpul");
    assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.path], [true, true, "Strict", "/"]);
    const note = { method: "POST", body: JSON.stringify({ id: world.first, text: "x" }) };
    const json = { "Content-Type": "application/json" };
    assert.equal((await api(page, "note", { ...note, headers: json })).body.code, "csrf");
    assert.equal((await api(page, "note", { ...note, headers: { ...json, "X-Simpul-CSRF": "0".repeat(64) } })).body.code, "csrf");
    assert.equal((await api(page, "note", note)).body.code, "origin");
    const { csrf } = (await api(page, "session")).body;
    const headers = { Cookie: `${cookie.name}=${cookie.value}`, "X-Simpul-CSRF": csrf, Origin: "https://evil.invalid" };
    const foreign = await page.request.post(world.hub + "/api/v1/note", { data: { id: world.first, text: "x" }, headers });
    assert.deepEqual([foreign.status(), (await foreign.json()).code], [403, "origin"]);
    await page.click(".top .menu summary");
    await button(page, "Keluar").click();
    await page.waitForSelector("input[name=password]");
    assert.equal((await api(page, "session")).status, 401);
  },

  async "the overview shows figures, and each equals the length of its list"() {
    const page = await signIn(world.hub, "nasional");
    await until("all complaints are counted", async () => (await page.textContent(".figure .value")) === "340");
    const o = (await api(page, "overview?from=2024-01-01&to=2024-12-31&scope=64.09")).body;
    assert.equal(o.totals.received, 8);
    assert.equal(o.totals.status.selesai, 7);
    assert.equal(o.totals.status.proses, 1);
    for (const query of ["", "&scope=61.03", "&status=proses", "&late=verify", "&late=any", "&channel=sms", "&conflict=1"]) {
      const list = (await api(page, "records?from=2000-01-01" + query)).body;
      let seen = list.records.length;
      for (let next = list.next; next;) {
        const more = (await api(page, `records?from=2000-01-01${query}&after=${next.id}&after_ms=${next.ms}`)).body;
        seen += more.records.length;
        next = more.next;
      }
      assert.equal(seen, list.total, query);
    }
    await link(page.locator(".regencies"), "Kabupaten 61.03").click();
    await seen(heading(page, "Kabupaten 61.03"));
    assert.match(page.url(), /scope=61\.03/);
    await until("the regency's figures are shown", async () => (await page.locator(".figure .value").first().textContent()) === "300");
    await page.locator(".figure .value a").first().click();
    await seen(heading(page, "300 aduan"));
    await page.fill(".filters input[type=search]", "constructor");
    await page.press(".filters input[type=search]", "Enter");
    await seen(link(page, "hapus saringan cari: constructor"));
    const { total } = (await api(page, "records?scope=61.03&from=2000-01-01&q=constructor")).body;
    assert.ok(total > 0 && total < 10, `${total} are found`);
    await seen(heading(page, `${total} aduan`));
    await to(page, "#/ringkasan", ".tiles");
    assert.equal(await page.locator(".tile.at-r3.at-c8 span").textContent(), "40%");
    await page.selectOption(".tiles-box select", "late");
    await button(page, "telat").click();
    await seen(page.locator("th[aria-sort=descending]").getByRole("button", { name: "telat ↓", exact: true }));
    await shot(page, "overview");
    await page.click("button[lang=en]");
    await seen(heading(page, "Nation"));
    await page.click("button[lang=id]");
    await seen(heading(page, "Nasional"));
  },

  async "300 hostile texts are text, in lists, in detail and in the report"() {
    const page = await signIn(world.hub, "nasional");
    let query = "records?scope=61.03&from=2000-01-01";
    const titles = new Map();
    for (let next = ""; next !== null;) {
      const list = (await api(page, query + next)).body;
      list.records.forEach((r) => titles.set(r.id, r.title));
      await to(page, "#/aduan?scope=61.03&from=2000-01-01" + next, `.list li:first-child a[href*="${list.records[0].id}"]`);
      assert.equal(await page.locator(".list li").count(), list.records.length);
      next = list.next ? `&after=${list.next.id}&after_ms=${list.next.ms}` : null;
    }
    assert.equal(titles.size, 300);
    const built = await page.evaluate(async (ids) => {
      const found = [];
      const shown = (id) => new Promise((done, failed) => {
        const look = () => { if (document.querySelector(".record-head code")?.textContent === id) { watch.disconnect(); clearTimeout(end); done(); } };
        const watch = new MutationObserver(look);
        const end = setTimeout(() => failed(new Error(`${id} is not shown`)), 20000);
        watch.observe(document.body, { subtree: true, childList: true, characterData: true });
        look();
      });
      for (const id of ids) {
        location.hash = "#/aduan/" + id;
        await shown(id);
        for (const e of document.querySelectorAll("body script, iframe, base, object, embed, main style, main img, main form[action], [onerror], [onclick], [onload]")) { found.push(`${id} ${e.outerHTML}`); }
      }
      return found.filter((text) => !text.includes('src="/app.js"'));
    }, [...titles.keys()]);
    assert.deepEqual(built, []);
    const shown = await page.evaluate(async (id) => { const r = await (await fetch("/api/v1/record?id=" + id)).json(); return r.registers.find((x) => x.register === "title").value; }, world.first);
    assert.equal(shown, world.hostile[0]);
    await toRecord(page, world.first);
    assert.equal(await page.locator("main h1").textContent(), "<script>alert(0)</script>");
    await to(page, "#/ringkasan?scope=61.03&from=2000-01-01", heading(page, "OPD"));
    await to(page, "#/laporan?scope=61.03&from=2000-01-01", ".report");
    const csv = (await api(page, "report.csv?from=2000-01-01")).body;
    for (const cell of csv.split(/[,\r\n]+/)) { assert.doesNotMatch(cell, /^"?[=+@|\t-]/, cell); }
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator(".top").isVisible(), false);
  },

  async "a complaint shows its timeline, and an entry its proof"() {
    const page = await signIn(world.hub, "nasional");
    await to(page, "#/aduan/" + world.conflicts[0], ".timeline li");
    assert.equal(await page.locator(".side").count(), 2);
    await shot(page, "complaint");
    await page.locator(".verified").first().click();
    await page.waitForSelector("dialog pre");
    assert.match(await page.textContent("dialog pre"), /\/hub\/|64\.09/);
    await page.keyboard.press("Escape");
    await until("the dialog closes", async () => (await page.locator("dialog").count()) === 0);
  },

  async "a change in the local system appears without a reload"() {
    const page = await signIn(world.hub, "nasional");
    await to(page, "#/aduan?scope=64.09&from=2000-01-01", ".list li");
    sql("INSERT INTO aduan (no_tiket, judul, isi, kategori, kanal, tgl_masuk, pelapor_nama) VALUES ('L-1', 'Muncul sendiri di layar', 'Tanpa muat ulang.', 'air', 'web', '2026-11-21 09:00:00', 'Warga')");
    await seen(page.locator(".list .title").getByText("Muncul sendiri di layar", { exact: true }));
  },

  async "conflicts are settled: one, a third value, and all equal ones at once"() {
    const page = await signIn(world.hub, "nasional");
    await to(page, "#/konflik", ".siblings");
    await until("three cards", async () => (await page.locator("article").count()) === 3);
    await shot(page, "conflicts");
    const text = page.locator("article", { has: page.locator("h3", { hasText: /^isi/ }) });
    await button(text, "Tulis nilai ketiga").click();
    await text.locator("textarea").fill("Gelap; sudah dilaporkan ke PLN");
    await text.locator("button.primary").click();
    await until("one is settled", async () => (await page.locator("article").count()) === 2);
    await button(page.locator(".side", { has: heading(page, "di daerah") }).first(), "untuk semua yang sama…").click();
    await page.waitForSelector("dialog .preview li");
    assert.equal(await page.locator("dialog .preview li").count(), 2);
    await page.click("dialog button.primary");
    await seen(page.getByText("Tidak ada yang menunggu keputusan.", { exact: true }));
    const record = (await api(page, "record?id=" + world.conflicts[0])).body;
    const status = record.registers.find((r) => r.register === "status");
    assert.equal(status.conflict, false);
    const last = record.timeline.at(-1);
    assert.match(last.actor, /^staf-[0-9a-f]{8}$/);
    await until("the local system has it", async () => sql("SELECT isi FROM aduan WHERE no_tiket = 'Q-10'").toString().includes("PLN"));
  },

  async "a stale decision is refused and says so"() {
    const page = await signIn(world.hub, "nasional");
    await toRecord(page, world.conflicts[1]);
    const other = await signIn(world.hub, "nasional");
    await toRecord(other, world.conflicts[1]);
    const session = (await api(page, "session")).body;
    const read = (await api(page, "record?id=" + world.conflicts[1])).body;
    const write = (value) => api(page, "edit", { method: "POST", headers: { "Content-Type": "application/json", "X-Simpul-CSRF": session.csrf }, body: JSON.stringify({ id: read.id, register: "status", value, token: read.token }) });
    assert.equal((await write("proses")).status, 200);
    const second = await write("selesai");
    assert.deepEqual([second.status, second.body.code], [409, "refused"]);
    await other.context().close();
  },

  async "a follow-up, a status and a move to another region are acts in the log"() {
    const page = await signIn(world.hub, "nasional");
    await toRecord(page, world.conflicts[2]);
    await button(page, "Tulis tindak lanjut").click();
    await page.fill("dialog textarea", "Mohon foto <img src=x onerror=alert(1)>");
    await page.click("dialog button.primary");
    await seen(page.locator(".notes .citizen").getByText("Mohon foto <img src=x onerror=alert(1)>", { exact: true }));
    await button(page, "Ubah status").click();
    await page.selectOption("dialog select", "proses");
    await page.click("dialog button.primary");
    await page.waitForSelector(".record-head .chip.status-proses");
    await button(page, "Pindahkan ke wilayah lain").click();
    await page.fill("dialog input", "61.03");
    await page.fill("dialog textarea", "Lokasinya di Sanggau");
    await page.click("dialog button.primary");
    await until("it has moved", async () => (await api(page, "record?id=" + world.conflicts[2])).body.owner === "61.03");
    await seen(page.locator(".timeline b").getByText("dipindahkan", { exact: true }));
  },

  async "a province and a regency see their own and nothing else"() {
    for (const [name, scope, foreign, visible, hidden] of [["kaltim", "64", "61.03", world.conflicts[0], world.first], ["sanggau", "61.03", "64.09", world.first, world.conflicts[0]]]) {
      const page = await signIn(world.hub, name);
      assert.equal((await api(page, "record?id=" + hidden)).status, 404, name);
      assert.equal((await api(page, "record?id=" + visible)).status, 200, name);
      for (const path of [`overview?scope=${foreign}`, `records?scope=${foreign}`, `report.csv?scope=${foreign}`]) { assert.equal((await api(page, path)).status, 403, path); }
      const overview = (await api(page, "overview?from=2000-01-01")).body;
      assert.equal(overview.scope, scope);
      const text = JSON.stringify([overview, (await api(page, "nodes")).body, (await api(page, "records?from=2000-01-01")).body, (await api(page, "conflicts?all=1")).body, (await api(page, "report.csv?from=2000-01-01")).body]);
      assert.ok(!text.includes(`"${foreign}"`), `${name} sees ${foreign}`);
      assert.ok(!(await api(page, "nodes")).body.here, "the hub's own health is the nation's");
      const leaf = (await api(page, "record?id=" + visible)).body.timeline[0];
      assert.equal((await api(page, `leaf?stream=${leaf.stream}&seq=${leaf.seq}`)).status, 200);
      const { csrf } = (await api(page, "session")).body;
      for (const path of ["note", "edit", "route", "resolve", "accounts/add"]) {
        const said = await api(page, path, { method: "POST", headers: { "Content-Type": "application/json", "X-Simpul-CSRF": csrf }, body: JSON.stringify({ id: visible, text: "x" }) });
        assert.equal(said.body.code, "role", path);
      }
      assert.equal((await api(page, "accounts")).status, 403);
      await toRecord(page, visible);
      assert.equal(await page.locator(".acts").count(), 0);
      await page.context().close();
    }
  },

  async "a regency's node serves its own dashboard, and its admin acts there"() {
    const page = await signIn(world.regency, "penajam");
    await page.waitForSelector("h1");
    await to(page, "#/simpul", page.getByText("hubungan ke pusat", { exact: true }));
    await toRecord(page, world.conflicts[0]);
    assert.equal(await button(page, "Pindahkan ke wilayah lain").count(), 0);
    await button(page, "Tulis tindak lanjut").click();
    await page.fill("dialog textarea", "Petugas berangkat besok.");
    await page.click("dialog button.primary");
    await seen(page.locator(".notes .citizen").getByText("Petugas berangkat besok.", { exact: true }));
    const added = (await api(page, "record?id=" + world.conflicts[0])).body.timeline.at(-1);
    assert.deepEqual([added.kind, added.role, added.by.node], ["note", "admin", "64.09"]);
  },

  async "accounts are invited, used and shut out; too many wrong passwords rest, of an account and from an address"() {
    const page = await signIn(world.hub, "nasional");
    await to(page, "#/pengaturan", button(page, "Tambah akun"));
    await page.locator("label", { hasText: "nama masuk" }).locator("input").fill("jambi.satu");
    await page.locator("label", { hasText: "kode wilayah" }).locator("input").fill("15.01");
    await button(page, "Tambah akun").click();
    const invitation = await page.locator(".notice code.invitation").textContent();
    assert.ok(invitation.startsWith(world.hub + "/#/undangan/"), invitation);
    const other = await open(world.hub);
    await other.goto(invitation);
    await other.fill("input[name=fresh]", "kata sandi pilihan sendiri");
    await other.fill("input[name=again]", "kata sandi pilihan lain");
    await button(other, "Simpan dan masuk").click();
    await seen(other.locator(".notice.danger").getByText("Kedua kata sandi tidak sama.", { exact: true }));
    await other.fill("input[name=again]", "kata sandi pilihan sendiri");
    await button(other, "Simpan dan masuk").click();
    await other.waitForSelector(".figures");
    const again = await api(other, "accept", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ code: invitation.split("/").at(-1), password: "kata sandi milik maling" }) });
    assert.deepEqual([again.status, again.body.code], [403, "code"]);
    await page.locator("tr", { hasText: "jambi.satu" }).getByRole("button", { name: "Nonaktifkan", exact: true }).click();
    await page.waitForSelector("tr:has-text('jambi.satu') .chip.warning");
    assert.equal((await api(other, "session")).status, 401);
    const json = { "Content-Type": "application/json" };
    let said;
    for (let i = 0; i < 6; i++) { said = await api(other, "sign-in", { method: "POST", headers: json, body: JSON.stringify({ name: "auditor", password: "salah salah salah" }) }); }
    assert.equal(said.status, 429);
    said = await api(other, "sign-in", { method: "POST", headers: json, body: JSON.stringify({ name: "auditor", password: world.password }) });
    assert.equal(said.status, 429, "the right one rests too");
    const from = (address, path, body) => api(other, path, { method: "POST", headers: { ...json, "X-Forwarded-For": `198.51.100.1, ${address}` }, body: JSON.stringify(body) });
    for (let i = 0; i < 30; i++) { assert.equal((await from("203.0.113.9", "accept", { code: `salah-${i}`, password: world.password })).status, 403); }
    assert.equal((await from("203.0.113.9", "sign-in", { name: "kaltim", password: world.password })).status, 429, "an address rests, whatever the name");
    assert.equal((await from("203.0.113.10", "sign-in", { name: "kaltim", password: world.password })).status, 200);
  },

  async "every page fits a phone, and the keyboard reaches everything"() {
    const page = await signIn(world.hub, "nasional", phone);
    for (const [hash, selector] of [["#/ringkasan", ".tiles"], ["#/ringkasan?scope=61.03&from=2000-01-01", heading(page, "OPD")], ["#/simpul", "table.cards"], ["#/aduan?from=2000-01-01", ".list"], ["#/aduan/" + world.first, ".timeline"], ["#/konflik", ".siblings, .empty"], ["#/karantina", "h1"], ["#/laporan", ".report"], ["#/pengaturan", "table"]]) {
      await to(page, hash, selector);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `${hash} is ${over} pixels too wide`);
    }
    await to(page, "#/ringkasan", ".tiles");
    await shot(page, "phone");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.className), "skip");
    const first = await page.evaluate(() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation")).reduce((sum, e) => sum + (/\/api\//.test(e.name) ? 0 : e.encodedBodySize), 0));
    assert.ok(first > 1000 && first < 300 * 1024, `first load ${first}`);
    const unnamed = await page.evaluate(() => [...document.querySelectorAll("button, a, input, select")].filter((e) => !(e.textContent?.trim() || e.getAttribute("aria-label") || e.closest("label")?.textContent?.trim())).map((e) => e.outerHTML));
    assert.deepEqual(unnamed, []);
  },

  async "nodes and quarantine say what to do"() {
    const page = await signIn(world.hub, "nasional");
    const quarantined = async (node) => (await api(page, "nodes")).body.nodes.find((n) => n.node === node).health?.quarantine;
    await until("the nodes have said it with a pull (25 s) and a look (10 s)", async () => (await quarantined("61.03")) === 1 && (await quarantined("64.09")) === 0, 90);
    await to(page, "#/simpul", "table.nodes");
    const row = (node) => page.locator(`tr[data-node="${node}"]`);
    const field = (node, name) => row(node).locator(`td[data-field=${name}]`).textContent();
    await seen(link(row("61.03"), "Kabupaten 61.03"));
    assert.deepEqual([await field("61.03", "quarantine"), await field("64.09", "quarantine")], ["1", "0"]);
    for (const node of ["61.03", "64.09"]) {
      assert.match(await field(node, "version"), /^\d+\.\d+\.\d+$/);
      assert.match(await field(node, "certificate"), /^[\d.]+ hari$/);
      assert.match(await field(node, "skew"), /^(0|\d+ dtk)$/); // a busy machine makes seconds of it
      assert.match(await field(node, "lag"), /^(terkini|\d+ menit)$/);
    }
    assert.match(await row("61.03").locator(".todo").textContent(), /Ada baris yang ditolak/);
    const told = (await api(page, "nodes")).body.nodes.find((n) => n.node === "61.03").health;
    assert.deepEqual([told.connectors, told.connectors_stuck, told.store_bytes > 0], [1, 0, true]);
    await to(page, "#/karantina", heading(page, "Karantina"));
    await shot(page, "nodes");
  },
};

const failed = [];
const only = process.env.STORY ?? "";
for (const [name, story] of Object.entries(stories)) {
  const began = performance.now();
  if (!name.includes(only)) { continue; }
  try {
    await story();
    say(`${((performance.now() - began) / 1000).toFixed(1)} s  ${name}`);
  } catch (error) {
    failed.push(`${name}: ${error.message.split("\n")[0]}`);
    console.log(`FAILED ${name}\n${error.stack}`);
  }
  for (const context of browser.contexts()) { await context.close(); }
}
await browser.close();
for (const what of wrong) { console.log(`WRONG  ${what}`); }
writeFileSync(process.argv[3] + ".said", [...failed, ...wrong].join("; "));
process.exit(failed.length || wrong.length ? 1 : 0);
