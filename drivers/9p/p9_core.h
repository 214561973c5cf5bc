/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The messages of 9P2000, 9P2000.u and 9P2000.L, as pure rules shared by ferry_9p, the
 * VMM's vhost=off server and the fuzzers: numbers, limits, one table of how each request
 * is laid out and served, and which names are acceptable. p9_codec_core.h turns bytes
 * into values by this table.
 *
 * Numbers are those of the protocol as it is spoken on the wire; no uapi header has
 * them.
 */
#ifndef FERRY_P9_CORE_H
#define FERRY_P9_CORE_H

#include <linux/types.h>
#ifndef __KERNEL__
#include <stdbool.h>
#include <stddef.h>
#include <errno.h>
#endif

/* Requests; the answer to N is N + 1. Rerror has no request. */
enum ferry_p9_type {
	FERRY_P9_RLERROR	= 7,
	FERRY_P9_TSTATFS	= 8,
	FERRY_P9_TLOPEN		= 12,
	FERRY_P9_TLCREATE	= 14,
	FERRY_P9_TSYMLINK	= 16,
	FERRY_P9_TMKNOD		= 18,
	FERRY_P9_TRENAME	= 20,
	FERRY_P9_TREADLINK	= 22,
	FERRY_P9_TGETATTR	= 24,
	FERRY_P9_TSETATTR	= 26,
	FERRY_P9_TXATTRWALK	= 30,
	FERRY_P9_TXATTRCREATE	= 32,
	FERRY_P9_TREADDIR	= 40,
	FERRY_P9_TFSYNC		= 50,
	FERRY_P9_TLOCK		= 52,
	FERRY_P9_TGETLOCK	= 54,
	FERRY_P9_TLINK		= 70,
	FERRY_P9_TMKDIR		= 72,
	FERRY_P9_TRENAMEAT	= 74,
	FERRY_P9_TUNLINKAT	= 76,
	FERRY_P9_TVERSION	= 100,
	FERRY_P9_TAUTH		= 102,
	FERRY_P9_TATTACH	= 104,
	FERRY_P9_RERROR		= 107,
	FERRY_P9_TFLUSH		= 108,
	FERRY_P9_TWALK		= 110,
	FERRY_P9_TOPEN		= 112,
	FERRY_P9_TCREATE	= 114,
	FERRY_P9_TREAD		= 116,
	FERRY_P9_TWRITE		= 118,
	FERRY_P9_TCLUNK		= 120,
	FERRY_P9_TREMOVE	= 122,
	FERRY_P9_TSTAT		= 124,
	FERRY_P9_TWSTAT		= 126,
	FERRY_P9_TYPES		= 128,
};

/* Who speaks which message. */
enum ferry_p9_dialect {
	FERRY_P9_NONE	= 0,	/* before Tversion */
	FERRY_P9_2000	= 1,
	FERRY_P9_2000U	= 2,
	FERRY_P9_2000L	= 4,
	FERRY_P9_ANY	= 7,
};

#define FERRY_P9_NOTAG		0xffffU
#define FERRY_P9_NOFID		0xffffffffU
#define FERRY_P9_NONUNAME	0xffffffffU

#define FERRY_P9_HEADER		7U	/* size[4] type[1] tag[2] */
#define FERRY_P9_IO_HEADER	11U	/* the same and count[4]: Rread, Rreaddir */
#define FERRY_P9_WRITE_HEADER	23U	/* ... and fid[4] offset[8] count[4]: Twrite */
#define FERRY_P9_QID		13U
#define FERRY_P9_ATTR		132U	/* of Rgetattr, behind the qid */
#define FERRY_P9_TIMES		4	/* access, modification, change, birth */

/* A message is at least as large as any request without payload may have to be. */
#define FERRY_P9_MSIZE_MIN	4096U
#define FERRY_P9_MSIZE_MAX	(1U << 20)

/* Longest request besides a write's payload: a symlink's target of PATH_MAX and a name. */
#define FERRY_P9_REQUEST_MAX	8192U

