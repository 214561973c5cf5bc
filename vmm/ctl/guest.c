// SPDX-License-Identifier: GPL-2.0
/*
 * Role: find the guest that a verb names, by its lock, and hold on to its process by a
 *	descriptor, so that no other one is ever meant.
 * Threads: main.
 * Locks: none.
 */
#include "guest.h"

#include <errno.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <unistd.h>

static int guest_absent(const char *name, struct error *e)
{
	error_set(e, ENOENT, "there is no guest '%s'", name);
	error_hint(e, "'ferry list' tells which there are.");
	return -ENOENT;
}

/* The lock was that process's after it was got hold of: then it is the one. */
static int guest_hold(struct guest *g, const char *name, struct error *e)
{
	struct rundir_entry now;

	if (!rundir_find(&g->dir, name, &g->entry)) {
		rundir_clean(&g->dir, name);
		return guest_absent(name, e);
	}
	if (!g->entry.pid)
		return error_set(e, ESRCH, "guest '%s' is of another process namespace", name);
	g->pidfd = pidfd_open(g->entry.pid, 0);
	if (g->pidfd < 0 && errno != ESRCH)
		return error_errno(e, errno, "process %d of guest '%s'", g->entry.pid, name);
	if (g->pidfd < 0 || !rundir_find(&g->dir, name, &now) || now.pid != g->entry.pid)
		return guest_absent(name, e);
	return 0;
}

int guest_find(struct guest *g, const char *name, struct error *e)
{
	int ret;

	*g = (struct guest){ .dir.fd = -1, .pidfd = -1, .client.fd = -1 };
	ret = rundir_check_name(name, e);
	if (!ret)
		ret = rundir_open(&g->dir, false, e);
	if (ret)
		return ret == -ENOENT ? guest_absent(name, e) : ret;
	ret = guest_hold(g, name, e);
	if (ret)
		guest_close(g);
	return ret;
}

int guest_connect(struct guest *g, const char *name, struct error *e)
{
	char path[RUNDIR_PATH_MAX];
	int ret = guest_find(g, name, e);

	if (ret)
		return ret;
	ret = rundir_path(&g->dir, name, "qmp", path, e);
	if (!ret)
		ret = client_open(&g->client, path, CLIENT_PATIENCE, e);
	if (ret == -ENOENT || ret == -ECONNREFUSED) {
		error_set(e, ret, "guest '%s' is not ready: it is just starting or ending", name);
		ret = -EAGAIN;
	}
	if (ret)
		guest_close(g);
	return ret;
}

void guest_close(struct guest *g)
{
	client_close(&g->client);
	if (g->pidfd >= 0)
		close(g->pidfd);
	g->pidfd = -1;
	rundir_close(&g->dir);
}

int guest_command(struct guest *g, const char *command, struct error *e)
{
	return client_command(&g->client, command, NULL, NULL, e);
}

int guest_await_end(struct guest *g, int milliseconds)
{
	struct pollfd p = { .fd = g->pidfd, .events = POLLIN };

	if (poll(&p, 1, milliseconds) != 1)
		return -ETIMEDOUT;
	rundir_forget(&g->dir, g->entry.name);
	return 0;
}
