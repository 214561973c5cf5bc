// SPDX-License-Identifier: GPL-2.0
/*
 * Role: have a disk image served by a child and attached as a block device.
 * Threads: main, whose end is the child's; nbd.c adds a child that watches over both.
 * Locks: none. The child locks the image, as every program of QEMU does.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Seconds without an answer after which an image counts as lost: not for a slow disk. */
#define IMAGE_REQUEST_TIMEOUT	600
/* The child finds its listening socket here; qemu-nbd wants it at the first one after stderr. */
#define IMAGE_LISTEN_FD		3
/* How long a child may take to bring an image to its disk before it is killed. */
#define IMAGE_CLOSE_MS		60000
/* And how long one may take to end that has hung up by itself. */
#define IMAGE_EXIT_MS		10000
#define IMAGE_NO_PROGRAM	127
#define IMAGE_ARGS_MAX		16

/**
 * struct image_server - a server's command line
 * @name: the program
 * @argv: its arguments, ending in NULL
 * @text: storage of those that are made here
 */
struct image_server {
	const char *name;
	const char *argv[IMAGE_ARGS_MAX];
	char *text[2];
};

/**
 * struct image_start - what exists between beginning and end of image_open()
 * @listener: the socket that the child accepts from, with no name any more
 * @messages: the child's standard error
 * @link: a connection to @listener
 * @server: ways to serve the image, best first
 */
struct image_start {
	int listener;
	int messages;
	struct nbd_link link;
	struct image_server server[2];
};

/* --- command lines -------------------------------------------------------------------- */

/* QEMU's option lists end values at a comma, and read two of them as one. */
static char *image_escape(const char *s)
{
	char *out = malloc(2 * strlen(s) + 1), *p = out;

	for (; out && *s; s++) {
		*p++ = *s;
		if (*s == ',')
			*p++ = ',';
	}
	if (out)
		*p = '\0';
	return out;
}

/* How both nodes of an image, its file and its format, treat what passes them. */
static void image_node_options(const struct image_config *cfg, char *buf, size_t len)
{
	snprintf(buf, len, "read-only=%s,cache.direct=%s,cache.no-flush=%s,discard=%s",
		 cfg->readonly ? "on" : "off", cfg->direct ? "on" : "off",
		 cfg->no_flush ? "on" : "off", cfg->discard ? "unmap" : "ignore");
}

static const char *image_file_driver(const struct image_config *cfg)
{
	struct stat st;

	return !stat(cfg->file, &st) && S_ISBLK(st.st_mode) ? "host_device" : "file";
}

static int image_storage_daemon(struct image_server *s, const struct image_config *cfg)
{
	char *file = image_escape(cfg->file), options[128];
	int n = 0, ok;

	if (!file)
		return -ENOMEM;
	image_node_options(cfg, options, sizeof(options));
	ok = asprintf(&s->text[0], "driver=%s,node-name=file,filename=%s,%s%s%s",
		      image_file_driver(cfg), file, options, cfg->aio ? ",aio=" : "",
		      cfg->aio ? cfg->aio : "") >= 0 &&
	     asprintf(&s->text[1], "driver=%s,node-name=disk,file=file,%s", cfg->format,
		      options) >= 0;
	free(file);
	if (!ok)
		return -ENOMEM;
	s->name = "qemu-storage-daemon";
	s->argv[n++] = s->name;
	s->argv[n++] = "--blockdev";
	s->argv[n++] = s->text[0];
	s->argv[n++] = "--blockdev";
	s->argv[n++] = s->text[1];
	s->argv[n++] = "--nbd-server";
	s->argv[n++] = "addr.type=fd,addr.str=3";
	s->argv[n++] = "--export";
	s->argv[n++] = cfg->readonly ? "type=nbd,id=export,node-name=disk,name=,writable=off" :
				       "type=nbd,id=export,node-name=disk,name=,writable=on";
	return 0;
}

static int image_qemu_nbd(struct image_server *s, const struct image_config *cfg)
{
	char *file = image_escape(cfg->file);
	int n = 0, ok;

	if (!file)
		return -ENOMEM;
	ok = asprintf(&s->text[0], "driver=%s,file.driver=%s,file.filename=%s%s%s", cfg->format,
		      image_file_driver(cfg), file, cfg->aio ? ",file.aio=" : "",
		      cfg->aio ? cfg->aio : "") >= 0;
	free(file);
	if (!ok)
		return -ENOMEM;
	s->name = "qemu-nbd";
	s->argv[n++] = s->name;
	s->argv[n++] = "--persistent";
	s->argv[n++] = cfg->direct ? "--cache=none" :
		       cfg->no_flush ? "--cache=unsafe" : "--cache=writeback";
	s->argv[n++] = cfg->discard ? "--discard=unmap" : "--discard=ignore";
	if (cfg->readonly)
		s->argv[n++] = "--read-only";
	s->argv[n++] = "--image-opts";
	s->argv[n++] = s->text[0];
	return 0;
}