#define FERRY_P9_NAME_MAX	255U
#define FERRY_P9_TARGET_MAX	4095U	/* of a symlink */
#define FERRY_P9_WALK_MAX	16U

/* Most values of each kind that one request has. */
#define FERRY_P9_INTS		10
#define FERRY_P9_STRS		FERRY_P9_WALK_MAX

#define FERRY_P9_QTDIR		0x80
#define FERRY_P9_QTAPPEND	0x40
#define FERRY_P9_QTEXCL		0x20
#define FERRY_P9_QTSYMLINK	0x02
#define FERRY_P9_QTFILE		0x00

/* Tlopen and Tlcreate, which are not the host's O_*. */
#define FERRY_P9_O_ACCMODE	00000003U
#define FERRY_P9_O_RDONLY	00000000U
#define FERRY_P9_O_WRONLY	00000001U
#define FERRY_P9_O_RDWR		00000002U
#define FERRY_P9_O_CREATE	00000100U
#define FERRY_P9_O_EXCL		00000200U
#define FERRY_P9_O_NOCTTY	00000400U
#define FERRY_P9_O_TRUNC	00001000U
#define FERRY_P9_O_APPEND	00002000U
#define FERRY_P9_O_NONBLOCK	00004000U
#define FERRY_P9_O_DSYNC	00010000U
#define FERRY_P9_O_FASYNC	00020000U
#define FERRY_P9_O_DIRECT	00040000U
#define FERRY_P9_O_LARGEFILE	00100000U
#define FERRY_P9_O_DIRECTORY	00200000U
#define FERRY_P9_O_NOFOLLOW	00400000U
#define FERRY_P9_O_NOATIME	01000000U
#define FERRY_P9_O_CLOEXEC	02000000U
#define FERRY_P9_O_SYNC		04000000U

/* Topen and Tcreate. */
#define FERRY_P9_OREAD		0x00U
#define FERRY_P9_OWRITE		0x01U
#define FERRY_P9_ORDWR		0x02U
#define FERRY_P9_OEXEC		0x03U
#define FERRY_P9_OTRUNC		0x10U
#define FERRY_P9_OREXEC		0x20U
#define FERRY_P9_ORCLOSE	0x40U
#define FERRY_P9_OAPPEND	0x80U
#define FERRY_P9_OEXCL		0x1000U

/* Permissions of a 9P2000 stat beyond 0777. */
#define FERRY_P9_DMDIR		0x80000000U
#define FERRY_P9_DMSYMLINK	0x02000000U
#define FERRY_P9_DMLINK		0x01000000U
#define FERRY_P9_DMDEVICE	0x00800000U
#define FERRY_P9_DMNAMEDPIPE	0x00200000U
#define FERRY_P9_DMSOCKET	0x00100000U
#define FERRY_P9_DMSETUID	0x00080000U
#define FERRY_P9_DMSETGID	0x00040000U
#define FERRY_P9_DMSETVTX	0x00010000U

/* Tgetattr, Rgetattr. */
#define FERRY_P9_GETATTR_BASIC	0x000007ffULL
#define FERRY_P9_GETATTR_BTIME	0x00000800ULL

/* Tsetattr. */
#define FERRY_P9_SET_MODE	0x00000001U
#define FERRY_P9_SET_UID	0x00000002U
#define FERRY_P9_SET_GID	0x00000004U
#define FERRY_P9_SET_SIZE	0x00000008U
#define FERRY_P9_SET_ATIME	0x00000010U
#define FERRY_P9_SET_MTIME	0x00000020U
#define FERRY_P9_SET_CTIME	0x00000040U
#define FERRY_P9_SET_ATIME_SET	0x00000080U
#define FERRY_P9_SET_MTIME_SET	0x00000100U
#define FERRY_P9_SET_ALL	0x000001ffU

