/* SPDX-License-Identifier: Apache-2.0 */
#include "node/control/verbs.h"
const struct control_verb verbs_import[] = {
    {NULL, false, NULL},
};
