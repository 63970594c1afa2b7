/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue as it stands in data/, under its own licence. */
    .section .rodata
    .global region_data
    .global region_data_end
region_data:
    .incbin "node/region/data/regions.csv"
region_data_end:
    .byte 0

    .section .note.GNU-stack, "", %progbits
