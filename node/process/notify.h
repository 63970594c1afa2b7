/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PROCESS_NOTIFY_H
#define NODE_PROCESS_NOTIFY_H

/* The sd_notify datagram: tells the service manager, if one listens (NOTIFY_SOCKET), how we are. */
void notify_state(const char *state);

#endif
