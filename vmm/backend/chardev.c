// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the host's end of a serial port or a console: the terminal, a file, a pseudo-terminal
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
#include <sys/eventfd.h>
#include <unistd.h>

#include "sock.h"

#define KEY_ESCAPE	0x01	/* Ctrl-a */

/* At most a pipe's or a terminal's least room at once: what can be written is not blocked on. */
#define CHARDEV_PIECE	512U

/* Write what can be written now; how much, or -EAGAIN, or another errno if nobody is there. */
static ssize_t chardev_write(struct chardev *c, const void *buf, size_t len)
{
	struct pollfd p = { .fd = c->out_fd, .events = POLLOUT };
	ssize_t n;

	if (c->out_fd < 0)
		return -EPIPE;
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT)) {
		n = write(c->out_fd, buf, len < CHARDEV_PIECE ? len : CHARDEV_PIECE);
		if (n >= 0)
			return n;
		return errno == EINTR ? -EAGAIN : -errno;
	}
	return p.revents & (POLLERR | POLLHUP | POLLNVAL) ? -EPIPE : -EAGAIN;
}

static void chardev_flush_text(struct chardev *c)
{
	size_t done = 0;
	ssize_t n = 0;

	while (done < c->text_len) {
		n = chardev_write(c, c->text + done, c->text_len - done);
		if (n < 0)
			break;
		done += n;
	}
	if (n < 0 && n != -EAGAIN)
		done = c->text_len;
	c->text_len -= done;
	if (c->text_len)
		memmove(c->text, c->text + done, c->text_len);
	if (c->text_len && !c->out.added)
		loop_add(&c->m->loop, &c->out, EPOLLOUT);
}

void chardev_print(struct chardev *c, const char *text, size_t len)
{
	if (!c->text)
		c->text = malloc(CHARDEV_TEXT);
	/* A terminal that takes nothing for so long is not being read. */
	if (!c->text || len > CHARDEV_TEXT - c->text_len)
		return;
	memcpy(c->text + c->text_len, text, len);
	c->text_len += len;
	chardev_flush_text(c);
}

static void chardev_say(struct chardev *c, const char *text)
{
	chardev_print(c, text, strlen(text));
}

static void chardev_switch(struct chardev *c)
{
	if (!c->monitor.focus) {
		chardev_say(c, "\r\nferry: no monitor is here; C-a x quits, C-a h helps\r\n");
		return;
	}
	c->at_monitor = !c->at_monitor;
	chardev_say(c, "\r\n");
	c->monitor.focus(c->monitor.opaque, c->at_monitor);
}

/* The key after Ctrl-a; true if it goes to the guest. */
static bool chardev_escape_key(struct chardev *c, u8 key)
{
	switch (key) {
	case KEY_ESCAPE:
		return true;
	case 'x':
		chardev_say(c, "\r\nferry: Terminated\r\n");
		machine_ask_by(c->m, MACHINE_POWEROFF, MACHINE_BY_KEY);
		break;
	case 'c':
		chardev_switch(c);
		break;
	case 'h':
	case '?':
		chardev_say(c, "\r\nC-a h    print this help\r\n"
			    "C-a x    exit\r\n"
			    "C-a c    switch between serial port and monitor\r\n"
			    "C-a C-a  send C-a\r\n");
		break;
	}
	return false;
}

/* Give the guest what its port has room for. */
static void chardev_deliver(struct chardev *c)
{
	unsigned int n = c->port_ops->room(c->port);

	n = n < c->n_pending ? n : c->n_pending;
	if (!n)
		return;
	c->n_pending -= n;
	c->port_ops->receive(c->port, c->pending, n);
	memmove(c->pending, c->pending + n, c->n_pending);
}

static void chardev_typed(struct chardev *c, u8 key)
{
	char k = key;

	if (c->at_monitor)
		c->monitor.typed(c->monitor.opaque, &k, 1);
	else if (c->n_pending < sizeof(c->pending))
		c->pending[c->n_pending++] = key;
}

/* Take the escapes out of what was typed, and hand the rest to whom it is for. */
static void chardev_input(struct chardev *c, const u8 *buf, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i++) {
		if (c->mux && c->escape) {
			c->escape = false;
			if (chardev_escape_key(c, buf[i]))
				chardev_typed(c, buf[i]);
		} else if (c->mux && buf[i] == KEY_ESCAPE) {
			c->escape = true;
		} else {
			chardev_typed(c, buf[i]);
		}
	}
	chardev_deliver(c);
}

/* How much may be read. */
static unsigned int chardev_room(const struct chardev *c)
{
	if (c->at_monitor)
		return CHARDEV_PENDING;
	if (c->mux)
		return CHARDEV_PENDING - c->n_pending;
	return c->port_ops->room(c->port);
}

