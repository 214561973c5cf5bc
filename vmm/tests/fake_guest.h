/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the verbs see of a guest, without KVM: a process that has a name in the run directory,
 * with a real monitor behind it, and a console that says everything again.
 */
#ifndef FERRY_VMM_TESTS_FAKE_GUEST_H
#define FERRY_VMM_TESTS_FAKE_GUEST_H

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "backend/sock.h"
#include "ctl/rundir.h"
#include "monitor_rig.h"

/* What it does not do. */
#define FAKE_NO_SOCKETS	(1U << 0)
#define FAKE_NO_BUTTON	(1U << 1)
#define FAKE_NO_SIGTERM	(1U << 2)
#define FAKE_NO_BALLOON	(1U << 3)

struct fake {
	struct rig r;
	struct rundir dir;
	const char *name;
	unsigned int flags;
	bool paused, end;
	u64 actual;
	int listen_fd, client_fd;
	struct loop_source clients, client;
	char console[RUNDIR_PATH_MAX];
};

static int fake_stop(void *vm, struct json_object *args, struct json_object **ret,
		     struct error *e)
{
	((struct fake *)vm)->paused = true;
	return 0;
}

static int fake_cont(void *vm, struct json_object *args, struct json_object **ret,
		     struct error *e)
{
	((struct fake *)vm)->paused = false;
	return 0;
}

static int fake_quit(void *vm, struct json_object *args, struct json_object **ret,
		     struct error *e)
{
	((struct fake *)vm)->end = true;
	return 0;
}

static int fake_powerdown(void *vm, struct json_object *args, struct json_object **ret,
			  struct error *e)
{
	struct fake *f = vm;

	/* Events come in between. */
	monitor_event(&f->r.mon, "POWERDOWN", NULL);
	f->end = !(f->flags & FAKE_NO_BUTTON);
	return 0;
}

static int fake_status(void *vm, struct json_object *args, struct json_object **ret,
		       struct error *e)
{
	struct fake *f = vm;

	*ret = json_object_new_object();
	monitor_add_bool(*ret, "running", !f->paused);
	monitor_add_string(*ret, "status", f->paused ? "paused" : "running");
	return 0;
}

static int fake_cpus(void *vm, struct json_object *args, struct json_object **ret,
		     struct error *e)
{
	*ret = json_object_new_array();
	json_object_array_add(*ret, json_object_new_object());
	json_object_array_add(*ret, json_object_new_object());
	return 0;
}

static int fake_memory(void *vm, struct json_object *args, struct json_object **ret,
		       struct error *e)
{
	*ret = json_object_new_object();
	monitor_add_int(*ret, "base-memory", 512 * MIB);
	return 0;
}

static int fake_balloon(void *vm, struct json_object *args, struct json_object **ret,
			struct error *e)
{
	struct fake *f = vm;

	if (f->flags & FAKE_NO_BALLOON)
		return error_set(e, ENODEV, "No balloon\033device\xc2\x9b" "2J\xff\xc3\xbc has "
				 "been activated");
	f->actual = monitor_number(args, "value", 0);
	return 0;
}

static int fake_query_balloon(void *vm, struct json_object *args, struct json_object **ret,
			      struct error *e)
{
	struct fake *f = vm;

	if (f->flags & FAKE_NO_BALLOON)
		return error_set(e, ENODEV, "No balloon device has been activated");
	*ret = json_object_new_object();
	monitor_add_int(*ret, "actual", f->actual);
	return 0;
}

static int fake_chardev(void *vm, struct json_object *args, struct json_object **ret,
			struct error *e)
{
	struct json_object *o = json_object_new_object();
	struct fake *f = vm;
	char text[512];

	snprintf(text, sizeof(text), "%sunix:%s,server=on",
		 f->client_fd < 0 ? "disconnected:" : "", f->console);
	monitor_add_string(o, "label", "serial0");
	monitor_add_string(o, "filename", text);
	*ret = json_object_new_array();
	json_object_array_add(*ret, o);
	return 0;
}

