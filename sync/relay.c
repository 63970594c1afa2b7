/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"
