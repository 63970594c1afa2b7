/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFLICT_RECORD_ROW_H
#define CONFLICT_RECORD_ROW_H

#include "conflict/record.h"

/* The store's row. Everything that apply and show need, nothing that the leaves can tell: of a leaf's hash the history
 * keeps its whole hash, and registers written by one leaf (a create writes ten) name it once. Numbers are
 * varints; a dot is replica + 1 and rseq, or one 0 for none. */

#define ROW_VERSION 1

enum sibling_mark {
    MARK_FLAGS = 7,      /* enum sibling_flag */
    MARK_SAME = 1 << 3,  /* same leaf as the sibling written before */
    MARK_CTX = 1 << 4,   /* ctx follows */
    MARK_PRINT = 1 << 5, /* fingerprint instead of the value */
};

enum head_mark {
    HEAD_EPOCH_ONE = 1 << 0,
    HEAD_LANE_ZERO = 1 << 1,
    HEAD_HELD = 1 << 2, /* rseq, hash and reg follow */
};

#endif
