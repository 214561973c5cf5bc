// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the host's end of a serial port: the terminal, a file, a pseudo-terminal
 *	or nothing. Waits for neither direction: input is read only as far as the
 *	port has room, output is taken only as far as the descriptor takes it.
 * Threads: main (descriptors ready), vCPUs (the guest reads and writes).
 * Locks: the machine's lock is held by every caller.
 */
#include "chardev.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_ESCAPE	0x01	/* Ctrl-a */

static void chardev_say(struct chardev *c, const char *text)
{
	ssize_t n = write(c->out_fd, text, strlen(text));

	(void)n;	/* a terminal that is gone needs no help text */
}

/* The key after Ctrl-a; true if it goes to the guest. */
static bool chardev_escape_key(struct chardev *c, u8 key)
{
	switch (key) {
	case KEY_ESCAPE:
		return true;
	case 'x':
		chardev_say(c, "\r\nferry: Terminated\r\n");
		machine_ask(c->m, MACHINE_POWEROFF);
		break;
	case 'c':
		chardev_say(c, "\r\nferry: this build has no monitor; "
			    "C-a x quits, C-a h helps\r\n");
		break;
	case 'h':
	case '?':
		chardev_say(c, "\r\nC-a h    print this help\r\n"
			    "C-a x    exit\r\n"
			    "C-a C-a  send C-a\r\n");
		break;
	}
	return false;
}

/* Take the escapes out of what was typed; the bytes that are left. */
static unsigned int chardev_demux(struct chardev *c, u8 *buf, unsigned int len)
{
	unsigned int i, n = 0;

	if (!c->mux)
		return len;
	for (i = 0; i < len; i++) {
		if (c->escape) {
			c->escape = false;
			if (chardev_escape_key(c, buf[i]))
				buf[n++] = buf[i];
		} else if (buf[i] == KEY_ESCAPE) {
			c->escape = true;
		} else {
			buf[n++] = buf[i];
		}
	}
	return n;
}

static void chardev_stop_input(struct chardev *c)
{
	loop_del(&c->m->loop, &c->in);
	c->pump = false;
	c->in_watched = false;
	c->eof = true;
}

/* Read once, as much as the port takes; false if there is nothing more to read. */
static bool chardev_read(struct chardev *c)
{
	u8 buf[SERIAL_FIFO];
	unsigned int room = serial_room(c->serial);
	ssize_t n;

	if (!room)
		return false;
	n = read(c->in_fd, buf, room);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		chardev_stop_input(c);
		return false;
	}
	n = chardev_demux(c, buf, n);
	if (n)
		serial_receive(c->serial, buf, n);
	return true;
}

static void chardev_in_ready(void *opaque, u32 events)
{
	struct chardev *c = opaque;

	(void)events;
	chardev_read(c);
	if (!serial_room(c->serial) && c->in_watched) {
		/* The guest's reading switches it on again. */
		loop_del(&c->m->loop, &c->in);
		c->in_watched = false;
	}
}

static void chardev_watch_input(struct chardev *c)
{
	int ret;

	if (c->in_fd < 0 || c->eof || c->in_watched || c->pump)
		return;
	ret = loop_add(&c->m->loop, &c->in, EPOLLIN);
	if (ret == -EPERM)
		c->pump = true;
	else if (!ret)
		c->in_watched = true;
}

static void chardev_resume(void *backend)
{
	struct chardev *c = backend;

	if (c->in.ready)
		chardev_watch_input(c);
	if (c->pump)
		chardev_read(c);
}

static void chardev_out_ready(void *opaque, u32 events)
{
	struct chardev *c = opaque;

	(void)events;
	loop_del(&c->m->loop, &c->out);
	serial_writable(c->serial);
}

