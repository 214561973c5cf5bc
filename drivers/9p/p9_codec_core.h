/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bytes to values and back, for 9P messages. Pure: everything works on a private
 * copy of the message and never reads or writes beyond the length it was given.
 *
 * A decoder or encoder that ran out of room stays "bad" and yields zeroes, so that
 * callers check once, at the end.
 */
#ifndef FERRY_P9_CODEC_CORE_H
#define FERRY_P9_CODEC_CORE_H

#include "p9_core.h"
#ifndef __KERNEL__
#include <string.h>
#endif

/* A string inside the private copy; no NUL follows it. */
struct ferry_p9_str {
	const char *s;
	__u32 len;
};

struct ferry_p9_dec {
	const __u8 *p;
	__u32 left;
	bool bad;
};

struct ferry_p9_enc {
	__u8 *p;
	__u32 left;
	__u32 done;	/* bytes written */
	bool bad;
};

/* A request, decoded: its integers and its strings, each in the order of the wire. */
struct ferry_p9_msg {
	__u64 v[FERRY_P9_INTS];
	struct ferry_p9_str s[FERRY_P9_STRS];
	__u32 nr_v;
	__u32 nr_s;
};

static inline __u64 ferry_p9_get(struct ferry_p9_dec *d, unsigned int bytes)
{
	__u64 v = 0;
	unsigned int i;

	if (d->bad || d->left < bytes) {
		d->bad = true;
		return 0;
	}
	for (i = 0; i < bytes; i++)
		v |= (__u64)d->p[i] << (8 * i);
	d->p += bytes;
	d->left -= bytes;
	return v;
}

static inline struct ferry_p9_str ferry_p9_get_str(struct ferry_p9_dec *d)
{
	struct ferry_p9_str s = { NULL, (__u32)ferry_p9_get(d, 2) };

	if (d->bad || d->left < s.len) {
		d->bad = true;
		s.len = 0;
		return s;
	}
	s.s = (const char *)d->p;
	d->p += s.len;
	d->left -= s.len;
	return s;
}

static inline void ferry_p9_put(struct ferry_p9_enc *e, __u64 v, unsigned int bytes)
{
	unsigned int i;

	if (e->bad || e->left < bytes) {
		e->bad = true;
		return;
	}
	for (i = 0; i < bytes; i++)
		e->p[i] = (__u8)(v >> (8 * i));
	e->p += bytes;
	e->left -= bytes;
	e->done += bytes;
}

static inline void ferry_p9_put_bytes(struct ferry_p9_enc *e, const void *from, __u32 len)
{
	if (e->bad || e->left < len) {
		e->bad = true;
		return;
	}
	if (len)
		memcpy(e->p, from, len);
	e->p += len;
	e->left -= len;
	e->done += len;
}

static inline void ferry_p9_put_str(struct ferry_p9_enc *e, const char *s, __u32 len)
{
	if (len > 0xffff) {
		e->bad = true;
		return;
	}
	ferry_p9_put(e, len, 2);
	ferry_p9_put_bytes(e, s, len);
}

static inline void ferry_p9_put_qid(struct ferry_p9_enc *e, __u8 type, __u32 version, __u64 path)
{
	ferry_p9_put(e, type, 1);
	ferry_p9_put(e, version, 4);
	ferry_p9_put(e, path, 8);
}

static inline int ferry_p9_check_string(const struct ferry_p9_str *s)
{
	return s->len && memchr(s->s, 0, s->len) ? -EINVAL : 0;
}

/* The next string into @m, and its rule. */
static inline int ferry_p9_decode_str(struct ferry_p9_dec *d, struct ferry_p9_msg *m, char kind)
{
	struct ferry_p9_str *s;

	if (m->nr_s >= FERRY_P9_STRS)
		return -EINVAL;
	s = &m->s[m->nr_s++];
	*s = ferry_p9_get_str(d);
	if (d->bad)
		return -EINVAL;
	if (kind == 'n')
		return ferry_p9_check_name(s->s, s->len);
	return kind == 's' ? ferry_p9_check_string(s) : 0;
}

static inline int ferry_p9_decode_walk(struct ferry_p9_dec *d, struct ferry_p9_msg *m)
{
	__u32 n = (__u32)ferry_p9_get(d, 2);
	int err = d->bad || n > FERRY_P9_WALK_MAX ? -EINVAL : 0;

	while (!err && n--)
		err = ferry_p9_decode_str(d, m, 'n');
	return err;
}

/**
 * ferry_p9_decode - the body of a request into values
 * @m: filled in; its strings point into @body
 * @layout: what ferry_p9_layout() said
 * @body: private copy of what follows the header
 * @len: its bytes; a write's payload is not among them
 * @payload: bytes of payload that follow, 0 if the request has none
 *
 * Return: 0, or -errno for a body that is cut short, has bytes left over, or holds
 * a name that breaks the rules.
 */
static inline int ferry_p9_decode(struct ferry_p9_msg *m, const char *layout, const void *body,
				  __u32 len, __u32 payload)
{
	struct ferry_p9_dec d = { (const __u8 *)body, len, false };
	int err = 0;

	m->nr_v = 0;
	m->nr_s = 0;
	for (; *layout && !err; layout++) {
		switch (*layout) {
		case 'n':
		case 's':
		case 'b':
			err = ferry_p9_decode_str(&d, m, *layout);
			break;
		case 'w':
			err = ferry_p9_decode_walk(&d, m);
			break;
		case 'p':
			m->v[m->nr_v] = ferry_p9_get(&d, 4);
			err = m->v[m->nr_v++] == payload ? 0 : -EINVAL;
			break;
		default:
			m->v[m->nr_v++] = ferry_p9_get(&d, *layout - '0');
			break;
		}
	}
	if (!err && (d.bad || d.left))
		err = -EINVAL;
	return err;
}

/* The header of a request, from a private copy. */
struct ferry_p9_hdr {
	__u32 size;
	__u8 type;
	__u16 tag;
};

static inline struct ferry_p9_hdr ferry_p9_header(const __u8 *p)
{
	struct ferry_p9_dec d = { p, FERRY_P9_HEADER, false };
	struct ferry_p9_hdr h;

	h.size = (__u32)ferry_p9_get(&d, 4);
	h.type = (__u8)ferry_p9_get(&d, 1);
	h.tag = (__u16)ferry_p9_get(&d, 2);
	return h;
}

/**
 * ferry_p9_copied - how much of a request belongs into the private copy
 * @h: its header
 * @sent: readable bytes of the chain, at least FERRY_P9_HEADER
 * @msize: of the session
 *
 * Return: bytes with the header, all but a write's payload; 0 if the size lies or
 * is too large.
 */
static inline __u32 ferry_p9_copied(const struct ferry_p9_hdr *h, __u32 sent, __u32 msize)
{
	if (h->size < FERRY_P9_HEADER || h->size > sent || h->size > msize)
		return 0;
	if (h->type == FERRY_P9_TWRITE)
		return h->size < FERRY_P9_WRITE_HEADER ? 0 : FERRY_P9_WRITE_HEADER;
	return h->size <= FERRY_P9_REQUEST_MAX ? h->size : 0;
}

#endif /* FERRY_P9_CODEC_CORE_H */