/* --- the child ------------------------------------------------------------------------ */

static void image_child_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard streams, the listener, and nothing else of the VMM's. */
static int image_child_files(const struct image_start *st)
{
	/* Out of the way of the numbers that are about to be taken. */
	int null = fcntl(open("/dev/null", O_RDWR), F_DUPFD, IMAGE_LISTEN_FD + 1);
	int listener = fcntl(st->listener, F_DUPFD, IMAGE_LISTEN_FD + 1);
	int messages = fcntl(st->messages, F_DUPFD, IMAGE_LISTEN_FD + 1);

	if (dup2(null, 0) < 0 || dup2(messages, 1) < 0 || dup2(messages, 2) < 0 ||
	    dup2(listener, IMAGE_LISTEN_FD) < 0)
		return -errno;
	return close_range(IMAGE_LISTEN_FD + 1, ~0U, 0);
}

static void image_child(const struct image_start *st, pid_t parent)
{
	char pid[16];
	size_t i;

	/* SIGTERM, so that the image is brought to a good end even if the VMM is killed. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != parent)
		_exit(1);
	/* Keys and hangups are the VMM's, which still has requests under way. */
	setpgid(0, 0);
	image_child_signals();
	if (image_child_files(st))
		_exit(1);
	/* How qemu-nbd is told of a socket; the storage daemon has it on its command line. */
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	for (i = 0; i < ARRAY_SIZE(st->server); i++)
		execvp(st->server[i].name, (char **)st->server[i].argv);
	_exit(IMAGE_NO_PROGRAM);
}

static int image_spawn(struct image *img, struct image_start *st, struct error *e)
{
	pid_t parent = getpid();

	img->child = fork();
	if (!img->child)
		image_child(st, parent);
	if (img->child < 0) {
		img->child = 0;
		return error_errno(e, errno, "could not fork");
	}
	/* The last copy is the child's: its end is an end of file here. */
	close(st->listener);
	st->listener = -1;
	return 0;
}

/* Wait for the child, which was told to end or has said why it does. */
static int image_reap(struct image *img, int patience)
{
	struct pollfd pfd = { .fd = pidfd_open(img->child, 0), .events = POLLIN };
	int status = 0, n;

	do
		n = pfd.fd < 0 ? 1 : poll(&pfd, 1, patience);
	while (n < 0 && errno == EINTR);
	if (!n)
		kill(img->child, SIGKILL);
	while (waitpid(img->child, &status, 0) < 0 && errno == EINTR)
		;
	if (pfd.fd >= 0)
		close(pfd.fd);
	img->child = 0;
	return status;
}

/* --- what the child said -------------------------------------------------------------- */

/* The last line that the server itself begins; what it says before are warnings. */
static char *image_find_message(const struct image_start *st, char *s)
{
	char *found = s, *p = s;
	size_t i;

	while (*p) {
		for (i = 0; i < ARRAY_SIZE(st->server); i++)
			if (!strncmp(p, st->server[i].name, strlen(st->server[i].name)))
				found = p;
		p = strchrnul(p, '\n');
		p += *p == '\n';
	}
	return found;
}

/* Without the program's name, and without an option that nobody here has written. */
static char *image_bare_message(const struct image_start *st, char *line)
{
	const char *const *arg;
	char *p;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(st->server); i++) {
		for (arg = st->server[i].argv; *arg; arg++) {
			p = strstr(line, *arg);
			if (!p)
				continue;
			p += strlen(*arg);
			p += *p == '\'';
			if (!strncmp(p, ": ", 2))
				line = p + 2;
		}
	}
	return line;
}

