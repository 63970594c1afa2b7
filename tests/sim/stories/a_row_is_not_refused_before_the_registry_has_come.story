# SPDX-License-Identifier: Apache-2.0
# 64.03: a captured row is refused: denied (this node may not write in that role role)
# Found with seed 67. Between hello and the first pull core_write said DENIED, which a connector takes for a mistake in the
# row: it went to the quarantine until the next full comparison. Now it says BUSY, which passes.
seed 67
set nodes 3
set days 1
set rows 24
set compare 24
set delay 30000
set lose 194
act 146955 clerk_edit 3 246908409827159651
