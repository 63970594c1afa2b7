/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_config node_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/heap.h"
#include "node/config/config.h"

struct bench {
    struct arena arena;
    struct problems problems;
    struct config config;
};

static int bench_make(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    arena_init(&bench->arena, memory_heap(), SIZE_MAX);
    problems_init(&bench->problems, &bench->arena);
    *state = bench;
    return 0;
}

static int bench_remove(void **state)
{
    struct bench *bench = *state;
    arena_release(&bench->arena);
    free(bench);
    return 0;
}

static enum status_code parse(struct bench *bench, const char *text)
{
    problems_init(&bench->problems, &bench->arena);
    return config_parse("/etc/simpul/x.yaml", span_text(text), &bench->arena, &bench->problems, &bench->config).code;
}

#define REGENCY                                                                                                        \
    "role: regency\nnode: \"61.03\"\ndeployment: demo\ndata_dir: data\nhub: {url: \"https://hub.example:8443\"}\n"

static void the_sample_of_a_hub_loads(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(config_load("deploy/samples/hub.yaml", &bench->arena, &bench->problems, &bench->config).code,
                     STATUS_OK);
    const struct config *config = &bench->config;
    assert_int_equal(config->role, CONFIG_HUB);
    assert_string_equal(config->node.text, "hub");
    assert_string_equal(config->data_dir, "deploy/samples/hub-data");
    assert_string_equal(config->store_path, "deploy/samples/hub-data/simpul.db");
    assert_string_equal(config->listen_sync.host, "0.0.0.0");
    assert_int_equal(config->listen_sync.port, 8443);
    assert_string_equal(config->server_certificate, config->certificate);
    assert_null(config->hub_url);
    assert_null(config->hub_key);
}

static void the_sample_of_a_regency_loads(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(config_load("deploy/samples/regency.yaml", &bench->arena, &bench->problems, &bench->config).code,
                     STATUS_OK);
    const struct config *config = &bench->config;
    assert_int_equal(config->role, CONFIG_REGENCY);
    assert_string_equal(config->node.text, "61.03");
    assert_string_equal(config->hub_url, "https://hub.contoh.go.id:8443");
    assert_string_equal(config->hub.text, "hub");
    assert_null(config->listen_sync.host);
    assert_int_equal(config->zone_minutes, 420);
    assert_int_equal(config->legacy_count, 1);
    assert_string_equal(config->legacy[0].name, "sanggau");
    assert_int_equal(config->legacy[0].kind, LEGACY_SQLITE);
    assert_string_equal(config->legacy[0].source, "deploy/samples/sanggau-data/aduan.db");
    assert_string_equal(config->legacy[0].mapping, "deploy/samples/mapping-sanggau.yaml");
    assert_int_equal(config->legacy[0].lane, 1);
    assert_int_equal(config->legacy[0].poll_ms, 200);
    assert_int_equal(config->legacy[0].compare_minute, 120);
}

static void what_is_left_out_has_a_default(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, REGENCY), STATUS_OK);
    const struct config *config = &bench->config;
    assert_string_equal(config->log_key, "/etc/simpul/data/keys/log.key");
    assert_string_equal(config->certificate, "/etc/simpul/data/keys/node.pem");
    assert_string_equal(config->hub_key, "/etc/simpul/data/keys/hub.pub");
    assert_string_equal(config->listen_admin.host, "127.0.0.1");
    assert_int_equal(config->listen_admin.port, 8480);
    assert_null(config->listen_page.host);
    assert_int_equal(config->log_level, CONFIG_LOG_INFO);
    assert_int_equal(config->legacy_count, 0);
}

static void a_province_listens_and_connects(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, "role: province\nnode: \"61\"\ndeployment: demo\ndata_dir: /var/lib/simpul\n"
                                  "hub: {url: \"https://[::1]:9\", name: pusat}\nlisten: {sync: \"[::1]:0\"}\n"),
                     STATUS_OK);
    assert_string_equal(bench->config.hub.text, "pusat");
    assert_string_equal(bench->config.listen_sync.host, "::1");
    assert_int_equal(bench->config.listen_sync.port, 0);
    assert_string_equal(bench->config.certificate, "/var/lib/simpul/keys/node.pem");
    assert_string_equal(bench->config.server_certificate, "/var/lib/simpul/keys/server.pem");
}

