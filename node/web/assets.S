/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the page, as bundle.mjs compressed them; names as in node/board/board_assets.c. */
.macro asset name, file
    .global \name
    .global \name\()_end
    .balign 16
\name:
    .incbin "\file"
\name\()_end:
    .byte 0
.endm

    .section .rodata
    asset web_index, "index.html.gz"
    asset web_script, "app.js.gz"
    asset web_style, "app.css.gz"
    asset web_icon, "icon.svg.gz"

    .section .note.GNU-stack, "", %progbits
