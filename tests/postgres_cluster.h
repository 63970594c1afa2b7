/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_POSTGRES_CLUSTER_H
#define TESTS_POSTGRES_CLUSTER_H

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One PostgreSQL cluster for a whole test program, a database per case: tests/system/postgres.sh in a temporary folder.
 * Included after cmocka by the programs that need one, each of which links libpq. */

static struct cluster {
    bool tried, there;
    char folder[64];
    char source[128]; /* a connection string without a database */
    unsigned databases;
} cluster;

static void cluster_command(const char *command, char *out_line, size_t size)
{
    char text[256];
    snprintf(text, sizeof text, "tests/system/postgres.sh %s %s%s", command, cluster.folder,
             strcmp(command, "start") == 0 ? " -c fsync=off -c max_connections=20 -c shared_buffers=16MB" : "");
    FILE *pipe = popen(text, "r");
    assert_non_null(pipe);
    out_line[0] = 0;
    if (fgets(out_line, (int)size, pipe)) {
        out_line[strcspn(out_line, "\n")] = 0;
    }
    pclose(pipe);
}

/* False: PostgreSQL is not installed here; said once, `what` was not tested. */
static bool cluster_start(const char *what)
{
    if (cluster.tried) {
        return cluster.there;
    }
    cluster.tried = true;
    snprintf(cluster.folder, sizeof cluster.folder, "/tmp/simpul-pg-XXXXXX");
    assert_non_null(mkdtemp(cluster.folder));
    cluster_command("start", cluster.source, sizeof cluster.source);
    cluster.there = cluster.source[0] != 0;
    if (!cluster.there) {
        print_error("SKIPPED: no PostgreSQL here; %s was not tested\n", what);
        rmdir(cluster.folder);
    }
    return cluster.there;
}

static void cluster_stop(void)
{
    char line[16];
    if (cluster.there) {
        cluster_command("stop", line, sizeof line);
    }
}

static void cluster_ignore_notices(void *owner, const char *message)
{
    (void)owner;
    (void)message;
}

static PGconn *connect_to(const char *source)
{
    PGconn *conn = PQconnectdb(source);
    if (PQstatus(conn) != CONNECTION_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    PQsetNoticeProcessor(conn, cluster_ignore_notices, NULL);
    return conn;
}

static void conn_run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", PQerrorMessage(conn), sql);
    }
    PQclear(result);
}

/* A new database; its name is "uji" and this number. */
static unsigned cluster_database(void)
{
    char sql[64];
    char source[192];
    snprintf(source, sizeof source, "%s dbname=postgres", cluster.source);
    PGconn *conn = connect_to(source);
    snprintf(sql, sizeof sql, "CREATE DATABASE uji%u", ++cluster.databases);
    conn_run(conn, sql);
    PQfinish(conn);
    return cluster.databases;
}

#endif
