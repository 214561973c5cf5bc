/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What POSIX, and Linux beyond it, promises of files: cases that hold on any file
 * system that keeps owners, modes and links. Each case runs in a process and an empty
 * directory of its own, its working directory, as root or as an ordinary user.
 */
#ifndef FERRY_POSIX_H
#define FERRY_POSIX_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* Ordinary users of the cases; the directory of a user's case belongs to the first. */
#define POSIX_UID	1000
#define POSIX_GID	1001
#define POSIX_OTHER	1002

enum posix_who {
	POSIX_ANYONE,	/* once as root, once as POSIX_UID */
	POSIX_ROOT,	/* it needs root, or changes users by itself */
};

struct posix_case {
	const char *name;
	void (*run)(void);
	enum posix_who who;
};

struct posix_area {
	const char *name;
	const struct posix_case *cases;
	unsigned int nr;
};

extern const struct posix_area posix_names, posix_attributes, posix_files;

/* A case ends with the first thing that is not as it should be. */
#define FAIL(fmt, ...) do {							\
	printf("# %s:%d: " fmt "\n", __FILE__, __LINE__, ##__VA_ARGS__);	\
	fflush(stdout);								\
	_exit(1);								\
} while (0)

#define IS(cond) do {								\
	if (!(cond))								\
		FAIL("%s is false (%s)", #cond, strerror(errno));		\
} while (0)

/* A call that succeeds. */
#define OK(call) do {								\
	if ((call) < 0)								\
		FAIL("%s: %s", #call, strerror(errno));				\
} while (0)

/* A call that fails with @no. */
#define NO(no, call) do {							\
	errno = 0;								\
	if ((call) != -1)							\
		FAIL("%s did not fail", #call);					\
	if (errno != (no))							\
		FAIL("%s: %s, not " #no, #call, strerror(errno));		\
} while (0)

/* Why a case cannot hold for a client of these modes, separated by commas; NULL: it can. */
const char *posix_cannot(const char *modes, const char *name);
/* Make a file of @mode with @text in it. */
void posix_put(const char *name, const char *text, mode_t mode);
/* Whether a file holds just that. */
bool posix_holds(const char *name, const char *text);
struct stat posix_stat(const char *name);
/* Run @fn in a child as another user, in no other group; it must not fail. */
void posix_as(uid_t uid, gid_t gid, void (*fn)(void));

#endif /* FERRY_POSIX_H */