static int image_child_failed(struct image *img, struct image_start *st,
			      const struct image_config *cfg, struct error *e)
{
	char buf[4096] = "", *line, *rest;
	int status = image_reap(img, IMAGE_EXIT_MS);
	ssize_t n;

	if (WIFEXITED(status) && WEXITSTATUS(status) == IMAGE_NO_PROGRAM) {
		error_set(e, ENOENT, "format=%s takes qemu-storage-daemon or qemu-nbd, and neither "
			  "is installed", cfg->format);
		error_hint(e, "On Debian, qemu-system-common has the one, qemu-utils the other.");
		return -ENOENT;
	}
	n = pread(st->messages, buf, sizeof(buf) - 1, 0);
	buf[n > 0 ? n : 0] = '\0';
	line = image_find_message(st, buf);
	rest = strchrnul(line, '\n');
	if (*rest)
		*rest++ = '\0';
	line = image_bare_message(st, line);
	rest[strcspn(rest, "\n")] = '\0';
	if (!*line)
		return error_set(e, EIO, "the server of image '%s' ended with %s %d", cfg->file,
				 WIFEXITED(status) ? "status" : "signal",
				 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	error_set(e, strstr(line, " lock") ? EBUSY : EINVAL, "%s", line);
	error_hint(e, "%s", rest);
	return strstr(line, " lock") ? -EBUSY : -EINVAL;
}

/* --- opening and closing -------------------------------------------------------------- */

/* Connect before anyone accepts: the socket's name is not needed any more then. */
static int image_connect(struct image_start *st, const struct sockaddr_un *addr)
{
	st->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	st->link.sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (st->listener < 0 || st->link.sock < 0 ||
	    bind(st->listener, (void *)addr, sizeof(*addr)) || listen(st->listener, 1) ||
	    connect(st->link.sock, (void *)addr, sizeof(*addr)))
		return -errno;
	return 0;
}

/* A tmpfs that no name leads to, and that goes with its descriptor. */
static int image_nowhere(void)
{
	int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), dir = -1;

	if (fs >= 0 && !fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		dir = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (dir < 0)
		dir = -errno;
	if (fs >= 0)
		close(fs);
	return dir;
}

/* Nobody else can ever connect, and nothing is left behind at whatever moment we end. */
static int image_make_sockets(struct image_start *st, struct error *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int dir = image_nowhere(), ret;

	if (dir == -EPERM) {
		error_set(e, EPERM, "may not set up a network block device");
		error_hint(e, "That takes CAP_SYS_ADMIN.");
		return dir;
	}
	if (dir < 0)
		return error_errno(e, dir, "could not make a place for sockets");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/nbd", dir);
	ret = image_connect(st, &addr);
	close(dir);
	return ret ? error_errno(e, ret, "could not make sockets") : 0;
}

static int image_attach(struct image *img, struct image_start *st,
			const struct image_config *cfg, struct error *e)
{
	struct nbd_link *link = &st->link;
	int ret;

	ret = nbd_negotiate(link->sock, "", &link->export, e);
	if (ret == -EPIPE)
		return image_child_failed(img, st, cfg, e);
	if (ret)
		return ret;
	link->server = img->child;
	link->readonly = cfg->readonly;
	link->request_timeout = IMAGE_REQUEST_TIMEOUT;
	ret = nbd_attach(&img->nbd, link, e);
	if (ret)
		return ret;
	img->fd = img->nbd.fd;
	img->size = ALIGN_DOWN(link->export.size, 512);
	return 0;
}

/* Files that are not there, or not ours, need no child to say so. */
static int image_check_file(const struct image_config *cfg, struct error *e)
{
	int fd = open(cfg->file, (cfg->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int ret;

	if (fd < 0)
		return error_errno(e, errno, "Could not open '%s'", cfg->file);
	ret = fstat(fd, &st) ? -errno : 0;
	close(fd);
	if (ret)
		return error_errno(e, ret, "Could not open '%s'", cfg->file);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return error_set(e, EINVAL, "'%s' is neither a regular file nor a block device",
				 cfg->file);
	return 0;
}

static int image_begin(struct image_start *st, const struct image_config *cfg, struct error *e)
{
	int ret;

	if (image_storage_daemon(&st->server[0], cfg) || image_qemu_nbd(&st->server[1], cfg))
		return error_errno(e, ENOMEM, "could not open image '%s'", cfg->file);
	st->messages = memfd_create("image", MFD_CLOEXEC);
	if (st->messages < 0)
		return error_errno(e, errno, "could not make a memory file");
	ret = fcntl(st->messages, F_SETFL, O_APPEND);
	if (ret)
		return error_errno(e, errno, "could not set up a memory file");
	return image_make_sockets(st, e);
}

static void image_end(struct image_start *st)
{
	size_t i, j;

	if (st->link.sock >= 0)
		close(st->link.sock);
	if (st->listener >= 0)
		close(st->listener);
	if (st->messages >= 0)
		close(st->messages);
	for (i = 0; i < ARRAY_SIZE(st->server); i++)
		for (j = 0; j < ARRAY_SIZE(st->server[i].text); j++)
			free(st->server[i].text[j]);
}

int image_open(struct image *img, const struct image_config *cfg, struct error *e)
{
	struct image_start st = {
		.listener = -1, .messages = -1, .link = { .sock = -1 },
	};
	int ret;

	*img = (struct image){ .fd = -1, .nbd = { .index = -1, .fd = -1 } };
	ret = image_check_file(cfg, e);
	if (!ret)
		ret = image_begin(&st, cfg, e);
	if (!ret)
		ret = image_spawn(img, &st, e);
	if (!ret)
		ret = image_attach(img, &st, cfg, e);
	image_end(&st);
	if (ret)
		image_close(img);
	return ret;
}

void image_close(struct image *img)
{
	if (img->child) {
		nbd_detach(&img->nbd);
		kill(img->child, SIGTERM);
		image_reap(img, IMAGE_CLOSE_MS);
		nbd_forget(&img->nbd);
	}
	img->fd = -1;
}
