/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/cli.h"
int command_import(struct cli *cli)
{
    (void)cli;
    return EXIT_USAGE;
}
