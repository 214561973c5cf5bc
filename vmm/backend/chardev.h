/* SPDX-License-Identifier: GPL-2.0 */
/* Character devices: what -serial and -chardev name. */
#ifndef FERRY_VMM_BACKEND_CHARDEV_H
#define FERRY_VMM_BACKEND_CHARDEV_H

#include <termios.h>

#include "../dev/console.h"
#include "../dev/serial.h"

enum chardev_kind {
	CHARDEV_NONE,		/* no port at all */
	CHARDEV_NULL,
	CHARDEV_STDIO,
	CHARDEV_FILE,
	CHARDEV_PTY,
	CHARDEV_SOCKET,
};

struct chardev_config {
	enum chardev_kind kind;
	bool mux;		/* mon:, Ctrl-a is an escape */
	char *path;		/* of CHARDEV_FILE and CHARDEV_SOCKET */
	bool server;		/* clients come to the socket; else it is one of another's */
	bool wait;		/* go on only once the first has come */
	const char *label;	/* what it is called in messages */
};

/* The monitor behind C-a c. Called under the machine's lock. */
struct chardev_monitor {
	void (*typed)(void *opaque, const char *buf, size_t len);
	void (*focus)(void *opaque, bool on);
	void *opaque;
};

/* Keys for the guest that its port has no room for, where C-a must be heard behind them. */
#define CHARDEV_PENDING	64U

/* Text of the monitor that a terminal does not take at once. */
#define CHARDEV_TEXT	65536U

struct chardev {
	struct machine *m;
	const struct chars_port_ops *port_ops;
	void *port;
	int in_fd, out_fd, peer_fd;
	int file_fd;		/* stands for an in_fd that cannot be watched */
	int listen_fd;		/* of a socket that clients come to */
	const char *listen_path;	/* to be unlinked */
	bool mux;
	bool at_monitor;	/* what is typed goes to the monitor */
	struct chardev_monitor monitor;	/* no functions: there is none */
	u8 pending[CHARDEV_PENDING];
	unsigned int n_pending;
	char *text;
	size_t text_len;
	bool escape;		/* Ctrl-a was typed */
	bool raw;		/* termios below is to be restored */
	bool lossy;		/* drop what nobody reads */
	bool eof;
	bool deaf;		/* in is only there to see a client leave */
	struct termios saved;
	struct loop_source in, out, clients;
	char notice[128];	/* what the user is to be told, "" if nothing */
};

/* @abort_fd becomes readable when waiting for a client shall end. */
int chardev_init(struct chardev *c, struct machine *m, const struct chardev_config *cfg,
		 int abort_fd, struct error *e);

/* Begin to read and write for a serial port, or for a console. */
void chardev_attach(struct chardev *c, struct serial *s);
void chardev_attach_console(struct chardev *c, struct console_dev *console);

/* Restores the terminal. */
void chardev_destroy(struct chardev *c);

/* Let C-a c lead to a monitor; and print what it says. */
void chardev_set_monitor(struct chardev *c, const struct chardev_monitor *monitor);
void chardev_print(struct chardev *c, const char *text, size_t len);

#endif /* FERRY_VMM_BACKEND_CHARDEV_H */
