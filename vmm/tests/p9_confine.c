// SPDX-License-Identifier: GPL-2.0
/*
 * Role: put the threads that serve a directory into the sandbox, for scenarios that are
 *	linked with these in place of what they wrap. The test itself stays outside: it
 *	mounts, makes files and ends processes.
 * Threads: those of the server, and the test.
 * Locks: none.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/p9loop.h"
#include "machine/machine.h"

/* CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, SETGID, SETUID, MKNOD */
#define FILE_CAPS	0x080000dfU

int __wrap_capng_apply(int set);
int __real_p9loop_start(struct p9loop *pl, struct virtio_dev *v, const struct ferry_9p_backend *b);
int __wrap_p9loop_start(struct p9loop *pl, struct virtio_dev *v, const struct ferry_9p_backend *b);
void __real_sandbox_enter(const struct sandbox *s, enum thread_kind kind);
void __wrap_sandbox_enter(const struct sandbox *s, enum thread_kind kind);

/* Have only these capabilities of those that are permitted. */
static void set_caps(u64 want)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	syscall(SYS_capget, &h, d);
	d[0].effective = (u32)want & d[0].permitted;
	d[1].effective = (want >> 32) & d[1].permitted;
	if (syscall(SYS_capset, &h, d))
		abort();
}

int __wrap_capng_apply(int set)
{
	(void)set;
	return 0;
}

void __wrap_sandbox_enter(const struct sandbox *s, enum thread_kind kind)
{
	if (kind == THREAD_MAIN)
		return;
	set_caps(FILE_CAPS);
	__real_sandbox_enter(s, kind);
}

/* As fsdev_init() and confine() do before the guest runs. */
int __wrap_p9loop_start(struct p9loop *pl, struct virtio_dev *v, const struct ferry_9p_backend *b)
{
	const struct sandbox_config cfg = { .uses = SANDBOX_9P | SANDBOX_9P_ANY, .filter = true };
	struct ferry_9p_backend own = *b;
	struct threads *ts = &pl->m->threads;
	struct error e;
	int dir, ret;

	if (!ts->maker_started && threads_confine(ts, &cfg, &e)) {
		printf("# %s\n", e.text);
		return -EPERM;
	}
	dir = p9loop_detach(b->fd);
	pl->detached = dir >= 0;
	own.fd = dir >= 0 ? dir : b->fd;
	set_caps(FILE_CAPS);
	ret = __real_p9loop_start(pl, v, &own);
	set_caps(~0ULL);
	if (dir >= 0)
		close(dir);
	return ret;
}
