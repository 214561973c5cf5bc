// SPDX-License-Identifier: GPL-2.0
/*
 * Role: a request's payload where it lies in guest memory.
 * Threads: those that serve requests.
 * Locks: none.
 */
#include <stdlib.h>
#include <string.h>

#include "p9loop_server.h"

/**
 * p9loop_iter_init - the segments of a payload
 * @req: the request
 * @it: set up; p9loop_iter_free() ends it
 * @in: whether the chain's writable part is meant
 * @skip: bytes of it in front of the payload
 * @len: bytes of payload; the chain holds them
 *
 * Return: 0 or -ENOMEM.
 */
int p9loop_iter_init(struct p9loop_req *req, struct p9loop_iter *it, bool in, u32 skip, u32 len)
{
	const struct iovec *from = in ? req->in : req->out;
	unsigned int i, n = in ? req->c.in_num : req->c.out_num;

	it->alloc = NULL;
	it->v = it->own;
	it->n = 0;
	if (n > P9LOOP_SEGMENTS) {
		it->alloc = calloc(n, sizeof(*it->alloc));
		if (!it->alloc)
			return -ENOMEM;
		it->v = it->alloc;
	}
	for (i = 0; i < n && len; i++) {
		size_t part = from[i].iov_len;

		if (skip >= part) {
			skip -= part;
			continue;
		}
		part -= skip;
		if (part > len)
			part = len;
		it->v[it->n++] = (struct iovec){ (u8 *)from[i].iov_base + skip, part };
		len -= part;
		skip = 0;
	}
	return 0;
}

void p9loop_iter_advance(struct p9loop_iter *it, size_t len)
{
	while (it->n && len >= it->v->iov_len) {
		len -= it->v->iov_len;
		it->v++;
		it->n--;
	}
	if (it->n) {
		it->v->iov_base = (u8 *)it->v->iov_base + len;
		it->v->iov_len -= len;
	}
}

void p9loop_iter_free(struct p9loop_iter *it)
{
	free(it->alloc);
}

int p9loop_deliver(struct p9loop_req *req, const void *from, u32 len)
{
	virtio_iov_write(req->in, req->c.in_num, FERRY_P9_IO_HEADER, from, len);
	ferry_p9_put(&req->enc, len, 4);
	req->payload = len;
	return 0;
}
