/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The run directory: where running guests are found by name. Each has NAME.pid there, which it
 * keeps locked for as long as it lives, NAME.qmp, NAME.console and, in the background, NAME.log.
 * A name whose .pid nobody has locked is what a dead guest has left. A log that something was
 * written to stays, for whoever wants to know why, until a guest has that name again.
 */
#ifndef FERRY_VMM_CTL_RUNDIR_H
#define FERRY_VMM_CTL_RUNDIR_H

#include <sys/types.h>

#include "../error.h"
#include "../types.h"

#define RUNDIR_NAME_MAX	63U
#define RUNDIR_PATH_MAX	256U

struct rundir {
	char path[RUNDIR_PATH_MAX];
	int fd;			/* of the directory; -1: not open */
};

/* A guest that lives. */
struct rundir_entry {
	char name[RUNDIR_NAME_MAX + 1];
	pid_t pid;		/* 0: of a process that cannot be seen from here */
};

/**
 * rundir_open - find the run directory of this user
 * @d: the directory
 * @make: make it if it is not there
 * @e: why not
 *
 * It is $FERRY_RUNDIR if that is set, else /run/ferry for root, and for others
 * $XDG_RUNTIME_DIR/ferry or /run/user/UID/ferry. A directory that others could have put
 * something in is refused.
 *
 * Return: 0, -ENOENT if it is not there and not to be made, or a negative errno.
 */
int rundir_open(struct rundir *d, bool make, struct error *e);
void rundir_close(struct rundir *d);

/* What a guest may be called: letters, digits and "_.+-", not beginning with "." or "-". */
int rundir_check_name(const char *name, struct error *e);

/* The path of a guest's file, "pid", "qmp", "console" or "log". */
int rundir_path(const struct rundir *d, const char *name, const char *file, char path[],
		struct error *e);

/**
 * rundir_enter - let this process have a name
 * @d: the directory
 * @name: the guest's
 * @e: why not
 *
 * What a dead guest of that name left is removed. The lock is this process's and not its
 * children's, and is lost when the process closes any descriptor of that file.
 *
 * Return: a descriptor to be kept, -EEXIST if such a guest runs, or a negative errno.
 */
int rundir_enter(const struct rundir *d, const char *name, struct error *e);

/*
 * The end of the process that entered; its sockets are gone already. A log tells nothing that
 * was not meant if all went @well, and goes too.
 */
void rundir_leave(const struct rundir *d, const char *name, int fd, bool well);

/* Whether a guest has the name, and who that is. */
bool rundir_find(const struct rundir *d, const char *name, struct rundir_entry *found);

/* Remove what is left of a guest, unless it lives, and its log, unless that tells something. */
void rundir_clean(const struct rundir *d, const char *name);

/* The same of one whose end was asked for: nobody will ask why. */
void rundir_forget(const struct rundir *d, const char *name);

/*
 * Who lives, by name; the list is freed by the caller. Removes what is left of others.
 * Returns how many, or a negative errno.
 */
int rundir_list(const struct rundir *d, struct rundir_entry **list, struct error *e);

#endif /* FERRY_VMM_CTL_RUNDIR_H */
