# SPDX-License-Identifier: Apache-2.0
# hub: what an erasure of record 0 covers is to be destroyed in 362 days only
# Found with seed 55. The hold of an erasure was noted by the clock of the moment; set right later, the clock let it
# wait for a year. core_upkeep begins a hold that ends later than the longest one anew.
seed 55
set nodes 1
set days 2
set rows 24
set compare 24
act 4315262 clock 0 702718692004435003
act 67733332 clerk_edit 1 475909518254468162
act 72889308 hub_erase 0 6033204252611030373
act 140750425 clock 0 2358977106276102598
