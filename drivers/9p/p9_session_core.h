/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a session is begun with: the limits of an export, as SET_BACKEND brings them, and
 * the dialect and message size that Tversion agrees on. Pure.
 */
#ifndef FERRY_P9_SESSION_CORE_H
#define FERRY_P9_SESSION_CORE_H

#include <linux/ferry.h>

#include "p9_codec_core.h"

#define FERRY_P9_FIDS_MAX	65536U
#define FERRY_P9_XATTR_BYTES	(16ULL << 20)	/* of all values that fids hold */
#define FERRY_P9_MSIZE_DEFAULT	(512U << 10)

/* What says nothing without users of the guest's. */
#define FERRY_P9_PASSTHROUGH_FLAGS	\
	(FERRY_9P_F_ROOT_SQUASH | FERRY_9P_F_ALL_SQUASH | FERRY_9P_F_GUEST_CHECKS)

/* Nobody, where the client does not say who it is. */
#define FERRY_P9_NOBODY		65534U

/* What was left out, 0, is the most; modes are the owner's. */
static inline void ferry_p9_export_defaults(struct ferry_9p_backend *b)
{
	b->msize = b->msize ?: FERRY_P9_MSIZE_DEFAULT;
	b->fids = b->fids ?: FERRY_P9_FIDS_MAX;
	b->xattr_bytes = b->xattr_bytes ?: FERRY_P9_XATTR_BYTES;
	b->fmode = b->fmode ?: 0600;
	b->dmode = b->dmode ?: 0700;
}

/* Whether a back end with its defaults is within the limits: 0 or -EINVAL. */
static inline int ferry_p9_export_check(const struct ferry_9p_backend *b)
{
	unsigned int i;

	for (i = 0; i < sizeof(b->reserved) / sizeof(b->reserved[0]); i++)
		if (b->reserved[i])
			return -EINVAL;
	if (b->flags & ~FERRY_9P_F_ALL)
		return -EINVAL;
	if (b->model < FERRY_9P_MODEL_PASSTHROUGH || b->model > FERRY_9P_MODEL_NONE)
		return -EINVAL;
	if (b->msize < FERRY_P9_MSIZE_MIN || b->msize > FERRY_P9_MSIZE_MAX)
		return -EINVAL;
	if (b->fids > FERRY_P9_FIDS_MAX || b->xattr_bytes > FERRY_P9_XATTR_BYTES)
		return -EINVAL;
	if ((b->fmode & ~0777) || (b->dmode & ~0777) || (b->fmode & 0600) != 0600 ||
	    (b->dmode & 0700) != 0700)
		return -EINVAL;
	if (b->model != FERRY_9P_MODEL_PASSTHROUGH && (b->flags & FERRY_P9_PASSTHROUGH_FLAGS))
		return -EINVAL;
	return 0;
}

/* Of the name in Tversion; FERRY_P9_NONE for one that is not known. */
static inline unsigned int ferry_p9_dialect_of(const struct ferry_p9_str *s)
{
	static const struct {
		const char *name;
		unsigned int dialect;
	} known[] = {
		{ "9P2000.L", FERRY_P9_2000L },
		{ "9P2000.u", FERRY_P9_2000U },
		{ "9P2000", FERRY_P9_2000 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (s->len == strlen(known[i].name) && !memcmp(s->s, known[i].name, s->len))
			return known[i].dialect;
	return FERRY_P9_NONE;
}

/**
 * ferry_p9_agree - what Tversion comes to
 * @m: the request
 * @limit: message size of the export
 * @e: the answer's body is put here
 * @dialect: set; FERRY_P9_NONE if the client speaks another one
 *
 * Return: the message size of the session, 0 for -EMSGSIZE: the client wants less than
 * can be served.
 */
static inline __u32 ferry_p9_agree(const struct ferry_p9_msg *m, __u32 limit,
				   struct ferry_p9_enc *e, unsigned int *dialect)
{
	__u32 msize = ferry_p9_msize((__u32)m->v[0], limit);

	*dialect = ferry_p9_dialect_of(&m->s[0]);
	if (!msize)
		return 0;
	ferry_p9_put(e, msize, 4);
	if (*dialect)
		ferry_p9_put_str(e, m->s[0].s, m->s[0].len);
	else
		ferry_p9_put_str(e, "unknown", 7);
	return msize;
}

#endif /* FERRY_P9_SESSION_CORE_H */
