/* SPDX-License-Identifier: GPL-2.0 */
/* Between monitor.c and session.c: one client's connection. */
#ifndef FERRY_VMM_MONITOR_SESSION_H
#define FERRY_VMM_MONITOR_SESSION_H

#include "hmp.h"
#include "monitor.h"
#include "qmp.h"

#define SESSION_INPUT	4096U

/* With so much unread no further command is taken; with so much more, a client is let go. */
#define SESSION_UNREAD	65536U
#define SESSION_UNREAD_MAX	(16 * SESSION_UNREAD)

struct monitor_session {
	struct monitor *mon;
	struct monitor_session *next;
	bool is_qmp;
	bool is_socket;
	bool eof;		/* it says no more, but may still be answered */
	bool dead;		/* to be freed by the main loop */
	int in_fd, out_fd;
	int file_fd;		/* stands for an in_fd that epoll cannot watch, or -1 */
	struct loop_source in, out;
	union {
		struct qmp qmp;
		struct hmp hmp;
	};

	/* Read and not yet used. */
	char input[SESSION_INPUT];
	size_t in_off, in_len;

	/* Said and not yet written. */
	char *unread;
	size_t unread_len, unread_room;
};

/* Take over two descriptors, which may be one twice, and greet; also closed if this fails. */
int session_open(struct monitor *mon, bool qmp, int in_fd, int out_fd);

/* Append to what the client is to read. */
void session_say(struct monitor_session *s, const char *text, size_t len);

/* Disconnect and free. */
void session_close(struct monitor_session *s);

/* monitor.c: listen again, or not while there are as many clients as there may be. */
void monitor_listen_again(struct monitor *mon);

#endif /* FERRY_VMM_MONITOR_SESSION_H */
