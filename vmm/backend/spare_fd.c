// SPDX-License-Identifier: GPL-2.0
/*
 * Role: tell the last descriptors that the program may open.
 * Threads: those that open some for a guest.
 * Locks: none.
 */
#include "spare_fd.h"

#include <sys/resource.h>

bool spare_fd(int fd)
{
	struct rlimit r;
	rlim_t spare;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return false;
	spare = r.rlim_cur / 2 < SPARE_FDS ? r.rlim_cur / 2 : SPARE_FDS;
	return (rlim_t)fd >= r.rlim_cur - spare;
}
