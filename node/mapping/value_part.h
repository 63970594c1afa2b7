/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_MAPPING_VALUE_PART_H
#define NODE_MAPPING_VALUE_PART_H

#include "node/mapping/field.h"

/* Inside node/mapping: the place of a field's part in a decoded value, in both directions. */

/* Puts a part into a value whose `type` is set. */
void value_put(struct value *value, enum field_part part, const struct part_value *from);
/* Takes it out again; not there if it is the part's default. PART_REF: see field_ref. */
struct part_value value_take(const struct value *value, enum field_part part);

#endif