static size_t chardev_send(void *backend, const u8 *buf, size_t len)
{
	struct chardev *c = backend;
	struct pollfd p = { .fd = c->out_fd, .events = POLLOUT };
	ssize_t n;

	if (c->out_fd < 0)
		return len;
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT)) {
		n = write(c->out_fd, buf, len);
		if (n >= 0)
			return n;
		if (errno != EAGAIN && errno != EINTR)
			return len;
	} else if (p.revents & (POLLERR | POLLHUP | POLLNVAL)) {
		return len;	/* nobody is there, and nobody will be */
	}
	if (c->lossy)
		return len;
	if (!c->out.added && loop_add(&c->m->loop, &c->out, EPOLLOUT))
		return len;
	return 0;
}

static const struct serial_backend_ops chardev_ops = {
	.send = chardev_send,
	.resume = chardev_resume,
};

static void chardev_raw(struct chardev *c)
{
	struct termios t;

	if (tcgetattr(c->in_fd, &c->saved))
		return;
	t = c->saved;
	t.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	t.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
	/* With the escape there is a way out, so Ctrl-c goes to the guest. */
	if (c->mux)
		t.c_lflag &= ~ISIG;
	t.c_cflag = (t.c_cflag & ~(CSIZE | PARENB)) | CS8;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	c->raw = !tcsetattr(c->in_fd, TCSANOW, &t);
}

static int chardev_open_pty(struct chardev *c, struct error *e)
{
	struct termios t;
	char name[64];

	c->out_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (c->out_fd < 0 || grantpt(c->out_fd) || unlockpt(c->out_fd) ||
	    ptsname_r(c->out_fd, name, sizeof(name)))
		return error_errno(e, errno, "could not open a pseudo-terminal");
	/* Held open: without a peer the descriptor would be ready forever. */
	c->peer_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->peer_fd < 0)
		return error_errno(e, errno, "could not open '%s'", name);
	if (!tcgetattr(c->peer_fd, &t)) {
		cfmakeraw(&t);
		tcsetattr(c->peer_fd, TCSANOW, &t);
	}
	c->in_fd = c->out_fd;
	c->lossy = true;
	snprintf(c->notice, sizeof(c->notice), "char device redirected to %s (label serial0)",
		 name);
	return 0;
}

int chardev_init(struct chardev *c, struct machine *m, const struct chardev_config *cfg,
		 struct error *e)
{
	*c = (struct chardev){ .m = m, .in_fd = -1, .out_fd = -1, .peer_fd = -1,
			       .mux = cfg->mux };
	switch (cfg->kind) {
	case CHARDEV_STDIO:
		c->in_fd = STDIN_FILENO;
		c->out_fd = STDOUT_FILENO;
		chardev_raw(c);
		break;
	case CHARDEV_FILE:
		c->out_fd = open(cfg->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY,
				 0666);
		if (c->out_fd < 0)
			return error_errno(e, errno, "could not open '%s'", cfg->path);
		break;
	case CHARDEV_PTY:
		return chardev_open_pty(c, e);
	case CHARDEV_NULL:
	case CHARDEV_NONE:
		break;
	}
	return 0;
}

void chardev_attach(struct chardev *c, struct serial *s)
{
	c->serial = s;
	c->in = (struct loop_source){ .fd = c->in_fd, .ready = chardev_in_ready, .opaque = c };
	c->out = (struct loop_source){ .fd = c->out_fd, .ready = chardev_out_ready,
				       .opaque = c };
	serial_set_backend(s, &chardev_ops, c);
	chardev_watch_input(c);
	if (c->pump)
		chardev_read(c);
}

void chardev_destroy(struct chardev *c)
{
	if (!c->m)
		return;
	loop_del(&c->m->loop, &c->in);
	loop_del(&c->m->loop, &c->out);
	if (c->raw)
		tcsetattr(c->in_fd, TCSANOW, &c->saved);
	if (c->peer_fd >= 0)
		close(c->peer_fd);
	if (c->out_fd > STDERR_FILENO)
		close(c->out_fd);
	c->raw = false;
	c->out_fd = -1;
	c->in_fd = -1;
}