static void five_mistakes_are_five_reports(void **state)
{
    struct bench *bench = *state;
    static const char text[] = "role: regncy\n"
                               "node: Sanggau\n"
                               "deployment: demo\n"
                               "data_dir: data\n"
                               "lisen: {admin: \"127.0.0.1:8480\"}\n"
                               "listen: {admin: \"127.0.0.1:84800\"}\n"
                               "hub: {url: \"http://hub.example\"}\n";
    struct span report;
    bench->config.path = "untouched";
    assert_int_equal(parse(bench, text), STATUS_INVALID);
    assert_string_equal(bench->config.path, "untouched");
    assert_true(status_is_ok(problems_text(&bench->problems, &bench->arena, &report)));
    assert_string_equal(
        (const char *)report.data,
        "/etc/simpul/x.yaml:1:7: The role cannot be \"regncy\".\n"
        "    role: regncy\n"
        "          ^\n"
        "    Did you mean \"regency\"?\n"
        "/etc/simpul/x.yaml:2:7: The node must be 1 to 16 of the characters a-z, 0-9 and \".\".\n"
        "    node: Sanggau\n"
        "          ^\n"
        "    A region's code in quotes, as in \"61.03\", or hub.\n"
        "/etc/simpul/x.yaml:5:1: The key \"lisen\" is not known in the configuration.\n"
        "    lisen: {admin: \"127.0.0.1:8480\"}\n"
        "    ^\n"
        "    Did you mean \"listen\"?\n"
        "/etc/simpul/x.yaml:6:17: \"127.0.0.1:84800\" is not an address to listen on.\n"
        "    listen: {admin: \"127.0.0.1:84800\"}\n"
        "                    ^\n"
        "    Write host and port, as in \"127.0.0.1:8480\"; the port is 0 to 65535.\n"
        "/etc/simpul/x.yaml:7:12: The url must be https://, a host and if needed a port, without a path.\n"
        "    hub: {url: \"http://hub.example\"}\n"
        "               ^\n"
        "    As in \"https://hub.example.go.id:8443\".\n");
}

