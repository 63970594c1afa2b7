/* SPDX-License-Identifier: Apache-2.0 */
#include "node/process/health.h"

#include "node/base/clock.h"
#include "node/pki/pki.h"

enum { LOOK_MS = 10000, QUARANTINE_MAX = 1000 };

static uint64_t certificate_end_ms(const struct process *process)
{
    struct pki_facts facts;
    char problem[PKI_PROBLEM_SIZE];
    struct status status = pki_certificate_facts(process->config->certificate, clock_now_ms() / 1000, &facts, problem, sizeof problem);
    return status_is_ok(status) && facts.not_after_s > 0 ? (uint64_t)facts.not_after_s * 1000 : 0;
}

static void connectors_count(struct process *process, struct health *health)
{
    health->connectors = health->connectors_stuck = 0;
    pthread_mutex_lock(&process->connectors_lock);
    for (size_t i = 0; i < process->connector_count; i++) {
        if (process->connectors[i]) {
            enum connector_state state = connector_status(process->connectors[i]).state;
            health->connectors++;
            health->connectors_stuck += state == CONNECTOR_DOWN || state == CONNECTOR_REFUSED;
        }
    }
    pthread_mutex_unlock(&process->connectors_lock);
}

static struct status look(struct process *process, struct arena *arena)
{
    struct store *store = process->local.store;
    struct pair *pairs = arena_array(arena, QUARANTINE_MAX, sizeof *pairs);
    size_t quarantine = 0;
    if (!pairs) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    TRY(store->ops->scan(store, STORE_QUARANTINE, (struct span){0}, (struct span){0}, false, QUARANTINE_MAX, SIZE_MAX, arena, pairs,
                         &quarantine));
    TRY(store->ops->size(store, &process->health.store_bytes));
    process->health.quarantine = quarantine;
    process->health.certificate_end_ms = certificate_end_ms(process);
    connectors_count(process, &process->health);
    process->health_ms = clock_monotonic_ms();
    return status_ok();
}

struct status health_read(void *owner, struct core *core, struct arena *arena, struct health *out_health)
{
    struct process *process = owner;
    if (process->health_ms == 0 || clock_monotonic_ms() - process->health_ms > LOOK_MS) {
        TRY(look(process, arena));
    }
    *out_health = process->health;
    out_health->program = span_text(SIMPUL_VERSION);
    out_health->now_ms = (uint64_t)clock_now_ms();
    out_health->started_ms = (uint64_t)process->started_ms;
    out_health->waiting = core_unacked(core);
    return status_ok();
}
