/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small 9P client over the driver's side of a ring: what a guest's kernel would send
 * to /dev/ferry-9p, and what none would. One thread at a time may use a client.
 *
 * A request is one call of p9_call(): its type, the layout of its body and the fields.
 *	'1' '2' '4' '8'   an integer (pass it as uint64_t)
 *	's'               a string (const char *), NULL is an empty one
 *	'S'               bytes (const void *) and their number (uint64_t), as a string
 *	'd'               the same without a length in front
 * Calls return 0, or the -errno of the answer; p9_get() then takes the answer apart.
 */
#ifndef FERRY_SELFTEST_P9_H
#define FERRY_SELFTEST_P9_H

#include <stdarg.h>
#include <sys/types.h>

#include "9p/p9_codec_core.h"
#include "dev.h"

#define P9_SLOTS	32
#define P9_MSIZE	(128U << 10)
#define P9_ROOM		(P9_MSIZE + 4096)

#define P9_U64(v)	((uint64_t)(v))

/* The answer is no answer: it says so instead of an errno. */
#define P9_NO_ANSWER	100000

struct p9_stat {
	uint64_t valid;
	uint8_t qtype;
	uint64_t ino;
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, size, blksize, blocks;
	uint64_t atime, mtime, ctime;
};

struct p9 {
	struct mem mem;
	struct dev dev;
	struct ring ring;
	struct ring_layout layout;
	struct ferry_9p_backend backend;	/* as the kernel answered */
	unsigned int dialect;
	uint16_t tag;			/* of the next request */
	uint32_t split;			/* first segment of message and answer; 0: one */
	uint32_t room;			/* for the answer */
	uint32_t lie;			/* size to put into the header; 0: the right one */

	uint8_t *tx;			/* the request in the making */
	uint32_t tx_len;
	struct ferry_p9_dec rx;		/* what is left of the last answer */
	uint8_t rx_type;
	uint16_t rx_tag;
	uint32_t rx_len;
	unsigned int slot;
};

/* Open the device and serve @b; negative: not possible here (no device), or refused. */
int __p9_open(struct p9 *p, const struct ferry_9p_backend *b);
/* The same for @dir with a model and flags, version and attach of fid 0 as uid 0. */
void p9_open(struct p9 *p, const char *dir, unsigned int model, unsigned int flags);
void p9_close(struct p9 *p);
/* Whether the device is there; a test skips otherwise. */
bool p9_available(void);

int p9_version(struct p9 *p, const char *version, uint32_t msize);
int p9_attach(struct p9 *p, uint32_t fid, uint32_t uid);

int p9_call(struct p9 *p, uint8_t type, const char *layout, ...);
/* Put a request into slot @i and show it, without waiting. */
void p9_send(struct p9 *p, unsigned int i, uint8_t type, const char *layout, ...);
/* Put it there, but show it later: ring_publish() by p9_kick(). */
void p9_queue(struct p9 *p, unsigned int i, uint8_t type, const char *layout, ...);
void p9_kick(struct p9 *p);
/* Take one answer, of whatever request; return its slot, -1 after @ms. */
int p9_recv(struct p9 *p, int ms);
/* What the answer that was taken says: 0 or -errno. */
int p9_result(struct p9 *p, uint8_t type);

uint64_t p9_get(struct p9 *p, unsigned int bytes);
void p9_get_qid(struct p9 *p, uint8_t *type, uint64_t *path);

/* Names are separated by '/', as nowhere in the protocol. */
int p9_walk(struct p9 *p, uint32_t fid, uint32_t to, const char *names);
int p9_lopen(struct p9 *p, uint32_t fid, uint32_t flags);
int p9_lcreate(struct p9 *p, uint32_t fid, const char *name, uint32_t flags, uint32_t mode,
	       uint32_t gid);
int p9_clunk(struct p9 *p, uint32_t fid);
int p9_getattr(struct p9 *p, uint32_t fid, struct p9_stat *st);
/* Bytes or -errno. */
ssize_t p9_read(struct p9 *p, uint32_t fid, uint64_t pos, void *to, uint32_t count);
ssize_t p9_write(struct p9 *p, uint32_t fid, uint64_t pos, const void *from, uint32_t count);
int p9_setattr(struct p9 *p, uint32_t fid, uint32_t valid, uint32_t mode, uint32_t uid,
	       uint32_t gid, uint64_t size);
int p9_mkdir(struct p9 *p, uint32_t fid, const char *name, uint32_t mode, uint32_t gid);
int p9_symlink(struct p9 *p, uint32_t fid, const char *name, const char *to, uint32_t gid);
int p9_mknod(struct p9 *p, uint32_t fid, const char *name, uint32_t mode, uint32_t major,
	     uint32_t minor);
int p9_unlinkat(struct p9 *p, uint32_t fid, const char *name, uint32_t flags);
int p9_renameat(struct p9 *p, uint32_t from, const char *old, uint32_t to, const char *name);
/* The value's size or -errno. */
ssize_t p9_getxattr(struct p9 *p, uint32_t fid, uint32_t tmp, const char *name, void *to,
		    uint32_t room);
int p9_setxattr(struct p9 *p, uint32_t fid, uint32_t tmp, const char *name, const void *value,
		uint32_t size, uint32_t flags);
/* Entries from *offset on, one call; *offset moves on. Return how many, or -errno. */
struct p9_dirent {
	uint64_t ino, offset;
	uint8_t type;
	char name[256];
};
int p9_readdir(struct p9 *p, uint32_t fid, uint64_t *offset, uint32_t count,
	       struct p9_dirent *d, unsigned int max);

#endif /* FERRY_SELFTEST_P9_H */