/* One mistake each: where it is reported and a part of its sentence. */
static void every_mistake_has_its_place(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *text;
        uint32_t line, column;
        const char *part;
    } cases[] = {
        {"", 0, 0, "empty"},
        {"- a\n", 1, 1, "must be a group"},
        {"node: a\ndeployment: d\ndata_dir: x\nhub: {url: \"https://h\"}\n", 1, 1, "\"role\" is missing"},
        {REGENCY "zone: WIX\n", 6, 7, "cannot be \"WIX\""},
        {REGENCY "zone: Europe/Berlin\n", 6, 7, "not known"},
        {REGENCY "language: fr\n", 6, 11, "language"},
        {REGENCY "log_level: verbose\n", 6, 12, "log level"},
        {REGENCY "keys: x\n", 6, 7, "must be a group"},
        {REGENCY "keys: {log_kee: x}\n", 6, 8, "log_kee"},
        {REGENCY "listen: {sync: \":1\"}\n", 6, 16, "does not listen"},
        {REGENCY "listen: {page: \"localhost\"}\n", 6, 16, "not an address"},
        {REGENCY "role: hub\n", 6, 1, "already stands in line 1"},
        {"role: hub\nnode: hub\ndeployment: d\ndata_dir: x\nhub: {url: \"https://h\"}\n", 5, 6, "no hub above"},
        {"role: regency\nnode: \"1\"\ndeployment: D\ndata_dir: x\nhub: {url: \"https://h\"}\n", 3, 13,
         "deployment must"},
        {"role: regency\nnode: \"1\"\ndeployment: d\ndata_dir: x\n", 1, 1, "\"hub\" is missing"},
        {"role: regency\nnode: \"1\"\ndeployment: d\ndata_dir: x\nhub: {name: hub}\n", 5, 6, "\"url\" is missing"},
        {REGENCY "store: x\n", 6, 8, "must be a group"},
        {REGENCY "store: {postgress: \"dbname=x\"}\n", 6, 9, "postgress"},
        {REGENCY "store: {path: x, postgres: \"dbname=x\"}\n", 6, 8, "either a file"},
        {REGENCY "store: {postgres: [a]}\n", 6, 19, "connection string"},
        {REGENCY "store: {replica: \"host=a\"}\n", 6, 18, "Only a store on a PostgreSQL server has a replica"},
        {REGENCY "legacy: {a: 1}\n", 6, 9, "must be a list"},
        {REGENCY "legacy:\n- {name: a, kind: oracle, mapping: m, lane: 1}\n", 7, 19, "cannot be \"oracle\""},
        {REGENCY "legacy:\n- {name: a, kind: sqlite, dsn: d, mapping: m, lane: 1}\n", 7, 32, "found by \"path\""},
        {REGENCY "legacy:\n- {name: a, kind: sqlite, path: d, mapping: m, lane: 0}\n", 7, 54, "from 1"},
        {REGENCY "legacy:\n- {name: A, kind: sqlite, path: d, mapping: m, lane: 1}\n", 7, 10, "The name must"},
        {REGENCY "legacy:\n- {name: a, kind: sqlite, path: d, lane: 1}\n", 7, 3, "\"mapping\" is missing"},
        {REGENCY "legacy:\n- {name: a, kind: sqlite, path: d, mapping: m, lane: 1, poll: 5}\n", 7, 63,
         "length of time"},
        {REGENCY "legacy:\n- {name: a, kind: sqlite, path: d, mapping: m, lane: 1, compare: \"24:00\"}\n", 7, 66,
         "23:59"},
        {REGENCY "legacy:\n- {name: a, kind: sqlite, path: d, mapping: m, lane: 1}\n"
                 "- {name: b, kind: sqlite, path: d, mapping: m, lane: 1}\n",
         8, 54, "already used in line 7"},
        {REGENCY "legacy:\n- {name: a, kind: sqlite, path: d, mapping: m, lane: 1}\n"
                 "- {name: a, kind: sqlite, path: d, mapping: m, lane: 2}\n",
         8, 10, "already used in line 7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(bench, cases[i].text), STATUS_INVALID);
        if (bench->problems.count != 1 || bench->problems.list[0].line != cases[i].line ||
            bench->problems.list[0].column != cases[i].column ||
            !strstr(bench->problems.list[0].sentence, cases[i].part)) {
            struct span report;
            assert_true(status_is_ok(problems_text(&bench->problems, &bench->arena, &report)));
            print_error("%s\n", (const char *)report.data);
            fail_msg("expected %u:%u %s", cases[i].line, cases[i].column, cases[i].part);
        }
    }
}

static void a_password_in_a_connection_string_is_not_repeated(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, REGENCY "legacy:\n- name: a\n  kind: postgres\n  dsn: \"host=x password=geheim\"\n"
                                          "  mapping: m\n  lane: x\n"),
                     STATUS_INVALID);
    struct span report;
    assert_true(status_is_ok(problems_text(&bench->problems, &bench->arena, &report)));
    assert_null(strstr((const char *)report.data, "geheim"));
}

static void the_store_is_a_file_or_a_database(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(parse(bench, REGENCY), STATUS_OK);
    assert_string_equal(bench->config.store_path, "/etc/simpul/data/simpul.db");
    assert_null(bench->config.store_postgres);
    assert_int_equal(parse(bench, REGENCY "store: {path: other.db}\n"), STATUS_OK);
    assert_string_equal(bench->config.store_path, "/etc/simpul/other.db");
    assert_int_equal(parse(bench, REGENCY "store: {postgres: \"host=a,b dbname=simpul\"}\n"), STATUS_OK);
    assert_string_equal(bench->config.store_postgres, "host=a,b dbname=simpul");
    assert_null(bench->config.store_path);
    assert_null(bench->config.store_replica);
    assert_int_equal(parse(bench, REGENCY "store: {postgres: \"host=a\", replica: \"host=b\"}\n"), STATUS_OK);
    assert_string_equal(bench->config.store_replica, "host=b");
}

