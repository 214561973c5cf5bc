/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What 9P2000 and 9P2000.u say otherwise than 9P2000.L: permissions, open modes, devices
 * as text, and the stat that Tstat returns and Twstat brings. Pure.
 */
#ifndef FERRY_P9_LEGACY_CORE_H
#define FERRY_P9_LEGACY_CORE_H

#include <linux/stat.h>
#ifndef __KERNEL__
#include <sys/stat.h>
#endif

#include "p9_codec_core.h"

#define FERRY_P9_NUMBER_MAX	10	/* digits of an owner as text */

/* Longest stat with its size: fixed fields, a name, three numbers, a symlink's target. */
#define FERRY_P9_STAT_MAX	(63 + FERRY_P9_NAME_MAX + 3 * FERRY_P9_NUMBER_MAX + \
				 FERRY_P9_TARGET_MAX)

#define FERRY_P9_STAT_SAME32	0xffffffffU	/* Twstat: leave as it is */
#define FERRY_P9_STAT_SAME64	0xffffffffffffffffULL

#define FERRY_P9_MAJORS		(1U << 12)	/* of Linux */
#define FERRY_P9_MINORS		(1U << 20)

#define FERRY_P9_PERMS		0777U

static const struct ferry_p9_dm {
	__u32 dm;
	__u32 mode;
	bool extended;		/* only in 9P2000.u */
} ferry_p9_dms[] = {
	{ FERRY_P9_DMDIR, S_IFDIR, false },
	{ FERRY_P9_DMSYMLINK, S_IFLNK, true },
	{ FERRY_P9_DMNAMEDPIPE, S_IFIFO, true },
	{ FERRY_P9_DMSOCKET, S_IFSOCK, true },
	{ FERRY_P9_DMDEVICE, S_IFBLK, true },
	{ FERRY_P9_DMDEVICE, S_IFCHR, true },
	{ FERRY_P9_DMSETUID, S_ISUID, true },
	{ FERRY_P9_DMSETGID, S_ISGID, true },
	{ FERRY_P9_DMSETVTX, S_ISVTX, true },
};

#define FERRY_P9_DMS	(sizeof(ferry_p9_dms) / sizeof(ferry_p9_dms[0]))

/* A file's mode as permissions of a dialect. */
static inline __u32 ferry_p9_mode_to_dm(__u32 mode, unsigned int dialect)
{
	__u32 dm = mode & FERRY_P9_PERMS;
	unsigned int i;

	for (i = 0; i < FERRY_P9_DMS; i++) {
		__u32 m = ferry_p9_dms[i].mode;

		if (ferry_p9_dms[i].extended && dialect != FERRY_P9_2000U)
			continue;
		if (m & S_IFMT ? (mode & S_IFMT) == m : mode & m)
			dm |= ferry_p9_dms[i].dm;
	}
	return dm;
}

/**
 * ferry_p9_new_mode - what Tcreate is to make
 * @perm: from the wire
 * @dialect: of the session
 * @mode: set: a type and permissions; of a device ferry_p9_parse_device() says which; 0 for
 *	a hard link, of which ferry_p9_parse_fid() says to what
 *
 * Return: 0, or -EINVAL for what the dialect does not have.
 */
static inline int ferry_p9_new_mode(__u32 perm, unsigned int dialect, __u32 *mode)
{
	unsigned int i;

	*mode = 0;
	if (perm & FERRY_P9_DMLINK)
		return dialect == FERRY_P9_2000U ? 0 : -EINVAL;
	*mode = perm & FERRY_P9_PERMS;
	for (i = 0; i < FERRY_P9_DMS; i++) {
		if (!(perm & ferry_p9_dms[i].dm))
			continue;
		if (ferry_p9_dms[i].extended && dialect != FERRY_P9_2000U)
			return -EINVAL;
		if ((ferry_p9_dms[i].mode & S_IFMT) && (*mode & S_IFMT))
			continue;
		*mode |= ferry_p9_dms[i].mode;
	}
	if (!(*mode & S_IFMT))
		*mode |= S_IFREG;
	return 0;
}

/* What Twstat sets of a mode: permissions, and in 9P2000.u the bits of their own. */
static inline __u32 ferry_p9_dm_to_bits(__u32 perm, unsigned int dialect)
{
	__u32 mode = perm & FERRY_P9_PERMS;
	unsigned int i;

	for (i = 0; i < FERRY_P9_DMS; i++)
		if ((perm & ferry_p9_dms[i].dm) && !(ferry_p9_dms[i].mode & S_IFMT) &&
		    dialect == FERRY_P9_2000U)
			mode |= ferry_p9_dms[i].mode;
	return mode;
}