/* Tlock, Tgetlock. */
#define FERRY_P9_LOCK_RDLCK	0
#define FERRY_P9_LOCK_WRLCK	1
#define FERRY_P9_LOCK_UNLCK	2
#define FERRY_P9_LOCK_SUCCESS	0
#define FERRY_P9_LOCK_BLOCKED	1
#define FERRY_P9_LOCK_ERROR	2
#define FERRY_P9_LOCK_F_BLOCK	1U
#define FERRY_P9_LOCK_F_RECLAIM	2U

#define FERRY_P9_UNLINK_DIR	0x200U	/* Tunlinkat */

#define FERRY_P9_XATTR_MAX	65536U
#define FERRY_P9_XATTR_NAME_MAX	255U

/* How a request is served, FERRY_P9_OP_*. */
#define FERRY_P9_OP_FID		1	/* its first integer is a fid that must exist */
#define FERRY_P9_OP_QUICK	2	/* may be tried where nothing may block */
#define FERRY_P9_OP_ALONE	4	/* may block the queue if nothing else is there */
#define FERRY_P9_OP_CHANGES	8	/* not on a read-only export */
#define FERRY_P9_OP_WRITES	16	/* takes set-id bits off */
#define FERRY_P9_OP_PLACED	32	/* not on what the host moved out of the export */
#define FERRY_P9_OP_BARE	64	/* asks nothing of the file system */
#define FERRY_P9_OP_LONG	128	/* takes its time also where files are in memory */
#define FERRY_P9_OP_TRIED	256	/* quick in the kernel, which is told if it would block */

#define FERRY_P9_OP_SLOW	(FERRY_P9_OP_FID | FERRY_P9_OP_ALONE)
#define FERRY_P9_OP_EITHER	(FERRY_P9_OP_SLOW | FERRY_P9_OP_QUICK)
#define FERRY_P9_OP_MAKES	(FERRY_P9_OP_SLOW | FERRY_P9_OP_CHANGES)

/*
 * The body of each request, one character a field:
 *   1 2 4 8   an integer of so many bytes
 *   n         the name of one entry, ferry_p9_check_name()
 *   s         any other string; holds no NUL
 *   w         a count[2] of at most 16 and as many names, "." and ".." among them
 *   b         a length[2] and as many bytes: a 9P2000 stat
 *   p         count[4] and as many bytes of payload, which are not looked at
 * A NULL is a message that the server does not know.
 */
struct ferry_p9_message {
	const char *body;	/* as 9P2000.L and, if both speak it, 9P2000.u have it */
	const char *plain;	/* as 9P2000 has it; NULL: the same */
	__u8 dialects;		/* enum ferry_p9_dialect */
	__u16 op;		/* FERRY_P9_OP_*: how it is served */
	__u8 gid;		/* 1 + which integer is the group of what is made */
};

