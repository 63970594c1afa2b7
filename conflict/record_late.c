/* SPDX-License-Identifier: Apache-2.0 */
#include "conflict/record_parts.h"

/* A former owner's change is never void: his clerks go on typing. It is late if the first route out of his scope after
 * its grant (after the create, where it has none) lacks its dot in ctx (log.md, "Append and apply are two decisions").
 */

static bool leads_out_after(const struct route_step *step, struct scope_id scope, struct dot_index grant)
{
    if (!scope_id_equal(step->from, scope)) {
        return false;
    }
    return grant.rseq == 0 || ctx_covers(step->ctx, step->ctx_count, grant) ||
           (step->dot.replica == grant.replica && step->dot.rseq > grant.rseq);
}

static bool comes_before(const struct record *record, const struct route_step *a, const struct route_step *b)
{
    bool known = ctx_covers(b->ctx, b->ctx_count, a->dot);
    bool knows = ctx_covers(a->ctx, a->ctx_count, b->dot);
    return known != knows ? known : record_dot_index_compare(record, a->dot, b->dot) < 0;
}

bool record_dot_is_late(const struct record *record, struct dot_index dot, struct dot_index grant)
{
    if (record->route_count == 0) {
        return false;
    }
    struct scope_id scope = scope_of_node(record->replicas[dot.replica].replica.node);
    const struct route_step *first = NULL;
    for (size_t i = 0; i < record->route_count; i++) {
        const struct route_step *step = &record->routes[i];
        if (leads_out_after(step, scope, grant) && (!first || comes_before(record, step, first))) {
            first = step;
        }
    }
    return first && !ctx_covers(first->ctx, first->ctx_count, dot);
}

bool record_is_late(const struct record *record, const struct sibling *sibling)
{
    return record_dot_is_late(record, sibling->dot, sibling->grant);
}
