// SPDX-License-Identifier: GPL-2.0
/*
 * Role: "ferry shutdown" and "ferry destroy": ask a guest to end, and end it.
 * Threads: main.
 * Locks: none.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "ctl.h"
#include "guest.h"

/* Seconds in which a system shuts down; its services have a minute and a half. */
#define SHUTDOWN_TIMEOUT	"120"
#define TIMEOUT_MAX		86400UL

/* Milliseconds for each way of ending a VMM, before the next one. */
#define DESTROY_PATIENCE	5000

static int parse_timeout(const char *text, int *milliseconds, struct error *e)
{
	unsigned long seconds;
	char *end;

	seconds = strtoul(text, &end, 10);
	if (end == text || *end || strchr(text, '-') || seconds > TIMEOUT_MAX)
		return error_set(e, EINVAL, "-timeout %.20s: expects seconds, 0 to %lu", text,
				 TIMEOUT_MAX);
	*milliseconds = seconds * 1000;
	return 0;
}

/* One that does not run does not hear the button. */
static int check_running(struct guest *g, struct error *e)
{
	struct json_object *ret = NULL, *running;
	int err = client_command(&g->client, "query-status", NULL, &ret, e);

	if (!err && json_object_object_get_ex(ret, "running", &running) &&
	    !json_object_get_boolean(running)) {
		err = error_set(e, EBUSY, "guest '%s' is paused", g->entry.name);
		error_hint(e, "'ferry resume %s' lets it go on, 'ferry destroy %s' ends it.",
			   g->entry.name, g->entry.name);
	}
	json_object_put(ret);
	return err;
}

static int shutdown_guest(struct guest *g, int timeout, struct error *e)
{
	int ret = check_running(g, e);

	if (!ret)
		ret = guest_command(g, "system_powerdown", e);
	/* It may be gone already. */
	if (ret == -ECONNRESET && timeout)
		ret = 0;
	/* Its events are not read any more. */
	client_close(&g->client);
	if (ret || !timeout || !guest_await_end(g, timeout))
		return ret;
	error_set(e, ETIMEDOUT, "guest '%s' was told to shut down and has not within %d seconds",
		  g->entry.name, timeout / 1000);
	error_hint(e, "It may need longer, or not listen to its power button. 'ferry destroy %s' "
		   "ends it at once.", g->entry.name);
	return -ETIMEDOUT;
}

int ctl_shutdown(int argc, char **argv, struct error *e)
{
	const char *name, *timeout = SHUTDOWN_TIMEOUT;
	const struct ctl_option options[] = { { "timeout", NULL, &timeout }, { NULL } };
	const struct ctl_args args = { options, 1, 1, "NAME", &name };
	struct guest g;
	int ms = 0, ret = ctl_args(argc, argv, &args, e);

	if (!ret)
		ret = parse_timeout(timeout, &ms, e);
	if (!ret)
		ret = guest_connect(&g, name, e);
	if (ret)
		return ret;
	ret = shutdown_guest(&g, ms, e);
	guest_close(&g);
	return ret;
}

static bool destroy_quit(struct guest *g)
{
	char path[RUNDIR_PATH_MAX];
	int ret = rundir_path(&g->dir, g->entry.name, "qmp", path, NULL);

	if (!ret)
		ret = client_open(&g->client, path, DESTROY_PATIENCE, NULL);
	if (!ret)
		ret = guest_command(g, "quit", NULL);
	/* It may be gone before it has answered. */
	return !ret || ret == -ECONNRESET;
}

/* In order if that can be, which undoes what the VMM has made: taps, scripts, sockets. */
int ctl_destroy(int argc, char **argv, struct error *e)
{
	static const int signals[] = { SIGTERM, SIGKILL };
	const char *name;
	const struct ctl_args args = { NULL, 1, 1, "NAME", &name };
	struct guest g;
	size_t i;
	int ret = ctl_args(argc, argv, &args, e);

	if (!ret)
		ret = guest_find(&g, name, e);
	if (ret)
		return ret;
	ret = destroy_quit(&g) ? guest_await_end(&g, DESTROY_PATIENCE) : -ETIMEDOUT;
	for (i = 0; ret == -ETIMEDOUT && i < ARRAY_SIZE(signals); i++) {
		if (pidfd_send_signal(g.pidfd, signals[i], NULL, 0) && errno != ESRCH)
			ret = error_errno(e, errno, "process %d", g.entry.pid);
		else
			ret = guest_await_end(&g, DESTROY_PATIENCE);
	}
	if (ret == -ETIMEDOUT)
		error_set(e, ETIMEDOUT, "process %d does not end: it waits in the kernel",
			  g.entry.pid);
	guest_close(&g);
	return ret;
}