static void chardev_hang_up(struct chardev *c)
{
	loop_del(&c->m->loop, &c->out);
	close(c->in_fd);
	close(c->out_fd);
	c->in_fd = -1;
	c->out_fd = -1;
	c->text_len = 0;
	c->escape = false;
	if (c->at_monitor)
		c->monitor.focus(c->monitor.opaque, false);
	c->at_monitor = false;
	if (c->clients.ready)
		loop_add(&c->m->loop, &c->clients, EPOLLIN);
	/* What waited for room waits for nobody now. */
	c->port_ops->writable(c->port);
}

static void chardev_stop_input(struct chardev *c)
{
	loop_del(&c->m->loop, &c->in);
	c->deaf = false;
	c->eof = true;
	if (c->listen_fd >= 0)
		chardev_hang_up(c);
}

/* Read once, as much as there is room for. */
static void chardev_read(struct chardev *c)
{
	unsigned int room = chardev_room(c);
	u8 buf[CHARDEV_PENDING];
	ssize_t n;

	if (!room)
		return;
	n = read(c->in_fd, buf, room < sizeof(buf) ? room : sizeof(buf));
	if (n > 0)
		chardev_input(c, buf, n);
	else if (!n || (errno != EAGAIN && errno != EINTR))
		chardev_stop_input(c);
}

/* Until the guest has read there is no room; but a client that leaves makes way for the next. */
static void chardev_pause_input(struct chardev *c)
{
	if (!c->in.added)
		return;
	c->deaf = c->listen_fd >= 0 && !loop_modify(&c->m->loop, &c->in, 0);
	if (!c->deaf)
		loop_del(&c->m->loop, &c->in);
}

static void chardev_in_ready(void *opaque, u32 events)
{
	struct chardev *c = opaque;

	if (c->deaf && (events & (EPOLLHUP | EPOLLERR)))
		chardev_stop_input(c);
	else
		chardev_read(c);
	if (!chardev_room(c))
		chardev_pause_input(c);
}

/* What epoll refuses to watch, a file, is always ready; so is an eventfd that is not read. */
static int chardev_watch_file(struct chardev *c)
{
	c->file_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->file_fd < 0)
		return -errno;
	c->in.fd = c->file_fd;
	return loop_add(&c->m->loop, &c->in, EPOLLIN);
}

static void chardev_watch_input(struct chardev *c)
{
	int ret;

	if (c->in_fd < 0 || c->eof)
		return;
	if (c->deaf)
		c->deaf = loop_modify(&c->m->loop, &c->in, EPOLLIN) != 0;
	if (c->in.added)
		return;
	ret = loop_add(&c->m->loop, &c->in, EPOLLIN);
	if (ret == -EPERM && c->file_fd < 0)
		chardev_watch_file(c);
}

static void chardev_resume(void *backend)
{
	struct chardev *c = backend;

	chardev_deliver(c);
	if (c->in.ready && chardev_room(c))
		chardev_watch_input(c);
}

static void chardev_out_ready(void *opaque, u32 events)
{
	struct chardev *c = opaque;

	(void)events;
	loop_del(&c->m->loop, &c->out);
	chardev_flush_text(c);
	c->port_ops->writable(c->port);
}

static size_t chardev_send(void *backend, const u8 *buf, size_t len)
{
	struct chardev *c = backend;
	ssize_t n = chardev_write(c, buf, len);

	/* Nobody is there, or nobody need be. */
	if (n == (ssize_t)len || (n < 0 && (n != -EAGAIN || c->lossy)))
		return len;
	if (!c->out.added && loop_add(&c->m->loop, &c->out, EPOLLOUT))
		return len;
	return n < 0 ? 0 : n;
}

static const struct chars_backend_ops chardev_ops = {
	.send = chardev_send,
	.resume = chardev_resume,
};

/*
 * The terminal's output once more, not to be blocked on: it may be ready and yet take less than is
 * written. Others have standard output, too, and it stays as they know it.
 */
static int chardev_open_terminal(void)
{
	int fd = -1;

	if (isatty(STDOUT_FILENO))
		fd = open("/proc/self/fd/1", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? STDOUT_FILENO : fd;
}

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

static int chardev_open_pty(struct chardev *c, const struct chardev_config *cfg, struct error *e)
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
	snprintf(c->notice, sizeof(c->notice), "char device redirected to %s (label %s)", name,
		 cfg->label ?: "serial0");
	return 0;
}

/* Opening is not waited for: no signal would end the wait for who reads a FIFO. */
static int chardev_open_file(struct chardev *c, const char *path, struct error *e)
{
	c->out_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
			 0666);
	if (c->out_fd < 0 ||
	    fcntl(c->out_fd, F_SETFL, fcntl(c->out_fd, F_GETFL) & ~O_NONBLOCK))
		return error_errno(e, errno, "could not open '%s'", path);
	return 0;
}

