/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_MARK_H
#define TESTS_SIM_MARK_H

#include <stdint.h>

/* Marks stand beside what a long run must have been through; one that is never hit says that the simulator does not get
 * there. They live in the simulator alone. */

#define MARKS(X)                                                                                                       \
    X(push_refused) X(push_unanswered) X(pull_more) X(poll_answered) X(hello_fetch) X(hello_takeover)    \
    X(wait_step) X(stop_step) X(request_dropped) X(request_twice) X(request_replayed) X(request_cut) X(answer_cut)     \
    X(answer_lost) X(answer_late) X(site_crash) X(crash_in_commit) X(crash_in_recovery) X(commit_unknown_done)         \
    X(commit_unknown_undone) X(store_failed) X(store_restored) X(store_restored_in_doubt) X(new_epoch)                 \
    X(legacy_restored) X(generation_seen) X(clone_ran) X(clone_wrote) X(clone_refused) X(clock_years)                  \
    X(capture_create) X(capture_edit) X(capture_stale) X(capture_presence)    \
    X(capture_settle) X(capture_claim_lost) X(capture_pending_settled) X(capture_refused) X(capture_doubtful)          \
    X(capture_vanished) X(capture_derived) X(capture_replaced) X(capture_forget) X(capture_wait_ack)                   \
    X(capture_wait_foreign) X(capture_wait_hello) X(capture_wait_person) X(capture_wait_own) X(write_back)             \
    X(write_lost_race) X(write_unsayable) X(insert_row) X(routed_row) X(blank_row) X(route) X(route_back)              \
    X(erase) X(erase_done) X(conflict) X(token_stale) X(write_denied)      \
    X(write_busy) X(row_again) X(row_key_reused) X(legacy_down) X(fresh_node) X(hostile_act) X(hostile_refused)       \
    X(failover) X(failover_held) X(failover_over) X(failover_lost) X(key_renewed) X(revoked) X(readmitted) \
    X(revoked_refused)

enum mark {
#define X(name) MARK_##name,
    MARKS(X)
#undef X
        MARK_COUNT
};

#define SIM_MARK(w, name) ((w)->counts->marks[MARK_##name]++)

#endif
