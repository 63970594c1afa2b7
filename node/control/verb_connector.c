/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/exit.h"
#include "node/control/verbs.h"

/* connector.compare: a full comparison now. Check, preview, install and uninstall need no process: the CLI does them. */
static void compare_verb(struct control_host *host, const json_t *arguments, struct control_answer *answer)
{
    const char *name = argument_text(arguments, "name", answer);
    bool found = false;
    if (!name) {
        return;
    }
    pthread_mutex_lock(&host->process->connectors_lock);
    for (size_t i = 0; i < host->process->connector_count; i++) {
        struct connector *connector = host->process->connectors[i];
        if (connector && strcmp(connector_status(connector).name, name) == 0) {
            connector_compare(connector);
            found = true;
        }
    }
    pthread_mutex_unlock(&host->process->connectors_lock);
    if (found) {
        answer->reply = json_pack("{s:b}", "started", 1);
    } else {
        answer_problem(answer, EXIT_NO_SUCH, "the configuration names no connector \"%.40s\"", name);
    }
}

const struct control_verb verbs_connector[] = {
    {"connector.compare", true, compare_verb},
    {NULL, false, NULL},
};
