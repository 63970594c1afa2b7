/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

/* What other processes committed to the same store since this one last looked. Between transactions the core keeps the meta row,
 * the rows of all streams and the registry; records only where nobody else writes (core_records.c). So at the begin of each the
 * store names the rows that moved, and exactly those are read again: the meta row always, a stream's row where it was written,
 * of the registry the leaves that are new. What cannot be followed is loaded anew. */

static struct status doubt_load(struct core *core)
{
    struct span doubt;
    TRY(store_get_one(core->store, STORE_META, span_text(STORE_META_DOUBT), &core->scratch, &doubt));
    core->in_doubt = doubt.data != NULL;
    return status_ok();
}

/* Each of these rises with what is written, and never falls. */
bool core_store_is_behind(const struct core *core)
{
    const struct core_meta *now = &core->meta;
    const struct core_meta *before = &core->committed;
    return now->epoch < before->epoch || now->hlc < before->hlc || now->changed < before->changed ||
           now->order < before->order || now->event < before->event;
}

static struct status load_all(struct core *core, const struct store_moves *moves)
{
    TRY(core_load(core));
    if (moves->any && core->is_hub && core->meta.epoch > 0) {
        TRY(doubt_load(core));
    }
    return moves->all && core_store_is_behind(core) ? STATUS_MAKE(STATUS_FORKED) : status_ok();
}

static struct status follow(struct core *core, const struct store_moves *moves)
{
    uint64_t held = core->registry.size;
    stream_tails_forget(core); /* leaves may have been taken back */
    TRY(core_meta_load(core));
    TRY(streams_reload(core, moves->streams, moves->stream_count));
    TRY(core_registry_follow(core));
    core->registry_grown = core->registry.size != held;
    return core->is_hub ? doubt_load(core) : status_ok();
}

static struct status news_note(struct core *core, const struct store_moves *moves)
{
    for (size_t i = 0; i < moves->stream_count; i++) {
        struct stream *stream = stream_of_key(core, moves->streams[i]);
        if (stream) {
            TRY(stream_grew(core, stream));
        }
    }
    core->saved = moves->records;
    core->saved_count = core->saved_capacity = moves->record_count;
    core->news = true;
    return status_ok();
}

static struct status catch_up(struct core *core, const struct store_moves *moves)
{
    bool anew = !core->loaded || moves->all;
    struct status status = moves->any && !anew ? follow(core, moves) : status_ok();
    anew |= status.code == STATUS_INVALID;
    TRY(anew ? load_all(core, moves) : status);
    if (moves->any && !moves->all) {
        TRY(news_note(core, moves));
    }
    if (moves->any && !core->options.reads_only) {
        core->committed = core->meta;
    }
    return status_ok();
}

struct status core_catch_up(struct core *core)
{
    struct store_moves moves = {.any = false};
    if (core->store->ops->moved) {
        TRY(core->store->ops->moved(core->store, &core->arena, &moves));
    }
    core->missed |= moves.any; /* told once: if this fails, everything is news the next time */
    struct status status = catch_up(core, &moves);
    core->loaded = status_is_ok(status);
    if (!core->loaded) {
        return status;
    }
    core->news_all = moves.all || (core->missed && !moves.any);
    core->news |= core->news_all;
    core->missed = false;
    return status;
}

bool core_has_news(const struct core *core)
{
    return core->news;
}

bool core_news_is_all(const struct core *core)
{
    return core->news_all;
}

void core_news_told(struct core *core)
{
    core->news = core->news_all = core->registry_grown = false;
    core->grown_count = 0;
    core->saved_count = 0;
}