static const struct ferry_p9_message ferry_p9_messages[FERRY_P9_TYPES] = {
	[FERRY_P9_TSTATFS]	= { "4", NULL, FERRY_P9_2000L,
				    FERRY_P9_OP_FID | FERRY_P9_OP_QUICK, 0 },
	[FERRY_P9_TLOPEN]	= { "44", NULL, FERRY_P9_2000L,
				    FERRY_P9_OP_SLOW | FERRY_P9_OP_TRIED, 0 },
	[FERRY_P9_TLCREATE]	= { "4n444", NULL, FERRY_P9_2000L, FERRY_P9_OP_MAKES, 1 + 3 },
	[FERRY_P9_TSYMLINK]	= { "4ns4", NULL, FERRY_P9_2000L, FERRY_P9_OP_MAKES, 1 + 1 },
	[FERRY_P9_TMKNOD]	= { "4n4444", NULL, FERRY_P9_2000L, FERRY_P9_OP_MAKES, 1 + 4 },
	[FERRY_P9_TRENAME]	= { "44n", NULL, FERRY_P9_2000L,
				    FERRY_P9_OP_MAKES | FERRY_P9_OP_LONG, 0 },
	[FERRY_P9_TREADLINK]	= { "4", NULL, FERRY_P9_2000L,
				    FERRY_P9_OP_SLOW | FERRY_P9_OP_PLACED, 0 },
	[FERRY_P9_TGETATTR]	= { "48", NULL, FERRY_P9_2000L,
				    FERRY_P9_OP_FID | FERRY_P9_OP_QUICK, 0 },
	[FERRY_P9_TSETATTR]	= { "4444488888", NULL, FERRY_P9_2000L,
				    FERRY_P9_OP_MAKES | FERRY_P9_OP_PLACED, 0 },
	[FERRY_P9_TXATTRWALK]	= { "44s", NULL, FERRY_P9_2000L,
				    FERRY_P9_OP_SLOW | FERRY_P9_OP_PLACED, 0 },
	[FERRY_P9_TXATTRCREATE]	= { "4s84", NULL, FERRY_P9_2000L,
				    FERRY_P9_OP_MAKES | FERRY_P9_OP_PLACED, 0 },
	[FERRY_P9_TREADDIR]	= { "484", NULL, FERRY_P9_2000L,
				    FERRY_P9_OP_SLOW | FERRY_P9_OP_PLACED, 0 },
	[FERRY_P9_TFSYNC]	= { "44", NULL, FERRY_P9_2000L, FERRY_P9_OP_FID, 0 },
	[FERRY_P9_TLOCK]	= { "414884s", NULL, FERRY_P9_2000L, FERRY_P9_OP_SLOW, 0 },
	[FERRY_P9_TGETLOCK]	= { "41884s", NULL, FERRY_P9_2000L, FERRY_P9_OP_SLOW, 0 },
	[FERRY_P9_TLINK]	= { "44n", NULL, FERRY_P9_2000L, FERRY_P9_OP_MAKES, 0 },
	[FERRY_P9_TMKDIR]	= { "4n44", NULL, FERRY_P9_2000L, FERRY_P9_OP_MAKES, 1 + 2 },
	[FERRY_P9_TRENAMEAT]	= { "4n4n", NULL, FERRY_P9_2000L,
				    FERRY_P9_OP_MAKES | FERRY_P9_OP_LONG, 0 },
	[FERRY_P9_TUNLINKAT]	= { "4n4", NULL, FERRY_P9_2000L, FERRY_P9_OP_MAKES, 0 },
	[FERRY_P9_TVERSION]	= { "4s", NULL, FERRY_P9_ANY,
				    FERRY_P9_OP_QUICK | FERRY_P9_OP_BARE, 0 },
	[FERRY_P9_TAUTH]	= { "4ss4", "4ss", FERRY_P9_ANY,
				    FERRY_P9_OP_QUICK | FERRY_P9_OP_BARE, 0 },
	[FERRY_P9_TATTACH]	= { "44ss4", "44ss", FERRY_P9_ANY, FERRY_P9_OP_QUICK, 0 },
	[FERRY_P9_TFLUSH]	= { "2", NULL, FERRY_P9_ANY, 0, 0 },
	[FERRY_P9_TWALK]	= { "44w", NULL, FERRY_P9_ANY, FERRY_P9_OP_EITHER, 0 },
	[FERRY_P9_TOPEN]	= { "41", NULL, FERRY_P9_2000 | FERRY_P9_2000U,
				    FERRY_P9_OP_SLOW, 0 },
	[FERRY_P9_TCREATE]	= { "4n41s", "4n41", FERRY_P9_2000 | FERRY_P9_2000U,
				    FERRY_P9_OP_MAKES | FERRY_P9_OP_LONG, 0 },
	[FERRY_P9_TREAD]	= { "484", NULL, FERRY_P9_ANY, FERRY_P9_OP_EITHER, 0 },
	[FERRY_P9_TWRITE]	= { "48p", NULL, FERRY_P9_ANY,
				    FERRY_P9_OP_MAKES | FERRY_P9_OP_WRITES | FERRY_P9_OP_TRIED, 0 },
	[FERRY_P9_TCLUNK]	= { "4", NULL, FERRY_P9_ANY, FERRY_P9_OP_EITHER, 0 },
	[FERRY_P9_TREMOVE]	= { "4", NULL, FERRY_P9_ANY,
				    FERRY_P9_OP_SLOW | FERRY_P9_OP_LONG, 0 },
	[FERRY_P9_TSTAT]	= { "4", NULL, FERRY_P9_2000 | FERRY_P9_2000U,
				    FERRY_P9_OP_SLOW | FERRY_P9_OP_PLACED, 0 },
	[FERRY_P9_TWSTAT]	= { "4b", NULL, FERRY_P9_2000 | FERRY_P9_2000U,
				    FERRY_P9_OP_FID | FERRY_P9_OP_PLACED, 0 },
};

