// SPDX-License-Identifier: GPL-2.0
/*
 * Role: a guest's life: into the background, under its name, built, told of, run, and
 *	taken apart in reverse.
 * Threads: main.
 * Locks: none.
 */
#include "run.h"

#include <stdio.h>

#include "ctl/log.h"
#include "ctl/rundir.h"
#include "daemon.h"
#include "notify.h"
#include "vm.h"

static void say(const char *text)
{
	fprintf(stderr, "ferry: %s\n", text);
}

/* @begun: whether it was set up, and what it said since was in the background. */
static int run_vm(struct config *cfg, const struct daemon *daemon, int notify_fd, bool *begun,
		  struct error *e)
{
	struct vm *vm;
	int ret = vm_create(&vm, cfg, say, e);

	*begun = !ret;
	if (ret)
		return ret;
	notify_ready(notify_fd);
	if (cfg->daemonize)
		daemon_ready(daemon);
	ret = vm_run(vm, e);
	vm_destroy(vm);
	return ret;
}

/* The directory is outside of a -chroot: it is not to be held in there. */
static int run_enter(const struct config *cfg, struct rundir *dir, int *log_fd, struct error *e)
{
	int entry = rundir_enter(dir, cfg->name, e);

	if (entry >= 0 && cfg->daemonize)
		*log_fd = log_begin(dir, cfg->name, e);
	rundir_close(dir);
	if (entry < 0 || !cfg->daemonize || *log_fd >= 0)
		return entry;
	rundir_leave(dir, cfg->name, entry, true);
	return *log_fd;
}

int run(struct config *cfg, struct rundir *dir, struct error *e)
{
	int entry = -1, notify_fd, ret;
	struct daemon daemon;
	bool begun;

	ret = cfg->daemonize ? daemon_begin(&daemon, e) : 0;
	if (!ret && dir)
		ret = entry = run_enter(cfg, dir, &daemon.log_fd, e);
	if (ret < 0)
		return ret;
	notify_fd = notify_begin();
	ret = run_vm(cfg, &daemon, notify_fd, &begun, e);
	if (entry >= 0)
		rundir_leave(dir, cfg->name, entry, !ret || !begun);
	return ret;
}