static void urls_and_addresses_are_checked(void **state)
{
    struct bench *bench = *state;
    static const char *const good[] = {"https://a", "https://hub.example:1", "https://[::1]:65535", "https://10.0.0.1"};
    static const char *const bad[] = {"",           "https://",     "https://:1",  "http://a",        "https://a/",
                                      "https://a:", "https://a:0",  "https://a:x", "https://a:65536", "https://a b",
                                      "https://[]", "https://[::1", "https://a@b", "https://a:1:2",   "a:1"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(config_url_is_valid(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(config_url_is_valid(bad[i]));
    }
    static const char *const listen[] = {"127.0.0.1:0", "[::]:1", ":80", "localhost:65535"};
    static const char *const deaf[] = {"", ":", "1", "a:65536", "a:-1", "a:1 ", "::1:80", "[x]:1", "a:", "a:123456"};
    struct config_address address;
    for (size_t i = 0; i < sizeof listen / sizeof listen[0]; i++) {
        assert_true(config_address_parse(listen[i], &bench->arena, &address));
    }
    for (size_t i = 0; i < sizeof deaf / sizeof deaf[0]; i++) {
        assert_false(config_address_parse(deaf[i], &bench->arena, &address));
    }
}

static void zones_are_names_or_offsets(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *line;
        int32_t minutes;
    } cases[] = {{"zone: WITA\n", 480}, {"zone: WIT\n", 540},           {"zone: \"-08:00\"\n", -480},
                 {"zone: UTC\n", 0},    {"zone: Asia/Jayapura\n", 540}, {"zone: +05:30\n", 330}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[400];
        snprintf(text, sizeof text, "%s%s", REGENCY, cases[i].line);
        assert_int_equal(parse(bench, text), STATUS_OK);
        assert_int_equal(bench->config.zone_minutes, cases[i].minutes);
    }
}

static void no_memory_is_never_a_crash(void **state)
{
    (void)state;
    bool done = false;
    for (uint64_t n = 1; n < 200 && !done; n++) {
        struct heap_meter meter = {.fail_at = n};
        struct arena arena;
        struct problems problems;
        struct config config;
        arena_init(&arena, memory_metered(&meter), SIZE_MAX);
        problems_init(&problems, &arena);
        struct status status = config_parse("/x/y", span_text(REGENCY), &arena, &problems, &config);
        done = status_is_ok(status);
        assert_true(done || status.code == STATUS_NO_MEMORY);
        arena_release(&arena);
        assert_int_equal(meter.blocks, 0);
    }
    assert_true(done);
}

static const char *in_capitals(const char *english)
{
    return strcmp(english, "The key \"%s\" is missing: %s.") == 0 ? "TIDAK ADA \"%s\": %s." : english;
}

/* A file names its language, and is faulty elsewhere: the mistakes are told in that language all the same. */
static void mistakes_are_told_in_the_language_of_the_file(void **state)
{
    struct bench *bench = *state;
    struct span text = {0};
    char path[] = "/tmp/simpul-config-XXXXXX";
    static const char faulty[] = "language: id\nrole: [\"hub\n";
    static const char other[] = "foo: 1\nlanguage: id\n";
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(other, 1, sizeof other - 1, file), sizeof other - 1);
    fclose(file);
    assert_int_equal(config_language(path, &bench->arena), CONFIG_INDONESIAN);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(faulty, 1, sizeof faulty - 1, file), sizeof faulty - 1);
    fclose(file);
    assert_int_equal(config_language(path, &bench->arena), CONFIG_ENGLISH); /* nothing of it can be read */
    remove(path);
    assert_int_equal(config_language(path, &bench->arena), CONFIG_ENGLISH);

    problems_init(&bench->problems, &bench->arena);
    bench->problems.say = in_capitals;
    assert_int_equal(config_parse("/x", span_text(other), &bench->arena, &bench->problems, &bench->config).code, STATUS_INVALID);
    assert_int_equal(problems_text(&bench->problems, &bench->arena, &text).code, STATUS_OK);
    assert_non_null(strstr((const char *)text.data, "TIDAK ADA \"role\": hub, province or regency."));
    assert_non_null(strstr((const char *)text.data, "The key \"foo\" is not known in the configuration."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mistakes_are_told_in_the_language_of_the_file, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(the_sample_of_a_hub_loads, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(the_sample_of_a_regency_loads, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(what_is_left_out_has_a_default, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_province_listens_and_connects, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(five_mistakes_are_five_reports, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(every_mistake_has_its_place, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_password_in_a_connection_string_is_not_repeated, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(the_store_is_a_file_or_a_database, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(urls_and_addresses_are_checked, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(zones_are_names_or_offsets, bench_make, bench_remove),
        cmocka_unit_test(no_memory_is_never_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