static const struct monitor_command fake_rows[] = {
	{ "stop", .run = fake_stop }, { "cont", .run = fake_cont },
	{ "quit", .run = fake_quit }, { "system_powerdown", .run = fake_powerdown },
	{ "query-status", .run = fake_status }, { "query-cpus-fast", .run = fake_cpus },
	{ "query-memory-size-summary", .run = fake_memory },
	{ "balloon", NULL, NULL, { { "value", MONITOR_MEGABYTES } }, .run = fake_balloon },
	{ "query-balloon", .run = fake_query_balloon },
	{ "query-chardev", .run = fake_chardev },
	{ "echo", NULL, NULL, { { "text", MONITOR_STRING } }, .run = rig_echo },
};

static const struct monitor_table fake_table = { fake_rows, ARRAY_SIZE(fake_rows), "1.2.3" };

static void fake_said(void *opaque, u32 events)
{
	struct fake *f = opaque;
	char buf[256];
	ssize_t n = read(f->client_fd, buf, sizeof(buf));

	if (n > 0) {
		n = send(f->client_fd, buf, n, MSG_NOSIGNAL);
		return;
	}
	loop_del(&f->r.t.m.loop, &f->client);
	close(f->client_fd);
	f->client_fd = -1;
	loop_add(&f->r.t.m.loop, &f->clients, EPOLLIN);
}

static void fake_came(void *opaque, u32 events)
{
	struct fake *f = opaque;

	f->client_fd = sock_accept(f->listen_fd);
	if (f->client_fd < 0)
		return;
	loop_del(&f->r.t.m.loop, &f->clients);
	f->client = (struct loop_source){ f->client_fd, fake_said, f };
	loop_add(&f->r.t.m.loop, &f->client, EPOLLIN);
}

static int fake_listen(struct fake *f)
{
	char qmp[RUNDIR_PATH_MAX];
	struct chardev_config cfg = { .kind = CHARDEV_SOCKET, .path = qmp, .server = true };

	rundir_path(&f->dir, f->name, "qmp", qmp, NULL);
	rundir_path(&f->dir, f->name, "console", f->console, NULL);
	monitor_init(&f->r.mon, &f->r.t.m, &fake_table, f);
	f->listen_fd = sock_listen(f->console, &f->r.e);
	f->clients = (struct loop_source){ f->listen_fd, fake_came, f };
	return f->listen_fd < 0 || loop_add(&f->r.t.m.loop, &f->clients, EPOLLIN) ||
	       monitor_open(&f->r.mon, true, &cfg, -1, &f->r.e);
}

/* The process. It says by a byte whether it has the name. */
static void fake_live(struct fake *f, int ready)
{
	struct loop_source *src;
	sigset_t term;
	int entry;
	u32 events;

	/* A test that is killed leaves nobody. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	if (f->flags & FAKE_NO_SIGTERM)
		sigprocmask(SIG_BLOCK, &term, NULL);
	f->client_fd = -1;
	f->actual = 512 * MIB;
	entry = rundir_open(&f->dir, true, &f->r.e) ?: rundir_enter(&f->dir, f->name, &f->r.e);
	if (entry < 0 || testvm_init(&f->r.t, 8 * MIB) ||
	    (!(f->flags & FAKE_NO_SOCKETS) && fake_listen(f)) || write(ready, "y", 1) != 1)
		_exit(1);
	while (!f->end) {
		src = loop_wait(&f->r.t.m.loop, &events);
		if (src && src->added)
			src->ready(src->opaque, events);
	}
	monitor_destroy(&f->r.mon);
	unlink(f->console);
	rundir_leave(&f->dir, f->name, entry, true);
	_exit(0);
}

/* Its process, once it is there; -1 if it could not have the name. */
static inline pid_t fake_start(const char *name, unsigned int flags)
{
	struct fake *f = calloc(1, sizeof(*f));
	int ready[2];
	char yes = 0;
	pid_t pid;

	f->name = name;
	f->flags = flags;
	if (pipe(ready))
		return -1;
	pid = fork();
	if (!pid) {
		close(ready[0]);
		fake_live(f, ready[1]);
	}
	close(ready[1]);
	if (read(ready[0], &yes, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(ready[0]);
	free(f);
	return pid;
}

/* Its status as of waitpid(). */
static inline int fake_status_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

#endif /* FERRY_VMM_TESTS_FAKE_GUEST_H */
