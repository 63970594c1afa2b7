# SPDX-License-Identifier: Apache-2.0
# record 0 is not the same at 64.01 and the hub (ok, ok)
# Found with seed 301. A node had stopped applying a writer that forked; what relays brought of that writer meanwhile was not
# kept, so that after the cut in the registry the honest changes that had read it waited for ever. Now it is kept beside the
# stream and applied when the cut says what counts.
seed 301
set nodes 2
set days 42
set rows 24
set compare 24
set delay 200
set hostile 1
act 1620403900 clerk_new 1 3204448384548300949
act 1880963849 hostile 2 5476923833617046379
act 2391786469 clerk_edit 2 4292164348545915795
act 2864385013 clerk_edit 1 5677155318282507929
act 2987748410 hostile 2 1597023660691815665
act 2992423451 hub_route 0 7976694599588848694
act 3621792060 hub_route 0 8989335457865845591
