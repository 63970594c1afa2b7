/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_BASE_LOG_EVENTS_H
#define NODE_BASE_LOG_EVENTS_H

/* Every event that the program can log: name, level, then its 1 to 6 fields in the order in which the caller gives them.
 * Add a line where an event is missing; keep families together. Field kinds: node/base/log.h. An operator's grep relies
 * on these names, so a released one is not renamed. */
#define LOG_EVENTS(EVENT)                                                                                              \
    /* process */                                                                                                      \
    EVENT(started, INFO, {"version", FIELD_WORD}, {"role", FIELD_WORD}, {"node", FIELD_NODE})                          \
    EVENT(stopping, INFO, {"reason", FIELD_WORD})                                                                      \
    EVENT(stopped, INFO, {"took", FIELD_MS})                                                                           \
    EVENT(configuration_refused, ERROR, {"errors", FIELD_COUNT})                                                       \
    EVENT(clock_jumped, WARN, {"by", FIELD_MS})                                                                        \
    /* store */                                                                                                        \
    EVENT(store_opened, INFO, {"kind", FIELD_WORD}, {"size", FIELD_BYTES}, {"took", FIELD_MS})                         \
    EVENT(store_in_doubt, WARN, {"epoch", FIELD_COUNT})                                                                \
    EVENT(store_failed, ERROR, {"status", FIELD_STATUS}, {"problem", FIELD_WORD})                                      \
    EVENT(store_paused, WARN, {"status", FIELD_STATUS}, {"problem", FIELD_WORD})                                       \
    EVENT(replica_away, WARN, {"status", FIELD_STATUS}, {"problem", FIELD_WORD})                                       \
    EVENT(replica_back, INFO, {"age", FIELD_MS})                                                                       \
    EVENT(store_returned, INFO, {"took", FIELD_MS})                                                                    \
    EVENT(store_commit_unknown, WARN, {"problem", FIELD_WORD})                                                         \
    /* peers */                                                                                                        \
    EVENT(link_up, INFO, {"to", FIELD_WORD})                                                                           \
    EVENT(link_lost, WARN, {"to", FIELD_WORD}, {"state", FIELD_WORD})                                                  \
    EVENT(link_stopped, ERROR, {"to", FIELD_WORD}, {"state", FIELD_WORD})                                              \
    EVENT(peer_connected, INFO, {"node", FIELD_NODE})                                                                  \
    EVENT(peer_lost, WARN, {"node", FIELD_NODE}, {"status", FIELD_STATUS}, {"retry_in", FIELD_MS})                     \
    EVENT(peer_refused, WARN, {"node", FIELD_NODE}, {"what", FIELD_WORD}, {"field", FIELD_WORD})                       \
    EVENT(push_done, DEBUG, {"node", FIELD_NODE}, {"leaves", FIELD_COUNT}, {"size", FIELD_COUNT}, {"took", FIELD_MS})  \
    EVENT(pull_done, DEBUG, {"node", FIELD_NODE}, {"leaves", FIELD_COUNT}, {"size", FIELD_COUNT}, {"took", FIELD_MS})  \
    EVENT(stream_forked, ERROR, {"node", FIELD_NODE}, {"scope", FIELD_SCOPE}, {"held", FIELD_HASH},                    \
          {"got", FIELD_HASH})                                                                                         \
    EVENT(epoch_opened, WARN, {"node", FIELD_NODE}, {"epoch", FIELD_COUNT}, {"reason", FIELD_WORD})                    \
    /* records */                                                                                                      \
    EVENT(leaf_void, WARN, {"node", FIELD_NODE}, {"seq", FIELD_COUNT}, {"what", FIELD_WORD})                           \
    EVENT(record_conflict, INFO, {"record", FIELD_RECORD}, {"registers", FIELD_COUNT})                                 \
    EVENT(record_erased, INFO, {"record", FIELD_RECORD})                                                               \
    /* screens */                                                                                                      \
    EVENT(figures_failed, WARN, {"status", FIELD_STATUS})                                                              \
    EVENT(heard_unsaved, WARN, {"status", FIELD_STATUS})                                                               \
    EVENT(account_changed, INFO, {"by", FIELD_WORD}, {"what", FIELD_WORD})                                             \
    EVENT(sign_in_refused, WARN, {"reason", FIELD_WORD})                                                               \
    /* connectors */                                                                                                   \
    EVENT(connector_up, INFO, {"connector", FIELD_WORD})                                                               \
    EVENT(connector_down, WARN, {"connector", FIELD_WORD}, {"status", FIELD_STATUS}, {"retry_in", FIELD_MS},           \
          {"problem", FIELD_WORD})                                                                                     \
    EVENT(capture_done, DEBUG, {"connector", FIELD_WORD}, {"rows", FIELD_COUNT}, {"changes", FIELD_COUNT},             \
          {"took", FIELD_MS})                                                                                          \
    EVENT(write_back_done, DEBUG, {"connector", FIELD_WORD}, {"rows", FIELD_COUNT}, {"took", FIELD_MS})                \
    EVENT(row_quarantined, WARN, {"connector", FIELD_WORD}, {"table", FIELD_WORD}, {"what", FIELD_WORD})               \
    /* http */                                                                                                         \
    EVENT(listening, INFO, {"listener", FIELD_WORD}, {"port", FIELD_INT})                                              \
    EVENT(request_refused, DEBUG, {"listener", FIELD_WORD}, {"code", FIELD_INT}, {"what", FIELD_WORD})                 \
    EVENT(system_error, ERROR, {"call", FIELD_WORD}, {"error", FIELD_ERRNO})

#endif