/* The mode of Topen and Tcreate as flags of Tlopen; ORCLOSE is the caller's. */
static inline __u32 ferry_p9_open_flags(__u8 mode)
{
	static const __u32 access[] = { FERRY_P9_O_RDONLY, FERRY_P9_O_WRONLY, FERRY_P9_O_RDWR,
					FERRY_P9_O_RDONLY };
	__u32 flags = access[mode & FERRY_P9_OEXEC];

	if (mode & FERRY_P9_OTRUNC)
		flags |= FERRY_P9_O_TRUNC;
	if (mode & FERRY_P9_OAPPEND)
		flags |= FERRY_P9_O_APPEND;
	return flags;
}

/* Blanks and a decimal number below @limit; moves @s behind it. */
static inline int ferry_p9_parse_number(struct ferry_p9_str *s, __u32 limit, __u32 *number)
{
	__u32 digits = 0;
	__u64 n = 0;

	while (s->len && s->s[0] == ' ') {
		s->s++;
		s->len--;
	}
	for (; s->len && s->s[0] >= '0' && s->s[0] <= '9'; s->s++, s->len--) {
		n = n * 10 + (__u32)(s->s[0] - '0');
		if (n >= limit)
			return -EINVAL;
		digits++;
	}
	*number = (__u32)n;
	return digits ? 0 : -EINVAL;
}

/* "b 8 0": which device 9P2000.u means. Return: 0 or -EINVAL. */
static inline int ferry_p9_parse_device(const struct ferry_p9_str *text, __u32 *type, __u32 *major,
					__u32 *minor)
{
	struct ferry_p9_str s = *text;

	if (!s.len || (s.s[0] != 'b' && s.s[0] != 'c'))
		return -EINVAL;
	*type = s.s[0] == 'b' ? S_IFBLK : S_IFCHR;
	s.s++;
	s.len--;
	if (ferry_p9_parse_number(&s, FERRY_P9_MAJORS, major) ||
	    !s.len || s.s[0] != ' ' || ferry_p9_parse_number(&s, FERRY_P9_MINORS, minor))
		return -EINVAL;
	return s.len ? -EINVAL : 0;
}

/* Which fid a hard link of 9P2000.u is made to; Linux ends the line. Return: 0 or -EINVAL. */
static inline int ferry_p9_parse_fid(const struct ferry_p9_str *text, __u32 *fid)
{
	struct ferry_p9_str s = *text;

	if (ferry_p9_parse_number(&s, FERRY_P9_NOFID, fid))
		return -EINVAL;
	return s.len > 1 || (s.len && s.s[0] != '\n') ? -EINVAL : 0;
}

/* A number as a string, and a device as ferry_p9_parse_device() reads it. */
static inline __u32 ferry_p9_format_number(char *to, __u32 n)
{
	char digits[FERRY_P9_NUMBER_MAX];
	__u32 len = 0, i;

	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	for (i = 0; i < len; i++)
		to[i] = digits[len - 1 - i];
	return len;
}

/* What Tstat tells of a file. */
struct ferry_p9_stat {
	__u8 qid[FERRY_P9_QID];		/* as it goes over the wire */
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 major;			/* of a device */
	__u32 minor;
	__u32 atime;
	__u32 mtime;
	__u64 size;
	struct ferry_p9_str name;
	struct ferry_p9_str target;	/* of a symlink */
};

static inline void ferry_p9_put_number(struct ferry_p9_enc *e, __u32 n)
{
	char text[FERRY_P9_NUMBER_MAX];

	ferry_p9_put_str(e, text, ferry_p9_format_number(text, n));
}

/* The extension of 9P2000.u: a symlink's target, or what device it is. */
static inline void ferry_p9_put_extension(struct ferry_p9_enc *e, const struct ferry_p9_stat *st)
{
	char text[2 + 2 * (1 + FERRY_P9_NUMBER_MAX)];
	__u32 type = st->mode & S_IFMT, n = 0;

	if (type == S_IFBLK || type == S_IFCHR) {
		text[n++] = type == S_IFBLK ? 'b' : 'c';
		text[n++] = ' ';
		n += ferry_p9_format_number(text + n, st->major);
		text[n++] = ' ';
		n += ferry_p9_format_number(text + n, st->minor);
		ferry_p9_put_str(e, text, n);
	} else {
		ferry_p9_put_str(e, st->target.s, type == S_IFLNK ? st->target.len : 0);
	}
}

