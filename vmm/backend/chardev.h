/* SPDX-License-Identifier: GPL-2.0 */
/* Character devices: what -serial names. */
#ifndef FERRY_VMM_BACKEND_CHARDEV_H
#define FERRY_VMM_BACKEND_CHARDEV_H

#include <termios.h>

#include "../dev/serial.h"

enum chardev_kind {
	CHARDEV_NONE,		/* no port at all */
	CHARDEV_NULL,
	CHARDEV_STDIO,
	CHARDEV_FILE,
	CHARDEV_PTY,
};

struct chardev_config {
	enum chardev_kind kind;
	bool mux;		/* mon:, Ctrl-a is an escape */
	char *path;		/* of CHARDEV_FILE */
};

struct chardev {
	struct machine *m;
	struct serial *serial;
	int in_fd, out_fd, peer_fd;
	bool mux;
	bool escape;		/* Ctrl-a was typed */
	bool raw;		/* termios below is to be restored */
	bool pump;		/* in_fd cannot be polled: read whenever there is room */
	bool lossy;		/* drop what nobody reads */
	bool in_watched;
	bool eof;
	struct termios saved;
	struct loop_source in, out;
	char notice[128];	/* what the user is to be told, "" if nothing */
};

int chardev_init(struct chardev *c, struct machine *m, const struct chardev_config *cfg,
		 struct error *e);
void chardev_attach(struct chardev *c, struct serial *s);

/* Restores the terminal. */
void chardev_destroy(struct chardev *c);

#endif /* FERRY_VMM_BACKEND_CHARDEV_H */