/**
 * ferry_p9_layout - how the body of a request is laid out
 * @type: from the wire
 * @dialect: of the session, enum ferry_p9_dialect
 *
 * Return: the layout, or NULL if that dialect has no such request.
 */
static inline const char *ferry_p9_layout(__u8 type, unsigned int dialect)
{
	const struct ferry_p9_message *m;

	if (type >= FERRY_P9_TYPES)
		return NULL;
	m = &ferry_p9_messages[type];
	if (!m->body)
		return NULL;
	if (type == FERRY_P9_TVERSION)
		return m->body;
	if (!(m->dialects & dialect))
		return NULL;
	return dialect == FERRY_P9_2000 && m->plain ? m->plain : m->body;
}

/**
 * ferry_p9_check_name - whether a string may name one entry of a directory
 * @s: the bytes
 * @len: how many
 *
 * "." and ".." pass: what they mean depends on the request.
 *
 * Return: 0, -ENOENT for an empty name, -ENAMETOOLONG, or -EINVAL for one that
 * holds "/" or a NUL.
 */
static inline int ferry_p9_check_name(const char *s, __u32 len)
{
	__u32 i;

	if (!len)
		return -ENOENT;
	if (len > FERRY_P9_NAME_MAX)
		return -ENAMETOOLONG;
	for (i = 0; i < len; i++)
		if (!s[i] || s[i] == '/')
			return -EINVAL;
	return 0;
}

/* 0 for a proper name, 1 for ".", 2 for "..". */
static inline int ferry_p9_dots(const char *s, __u32 len)
{
	if (len == 1 && s[0] == '.')
		return 1;
	return len == 2 && s[0] == '.' && s[1] == '.' ? 2 : 0;
}

/**
 * ferry_p9_msize - the message size of a session
 * @wanted: by the client, any value
 * @limit: of the server, FERRY_P9_MSIZE_MIN to FERRY_P9_MSIZE_MAX
 *
 * Return: the size, or 0 if the client wants less than can be served.
 */
static inline __u32 ferry_p9_msize(__u32 wanted, __u32 limit)
{
	if (wanted < FERRY_P9_MSIZE_MIN)
		return 0;
	return wanted < limit ? wanted : limit;
}

/**
 * ferry_p9_io_count - bytes of payload that an answer may carry
 * @count: asked for
 * @msize: of the session
 * @room: writable bytes of the chain, at least FERRY_P9_IO_HEADER
 */
static inline __u32 ferry_p9_io_count(__u32 count, __u32 msize, __u32 room)
{
	__u32 most = (msize < room ? msize : room) - FERRY_P9_IO_HEADER;

	return count < most ? count : most;
}

/**
 * ferry_p9_qid_path - a number that tells files apart, also of several devices
 * @ino: inode number
 * @dev: device that the inode is on
 * @root_dev: device of the exported directory
 *
 * Inodes of the exported directory's own device keep their numbers. Those of others
 * (subvolumes, layers of an overlay) get bits set that inode numbers do not reach.
 */
static inline __u64 ferry_p9_qid_path(__u64 ino, __u32 dev, __u32 root_dev)
{
	return ino ^ (((__u64)(dev ^ root_dev) * 0x9e3779b97f4a7c15ULL) & ~0xffffffffULL);
}

#endif /* FERRY_P9_CORE_H */
