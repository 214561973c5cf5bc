// SPDX-License-Identifier: GPL-2.0
/*
 * The bridge between the kernel's 9P client and a device. It is a process of its own, which
 * ends when the client closes its end; as many messages are under way as the client sends.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"
#include "client.h"
#include "export.h"
#include "p9.h"

struct bridge {
	struct p9 p;
	int fd;
	uint32_t busy;		/* slots whose answer is not here yet */
	uint8_t body[P9_ROOM];
};

static bool bridge_read(int fd, void *to, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, (char *)to + at, len - at);

		if (n <= 0)
			return false;
		at += n;
	}
	return true;
}

static void bridge_write(int fd, const uint8_t *from, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, from + at, len - at);

		check(n > 0, "the answer's way back");
		at += n;
	}
}

/* A message of the client's into a free slot; false: the client is gone. */
static bool bridge_ask(struct bridge *b)
{
	unsigned int slot = __builtin_ctz(~b->busy);
	uint8_t head[FERRY_P9_HEADER];
	struct ferry_p9_hdr h;

	if (!bridge_read(b->fd, head, sizeof(head)))
		return false;
	h = ferry_p9_header(head);
	check(h.size >= FERRY_P9_HEADER && h.size - FERRY_P9_HEADER <= sizeof(b->body) &&
	      bridge_read(b->fd, b->body, h.size - FERRY_P9_HEADER), "a whole message");
	b->p.tag = h.tag;
	p9_send(&b->p, slot, h.type, "d", b->body, P9_U64(h.size - FERRY_P9_HEADER));
	b->busy |= 1U << slot;
	return true;
}

/* Answers as they come, all of them where nothing else can be done. */
static void bridge_answer(struct bridge *b)
{
	int slot = p9_recv(&b->p, !~b->busy ? DEV_PATIENCE_MS : 0);

	check(slot >= 0 || ~b->busy, "an answer");
	if (slot < 0)
		return;
	bridge_write(b->fd, b->p.rx.p - FERRY_P9_HEADER, b->p.rx_len);
	b->busy &= ~(1U << slot);
}

static void bridge_run(int fd, unsigned int model)
{
	struct ferry_9p_backend back = { .model = model, .uid = FERRY_9P_SELF,
					 .gid = FERRY_9P_SELF };
	static struct bridge b;
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	back.fd = open(export_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check_ok(__p9_open(&b.p, &back), "serve %s", export_dir());
	close(back.fd);
	b.fd = fd;
	for (;;) {
		if (b.busy)
			bridge_answer(&b);
		/* With an answer on its way nobody sleeps here. */
		if (~b.busy && poll(&ready, 1, b.busy ? 0 : -1) > 0 && !bridge_ask(&b))
			break;
	}
	p9_close(&b.p);
}

static int client_attach(int fd, const char *cache)
{
	char options[256];
	int root;

	snprintf(options, sizeof(options),
		 "trans=fd,rfdno=%d,wfdno=%d,version=9p2000.L,msize=%u,cache=%s,access=user", fd,
		 fd, P9_MSIZE, cache);
	mkdir(CLIENT_PLACE, 0755);
	if (mount("client", CLIENT_PLACE, "9p", 0, options))
		return errno == EINVAL ? -ENODEV : -errno;
	/*
	 * A user's first request comes alone: of several that find no fid yet, the client
	 * walks from the root by the root's own name, "/", which is none. To be opened the root
	 * needs one, however much is cached.
	 */
	root = open(CLIENT_PLACE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	close(root);
	return 0;
}

static int client_start(struct client *c, unsigned int model, const char *cache)
{
	int ends[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return -errno;
	c->bridge = fork();
	if (!c->bridge) {
		close(ends[0]);
		bridge_run(ends[1], model);
		_exit(0);
	}
	close(ends[1]);
	err = c->bridge < 0 ? -errno : client_attach(ends[0], cache);
	close(ends[0]);
	if (err && c->bridge > 0)
		waitpid(c->bridge, NULL, 0);
	return err;
}

const char *__client_mount(struct client *c, const char *fs, unsigned int model,
			   const char *cache)
{
	static char why[128];
	int err;

	if (!p9_available())
		return "no " DEV_9P_PATH;
	err = __export_mount(fs);
	if (err) {
		snprintf(why, sizeof(why), "no %s here: %s", fs, strerror(-err));
		return why;
	}
	err = client_start(c, model, cache);
	if (err == -ENODEV)
		return "no 9P client over a socket here";
	check_ok(err, "mount the export");
	return NULL;
}

int __client_unmount(struct client *c)
{
	int err = umount(CLIENT_PLACE) ? -errno : 0, status = 0;

	if (!err && (waitpid(c->bridge, &status, 0) != c->bridge || status))
		err = -EIO;
	export_unmount();
	return err;
}

const char *client_program(const char *name)
{
	static char path[512];
	char own[256] = "";

	if (readlink("/proc/self/exe", own, sizeof(own) - 1) < 0)
		return NULL;
	snprintf(path, sizeof(path), "%s/guest/%s", dirname(own), name);
	return access(path, X_OK) ? NULL : path;
}
