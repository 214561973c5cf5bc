// SPDX-License-Identifier: GPL-2.0
/*
 * A network block device's server and its disks. Runs in the test's thread, which inherits the
 * server's processes; takes no locks.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "blk.h"
#include "check.h"
#include "nbdsrv.h"

static int nbdsrv_refuse(struct nbdsrv *s, int err, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%s", why);
	return err;
}

static void nbdsrv_configure(const struct nbdsrv *s)
{
	FILE *f = fopen(s->conf, "we");

	check(f, "%s: %s", s->conf, strerror(errno));
	fprintf(f, "[generic]\n\tlistenaddr = 127.0.0.1\n\tport = %u\n"
		"[disk]\n\texportname = %s\n\tflush = true\n\tfua = true\n\ttrim = true\n",
		s->port, s->file);
	check(!fclose(f), "%s", s->conf);
}

int __nbdsrv_init(struct nbdsrv *s, unsigned int mb)
{
	memset(s, 0, sizeof(*s));
	if (geteuid())
		return nbdsrv_refuse(s, -EPERM, "needs root");
	if (shell("command -v nbd-server && command -v nbd-client"))
		return nbdsrv_refuse(s, -ENOENT, "no nbd-server or nbd-client");
	if (shell("modprobe nbd max_part=0"))
		return nbdsrv_refuse(s, -ENODEV, "no nbd in this kernel");
	snprintf(s->dir, sizeof(s->dir), "/tmp/nbdsrv-XXXXXX");
	check(mkdtemp(s->dir), "a directory: %s", strerror(errno));
	snprintf(s->file, sizeof(s->file), "%s/disk", s->dir);
	snprintf(s->conf, sizeof(s->conf), "%s/conf", s->dir);
	s->port = 20000 + getpid() % 10000;
	check(!shell("truncate -s %uM %s", mb, s->file), "a file of %u MiB", mb);
	nbdsrv_configure(s);
	nbdsrv_start(s);
	return 0;
}

void nbdsrv_destroy(struct nbdsrv *s)
{
	if (!s->dir[0])
		return;
	nbdsrv_kill(s);
	check(!shell("rm -r %s", s->dir), "remove %s", s->dir);
	s->dir[0] = 0;
}

static int nbdsrv_try(const struct nbdsrv *s)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_port = htons(s->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(fd >= 0, "a socket: %s", strerror(errno));
	if (!connect(fd, (void *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

int nbdsrv_connect(const struct nbdsrv *s)
{
	int fd = -1;

	for (int i = 0; i < 1000 && fd < 0; i++) {
		fd = nbdsrv_try(s);
		if (fd < 0)
			usleep(20000);
	}
	check(fd >= 0, "nbd-server does not answer on port %u", s->port);
	return fd;
}

/* It makes itself a daemon, in a process group of its own with all that serve connections. */
void nbdsrv_start(struct nbdsrv *s)
{
	char path[96];
	int pid = 0;
	FILE *f;

	check(!prctl(PR_SET_CHILD_SUBREAPER, 1), "take in orphans: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/pid", s->dir);
	unlink(path);
	check(!shell("nbd-server -C %s -p %s", s->conf, path), "start nbd-server");
	for (int i = 0; i < 1000 && !pid; i++) {
		usleep(20000);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%d\n", &pid) != 1)
			pid = 0;
		fclose(f);
	}
	check(pid > 0, "nbd-server's pid");
	s->group = getpgid(pid);
	check(s->group > 0 && s->group != getpgrp(), "nbd-server's process group");
	close(nbdsrv_connect(s));
}

void nbdsrv_kill(struct nbdsrv *s)
{
	if (!s->group)
		return;
	kill(-s->group, SIGKILL);
	while (waitpid(-s->group, NULL, 0) > 0 || errno == EINTR)
		;
	s->group = 0;
}

bool nbdsrv_filled(const struct nbdsrv *s, unsigned int len, uint64_t offset, unsigned int tag)
{
	int fd = open(s->file, O_RDONLY | O_CLOEXEC);
	char *buf = malloc(len);
	bool same;

	check(fd >= 0 && buf, "%s", s->file);
	check(pread(fd, buf, len, offset) == (ssize_t)len, "read %s", s->file);
	same = blk_filled(buf, len, offset, tag);
	free(buf);
	close(fd);
	return same;
}
