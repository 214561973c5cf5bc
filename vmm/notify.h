/* SPDX-License-Identifier: GPL-2.0 */
/* Tell the service manager, if it asked (Type=notify), that the guest has been set up. */
#ifndef FERRY_VMM_NOTIFY_H
#define FERRY_VMM_NOTIFY_H

/* A descriptor, or -1 if nobody asked. Before the way to sockets is given up. */
int notify_begin(void);

/* Say so, and close it. */
void notify_ready(int fd);

#endif /* FERRY_VMM_NOTIFY_H */
