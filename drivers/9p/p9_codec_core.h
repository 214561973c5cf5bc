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

#include <asm/byteorder.h>

#include "p9_core.h"
#ifndef __KERNEL__
#include <string.h>
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
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

/* What Rgetattr says behind the qid, in the order of the wire. */
struct ferry_p9_attr {
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u64 nlink;
	__u64 rdev;
	__u64 size;
	__u64 blksize;
	__u64 blocks;
	__u64 time[FERRY_P9_TIMES][2];	/* seconds, nanoseconds */
};

/*
 * An integer of 1, 2, 4 or 8 bytes, which callers give as a constant: then it is one load
 * or store. The bytes of a message lie anywhere.
 */
static __always_inline __u64 ferry_p9_load(const __u8 *p, unsigned int bytes)
{
	__le64 le = 0;

	__builtin_memcpy(&le, p, bytes);
	return __le64_to_cpu(le);
}

/* Likewise. Return: what is behind it. */
static __always_inline __u8 *ferry_p9_store(__u8 *p, __u64 v, unsigned int bytes)
{
	__le64 le = __cpu_to_le64(v);

	__builtin_memcpy(p, &le, bytes);
	return p + bytes;
}

static __always_inline __u64 ferry_p9_get(struct ferry_p9_dec *d, unsigned int bytes)
{
	__u64 v;

	if (d->bad || d->left < bytes) {
		d->bad = true;
		return 0;
	}
	v = ferry_p9_load(d->p, bytes);
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

/* Room for so many bytes of one or more fields, NULL if there is none. */
static __always_inline __u8 *ferry_p9_room(struct ferry_p9_enc *e, __u32 bytes)
{
	__u8 *p = e->p;

	if (e->bad || e->left < bytes) {
		e->bad = true;
		return NULL;
	}
	e->p += bytes;
	e->left -= bytes;
	e->done += bytes;
	return p;
}

static __always_inline void ferry_p9_put(struct ferry_p9_enc *e, __u64 v, unsigned int bytes)
{
	__u8 *p = ferry_p9_room(e, bytes);

	if (p)
		ferry_p9_store(p, v, bytes);
}

static inline void ferry_p9_put_bytes(struct ferry_p9_enc *e, const void *from, __u32 len)
{
	__u8 *p = ferry_p9_room(e, len);

	if (p && len)
		memcpy(p, from, len);
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
	__u8 *p = ferry_p9_room(e, FERRY_P9_QID);

	if (!p)
		return;
	p = ferry_p9_store(p, type, 1);
	p = ferry_p9_store(p, version, 4);
	ferry_p9_store(p, path, 8);
}

/* The rest of Rgetattr: generation and data version are unknown. */
static inline void ferry_p9_put_attr(struct ferry_p9_enc *e, const struct ferry_p9_attr *a)
{
	__u8 *p = ferry_p9_room(e, FERRY_P9_ATTR);
	unsigned int i;

	if (!p)
		return;
	p = ferry_p9_store(p, a->mode, 4);
	p = ferry_p9_store(p, a->uid, 4);
	p = ferry_p9_store(p, a->gid, 4);
	p = ferry_p9_store(p, a->nlink, 8);
	p = ferry_p9_store(p, a->rdev, 8);
	p = ferry_p9_store(p, a->size, 8);
	p = ferry_p9_store(p, a->blksize, 8);
	p = ferry_p9_store(p, a->blocks, 8);
	for (i = 0; i < FERRY_P9_TIMES; i++) {
		p = ferry_p9_store(p, a->time[i][0], 8);
		p = ferry_p9_store(p, a->time[i][1], 8);
	}
	p = ferry_p9_store(p, 0, 8);
	ferry_p9_store(p, 0, 8);
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
		case '1':
			m->v[m->nr_v++] = ferry_p9_get(&d, 1);
			break;
		case '2':
			m->v[m->nr_v++] = ferry_p9_get(&d, 2);
			break;
		case '4':
			m->v[m->nr_v++] = ferry_p9_get(&d, 4);
			break;
		case '8':
			m->v[m->nr_v++] = ferry_p9_get(&d, 8);
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