/* Two descriptors, for epoll watches each by itself. */
static int chardev_connected(struct chardev *c, int fd)
{
	int out = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (out < 0) {
		out = -errno;
		close(fd);
		return out;
	}
	c->in_fd = fd;
	c->out_fd = out;
	c->in.fd = fd;
	c->out.fd = out;
	c->eof = false;
	return 0;
}

/* One client at a time; the next has to wait until it is gone. */
static void chardev_client(void *opaque, u32 events)
{
	struct chardev *c = opaque;
	int fd = sock_accept(c->listen_fd);

	(void)events;
	if (fd < 0 || chardev_connected(c, fd))
		return;
	loop_del(&c->m->loop, &c->clients);
	chardev_watch_input(c);
}

static int chardev_open_socket(struct chardev *c, const struct chardev_config *cfg, int abort_fd,
			       struct error *e)
{
	int fd, ret;

	if (!cfg->server) {
		fd = sock_connect(cfg->path, e);
		return fd < 0 ? fd : chardev_connected(c, fd);
	}
	c->listen_fd = sock_listen(cfg->path, e);
	if (c->listen_fd < 0)
		return c->listen_fd;
	c->listen_path = cfg->path;
	if (!cfg->wait)
		return 0;
	fd = sock_await(c->listen_fd, abort_fd);
	ret = fd < 0 ? fd : chardev_connected(c, fd);
	return ret ? error_errno(e, ret, "waiting for a client on %s", cfg->path) : 0;
}

int chardev_init(struct chardev *c, struct machine *m, const struct chardev_config *cfg,
		 int abort_fd, struct error *e)
{
	*c = (struct chardev){ .m = m, .in_fd = -1, .out_fd = -1, .peer_fd = -1,
			       .listen_fd = -1, .file_fd = -1, .mux = cfg->mux };
	switch (cfg->kind) {
	case CHARDEV_STDIO:
		c->in_fd = STDIN_FILENO;
		c->out_fd = chardev_open_terminal();
		chardev_raw(c);
		break;
	case CHARDEV_FILE:
		return chardev_open_file(c, cfg->path, e);
	case CHARDEV_PTY:
		return chardev_open_pty(c, cfg, e);
	case CHARDEV_SOCKET:
		return chardev_open_socket(c, cfg, abort_fd, e);
	case CHARDEV_NULL:
	case CHARDEV_NONE:
		break;
	}
	return 0;
}

static void chardev_begin(struct chardev *c, const struct chars_port_ops *ops, void *port)
{
	c->port_ops = ops;
	c->port = port;
	c->in = (struct loop_source){ .fd = c->in_fd, .ready = chardev_in_ready, .opaque = c };
	c->out = (struct loop_source){ .fd = c->out_fd, .ready = chardev_out_ready,
				       .opaque = c };
	c->clients = (struct loop_source){ .fd = c->listen_fd, .ready = chardev_client,
					   .opaque = c };
	if (c->listen_fd >= 0 && c->in_fd < 0)
		loop_add(&c->m->loop, &c->clients, EPOLLIN);
	chardev_watch_input(c);
}

void chardev_attach(struct chardev *c, struct serial *s)
{
	serial_set_backend(s, &chardev_ops, c);
	chardev_begin(c, &serial_port_ops, s);
}

void chardev_attach_console(struct chardev *c, struct console_dev *console)
{
	console_set_backend(console, &chardev_ops, c);
	chardev_begin(c, &console_port_ops, console);
}

void chardev_set_monitor(struct chardev *c, const struct chardev_monitor *monitor)
{
	c->monitor = *monitor;
}

void chardev_destroy(struct chardev *c)
{
	if (!c->m)
		return;
	loop_del(&c->m->loop, &c->in);
	loop_del(&c->m->loop, &c->out);
	loop_del(&c->m->loop, &c->clients);
	if (c->raw)
		tcsetattr(c->in_fd, TCSANOW, &c->saved);
	if (c->peer_fd >= 0)
		close(c->peer_fd);
	if (c->out_fd > STDERR_FILENO)
		close(c->out_fd);
	if (c->in_fd > STDERR_FILENO && c->in_fd != c->out_fd)
		close(c->in_fd);
	if (c->file_fd >= 0)
		close(c->file_fd);
	if (c->listen_fd >= 0)
		close(c->listen_fd);
	if (c->listen_path)
		unlink(c->listen_path);
	free(c->text);
	c->text = NULL;
	c->text_len = 0;
	c->raw = false;
	c->out_fd = -1;
	c->in_fd = -1;
	c->listen_fd = -1;
	c->file_fd = -1;
	c->listen_path = NULL;
}