/**
 * ferry_p9_put_stat - a stat with its own size in front
 * @e: where to; if it does not fit, nothing is put and @e is not bad
 * @st: what to tell
 * @dialect: FERRY_P9_2000 or FERRY_P9_2000U
 *
 * Return: 0, or -EMSGSIZE.
 */
static inline int ferry_p9_put_stat(struct ferry_p9_enc *e, const struct ferry_p9_stat *st,
				    unsigned int dialect)
{
	struct ferry_p9_enc size = *e, before = *e;

	ferry_p9_put(e, 0, 2);
	ferry_p9_put(e, 0, 2);
	ferry_p9_put(e, 0, 4);
	ferry_p9_put_bytes(e, st->qid, FERRY_P9_QID);
	ferry_p9_put(e, ferry_p9_mode_to_dm(st->mode, dialect), 4);
	ferry_p9_put(e, st->atime, 4);
	ferry_p9_put(e, st->mtime, 4);
	ferry_p9_put(e, (st->mode & S_IFMT) == S_IFDIR ? 0 : st->size, 8);
	ferry_p9_put_str(e, st->name.s, st->name.len);
	ferry_p9_put_number(e, st->uid);
	ferry_p9_put_number(e, st->gid);
	ferry_p9_put_number(e, st->uid);
	if (dialect == FERRY_P9_2000U) {
		ferry_p9_put_extension(e, st);
		ferry_p9_put(e, st->uid, 4);
		ferry_p9_put(e, st->gid, 4);
		ferry_p9_put(e, st->uid, 4);
	}
	if (e->bad) {
		*e = before;
		return -EMSGSIZE;
	}
	ferry_p9_put(&size, e->done - before.done - 2, 2);
	return 0;
}

/* A stat that says what to change: what is all ones or empty stays. */
struct ferry_p9_wstat {
	__u32 mode;
	__u32 atime;
	__u32 mtime;
	__u64 length;
	struct ferry_p9_str name;
	__u32 uid;
	__u32 gid;
};

/* A stat that changes nothing asks for what was written to be made stable: stat(5). */
static inline bool ferry_p9_wstat_syncs(const struct ferry_p9_wstat *w)
{
	return w->mode == FERRY_P9_STAT_SAME32 && w->atime == FERRY_P9_STAT_SAME32 &&
	       w->mtime == FERRY_P9_STAT_SAME32 && w->length == FERRY_P9_STAT_SAME64 &&
	       !w->name.len && w->uid == FERRY_P9_STAT_SAME32 && w->gid == FERRY_P9_STAT_SAME32;
}

/* Return: 0 or the -errno to answer. */
static inline int ferry_p9_parse_wstat(const struct ferry_p9_str *s, unsigned int dialect,
				       struct ferry_p9_wstat *w)
{
	struct ferry_p9_dec d = { (const __u8 *)s->s, s->len, false };
	__u32 size = (__u32)ferry_p9_get(&d, 2);
	unsigned int i;

	if (size != d.left)
		return -EINVAL;
	ferry_p9_get(&d, 2);
	ferry_p9_get(&d, 4);
	ferry_p9_get(&d, 1);
	ferry_p9_get(&d, 4);
	ferry_p9_get(&d, 8);
	w->mode = (__u32)ferry_p9_get(&d, 4);
	w->atime = (__u32)ferry_p9_get(&d, 4);
	w->mtime = (__u32)ferry_p9_get(&d, 4);
	w->length = ferry_p9_get(&d, 8);
	w->name = ferry_p9_get_str(&d);
	for (i = 0; i < 3; i++)
		ferry_p9_get_str(&d);
	w->uid = FERRY_P9_STAT_SAME32;
	w->gid = FERRY_P9_STAT_SAME32;
	if (dialect == FERRY_P9_2000U) {
		ferry_p9_get_str(&d);
		w->uid = (__u32)ferry_p9_get(&d, 4);
		w->gid = (__u32)ferry_p9_get(&d, 4);
		ferry_p9_get(&d, 4);
	}
	if (d.bad || d.left)
		return -EINVAL;
	return w->name.len ? ferry_p9_check_name(w->name.s, w->name.len) : 0;
}

#endif /* FERRY_P9_LEGACY_CORE_H */
