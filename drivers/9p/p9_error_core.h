/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How an error goes to the client: as a number in Rlerror of 9P2000.L, and as a text in
 * Rerror of the older dialects, of which 9P2000.u has the number behind it. Pure.
 */
#ifndef FERRY_P9_ERROR_CORE_H
#define FERRY_P9_ERROR_CORE_H

#include "p9_codec_core.h"

#define FERRY_P9_ERRNO_MAX	133U		/* the last that clients know */
#define FERRY_P9_ERESTART	512U		/* of the kernel's restarts of system calls */
#define FERRY_P9_ERESTART_LAST	516U
#define FERRY_P9_EOPENSTALE	518U		/* of its opens: a name is out of date */

/* What the client understands of a negative errno. */
static inline __u32 ferry_p9_errno(int err)
{
	__u32 no = -(__u32)err;

	if (no >= FERRY_P9_ERESTART && no <= FERRY_P9_ERESTART_LAST)
		return EINTR;
	if (no == FERRY_P9_EOPENSTALE)
		return ESTALE;
	return err < 0 && no <= FERRY_P9_ERRNO_MAX ? no : EIO;
}

/* The texts that clients of 9P2000 look for; the rest is a number or EIO's. */
static inline const char *ferry_p9_strerror(__u32 no)
{
	switch (no) {
	case EPERM:		return "Operation not permitted";
	case ENOENT:		return "No such file or directory";
	case EIO:		return "Input/output error";
	case EBADF:		return "Bad file descriptor";
	case ENOMEM:		return "Cannot allocate memory";
	case EACCES:		return "Permission denied";
	case EBUSY:		return "Device or resource busy";
	case EEXIST:		return "File exists";
	case ENOTDIR:		return "Not a directory";
	case EISDIR:		return "Is a directory";
	case EINVAL:		return "Invalid argument";
	case EFBIG:		return "File too large";
	case ENOSPC:		return "No space left on device";
	case EROFS:		return "Read-only file system";
	case ENAMETOOLONG:	return "File name too long";
	case ENOTEMPTY:		return "Directory not empty";
	case ELOOP:		return "Too many levels of symbolic links";
	case EOPNOTSUPP:	return "Operation not supported";
	default:		return "Input/output error";
	}
}

/* The largest of ferry_p9_error_bytes(). */
#define FERRY_P9_ERROR_MOST	(FERRY_P9_HEADER + 2 + 4)

/* Bytes of the shortest error of a dialect; a chain with less room is no request. */
static inline __u32 ferry_p9_error_bytes(unsigned int dialect)
{
	return FERRY_P9_HEADER + (dialect & (FERRY_P9_2000 | FERRY_P9_2000U) ? 2 + 4 : 4);
}

/**
 * ferry_p9_put_error - the body of an answer that says what went wrong
 * @e: behind the answer's header
 * @err: negative errno
 * @dialect: of the session, enum ferry_p9_dialect
 * @room: writable bytes of the chain, at least ferry_p9_error_bytes()
 *
 * Return: the answer's type.
 */
static inline __u8 ferry_p9_put_error(struct ferry_p9_enc *e, int err, unsigned int dialect,
				      __u32 room)
{
	__u32 no = ferry_p9_errno(err), most = room - ferry_p9_error_bytes(dialect), len;
	const char *text;

	if (!(dialect & (FERRY_P9_2000 | FERRY_P9_2000U))) {
		ferry_p9_put(e, no, 4);
		return FERRY_P9_RLERROR;
	}
	text = ferry_p9_strerror(no);
	len = (__u32)strlen(text);
	ferry_p9_put_str(e, text, len < most ? len : most);
	if (dialect == FERRY_P9_2000U)
		ferry_p9_put(e, no, 4);
	return FERRY_P9_RERROR;
}

#endif /* FERRY_P9_ERROR_CORE_H */
