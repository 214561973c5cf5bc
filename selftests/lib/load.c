// SPDX-License-Identifier: GPL-2.0
/*
 * Mixed verified I/O. The loop runs in a thread of its own, or in the caller's
 * with load_run(), and alone touches ring and model; done, fault and stop are
 * shared through atomics.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <time.h>

#include "check.h"
#include "load.h"

#define LOAD_PATIENCE_NS	(3 * DEV_PATIENCE_MS * 1000000ULL)

void load_init(struct load *l, struct blk *b, unsigned int queue, uint64_t first,
	       uint64_t sectors)
{
	memset(l, 0, sizeof(*l));
	l->b = b;
	l->queue = queue;
	l->depth = 16;
	l->bytes_max = 0x8000;
	l->block = b->be.block_size ? b->be.block_size : 512;
	l->first_sector = first;
	l->blocks = sectors * 512 / l->block;
	l->mix = (struct load_mix){ .write = 40, .flush = 4 };
	if (blk_has(b, VIRTIO_BLK_F_WRITE_ZEROES))
		l->mix.zero = 8;
	if (blk_has(b, VIRTIO_BLK_F_DISCARD))
		l->mix.discard = 4;
	if (!blk_has(b, VIRTIO_BLK_F_FLUSH))
		l->mix.flush = 0;
	l->other_call = -1;
	l->at = BLK_BUF + (uint64_t)queue * LOAD_DEPTH_MAX / 4 * LOAD_STRIDE;
	l->rng = 0x9e3779b97f4a7c15ULL + queue;
	l->model = calloc(l->blocks, sizeof(*l->model));
	l->in_use = calloc(l->blocks, 1);
	check(l->model && l->in_use, "memory for a model of %u blocks", l->blocks);
}

void load_destroy(struct load *l)
{
	free(l->model);
	free(l->in_use);
	l->model = NULL;
	l->in_use = NULL;
}

void load_forget(struct load *l)
{
	memset(l->model, 0xff, l->blocks * sizeof(*l->model));
}

static uint32_t load_random(struct load *l, uint32_t below)
{
	l->rng ^= l->rng >> 12;
	l->rng ^= l->rng << 25;
	l->rng ^= l->rng >> 27;
	return ((l->rng * 0x2545f4914f6cdd1dULL) >> 32) % below;
}

__attribute__((format(printf, 3, 4)))
static void load_blame(struct load *l, enum load_fault fault, const char *fmt, ...)
{
	va_list args;

	if (__atomic_load_n(&l->fault, __ATOMIC_RELAXED))
		return;
	va_start(args, fmt);
	vsnprintf(l->what, sizeof(l->what), fmt, args);
	va_end(args);
	printf("# queue %u: %s\n", l->queue, l->what);
	fflush(stdout);
	__atomic_store_n(&l->fault, fault, __ATOMIC_RELEASE);
}

static uint64_t load_sector(const struct load *l, uint32_t block)
{
	return l->first_sector + (uint64_t)block * l->block / 512;
}

static uint64_t load_offset(const struct load *l, uint32_t block)
{
	return load_sector(l, block) * 512;
}

/* --- submitting --------------------------------------------------------------------------- */

static uint32_t load_pick_type(struct load *l)
{
	const struct load_mix *m = &l->mix;
	uint32_t n = load_random(l, 100);

	if (n < m->write)
		return VIRTIO_BLK_T_OUT;
	n -= m->write;
	if (n < m->zero)
		return VIRTIO_BLK_T_WRITE_ZEROES;
	n -= m->zero;
	if (n < m->discard)
		return VIRTIO_BLK_T_DISCARD;
	return n - m->discard < m->flush ? VIRTIO_BLK_T_FLUSH : VIRTIO_BLK_T_IN;
}

/* Blocks that no request in flight touches; false if chance found none. */
static bool load_pick_blocks(struct load *l, struct load_slot *s)
{
	uint32_t most = l->bytes_max / l->block;

	s->blocks = 1 + load_random(l, load_random(l, 4) ? most < 8 ? most : 8 : most);
	if (s->blocks > l->blocks)
		s->blocks = l->blocks;
	s->first = load_random(l, l->blocks - s->blocks + 1);
	for (uint32_t i = 0; i < s->blocks; i++)
		if (l->in_use[s->first + i])
			return false;
	return true;
}

static void load_mark(struct load *l, const struct load_slot *s, uint8_t in_use)
{
	memset(l->in_use + s->first, in_use, s->blocks);
}

/* Random cuts, down to single bytes of the header. */
static const uint32_t *load_cuts(struct load *l, uint32_t *cuts)
{
	uint32_t n = 1 + load_random(l, 6);

	for (uint32_t i = 0; i < n; i++)
		cuts[i] = 1 + load_random(l, i < 2 ? 20 : 3000);
	cuts[n] = 0;
	return cuts;
}

static void load_prepare(struct load *l, struct load_slot *s, unsigned int i)
{
	struct virtio_blk_discard_write_zeroes *range;
	struct blk_req *r = &s->req;

	memset(r, 0, sizeof(*r));
	r->type = load_pick_type(l);
	r->at = l->at + (uint64_t)i * LOAD_STRIDE + 0x1000 + (l->odd ? load_random(l, 512) : 0);
	r->sector = load_sector(l, s->first);
	r->len = s->blocks * l->block;
	switch (r->type) {
	case VIRTIO_BLK_T_FLUSH:
		s->blocks = 0;
		r->sector = 0;
		r->len = 0;
		break;
	case VIRTIO_BLK_T_IN:
		r->in = true;
		break;
	case VIRTIO_BLK_T_OUT:
		s->tag = ++l->next_tag;
		blk_fill(blk_mem(l->b, r->at), r->len, load_offset(l, s->first), s->tag);
		break;
	default:
		r->at &= ~7ULL;
		range = blk_mem(l->b, r->at);
		range->sector = r->sector;
		range->num_sectors = r->len / 512;
		range->flags = r->type == VIRTIO_BLK_T_WRITE_ZEROES && load_random(l, 2);
		r->sector = 0;
		r->len = sizeof(*range);
	}
}

static bool load_submit(struct load *l, unsigned int i)
{
	struct load_slot *s = &l->slot[i];
	uint32_t cuts[8];

	if (!load_pick_blocks(l, s))
		return false;
	load_prepare(l, s, i);
	if (l->odd)
		s->req.cuts = load_cuts(l, cuts);
	if (blk_add(l->b, l->queue, &s->req, i))
		return false;
	s->req.cuts = NULL;
	s->since = dev_now_ns();
	s->busy = true;
	load_mark(l, s, 1);
	l->in_flight++;
	return true;
}

static void load_fill(struct load *l)
{
	struct ring *r = &l->b->g.ring[l->queue];

	for (unsigned int i = 0; i < l->depth && l->in_flight < l->depth; i++)
		if (!l->slot[i].busy)
			load_submit(l, i);
	dev_publish(&l->b->g.dev, l->queue, r);
}

/* --- completions -------------------------------------------------------------------------- */

static void load_check_read(struct load *l, const struct load_slot *s)
{
	const uint8_t *p = blk_mem(l->b, s->req.at);

	for (uint32_t i = 0; i < s->blocks; i++) {
		uint32_t tag = l->model[s->first + i];

		if (tag == LOAD_ANY)
			continue;
		l->compared += l->block;
		if (blk_filled(p + i * l->block, l->block, load_offset(l, s->first + i), tag))
			continue;
		load_blame(l, LOAD_MISCOMPARE,
			   "block %u of %u+%u: not tag %u but %016llx, zeroes are %d",
			   s->first + i, s->first, s->blocks, tag,
			   *(unsigned long long *)(p + i * l->block),
			   blk_filled(p + i * l->block, l->block, 0, 0));
		return;
	}
}

static void load_note(struct load *l, const struct load_slot *s, uint32_t tag)
{
	for (uint32_t i = 0; i < s->blocks; i++)
		l->model[s->first + i] = tag;
}

static void load_complete(struct load *l, struct load_slot *s, uint32_t used_len)
{
	uint8_t status = blk_status(l->b, &s->req);
	uint32_t want = 1 + (s->req.in && status == VIRTIO_BLK_S_OK ? s->req.len : 0);

	if (status == VIRTIO_BLK_S_IOERR)
		l->failed++;
	if (status > VIRTIO_BLK_S_IOERR || (status && !l->may_fail))
		load_blame(l, LOAD_STATUS, "type %u of blocks %u+%u: status %#x", s->req.type,
			   s->first, s->blocks, status);
	else if (used_len != want)
		load_blame(l, LOAD_LENGTH, "type %u status %u: used length %u, not %u",
			   s->req.type, status, used_len, want);
	switch (s->req.type) {
	case VIRTIO_BLK_T_IN:
		if (!status)
			load_check_read(l, s);
		break;
	case VIRTIO_BLK_T_OUT:
		load_note(l, s, status ? LOAD_ANY : s->tag);
		break;
	case VIRTIO_BLK_T_WRITE_ZEROES:
		load_note(l, s, status ? LOAD_ANY : 0);
		break;
	case VIRTIO_BLK_T_DISCARD:
		load_note(l, s, LOAD_ANY);
		break;
	}
	load_mark(l, s, 0);
	s->busy = false;
	l->in_flight--;
}

/* Return how many came. */
static unsigned int load_take(struct load *l)
{
	struct ring_used u;
	unsigned int n = 0;
	int got;

	while ((got = ring_get(&l->b->g.ring[l->queue], &u)) == 1) {
		if (u.cookie >= l->depth || !l->slot[u.cookie].busy) {
			got = -EPROTO;
			break;
		}
		load_complete(l, &l->slot[u.cookie], u.len);
		n++;
	}
	if (got < 0)
		load_blame(l, LOAD_RING, "a completion of what is not in flight");
	if (n)
		__atomic_add_fetch(&l->done, n, __ATOMIC_RELAXED);
	return n;
}

/* --- the loop ----------------------------------------------------------------------------- */

static bool load_ended(const struct load *l)
{
	return __atomic_load_n(&l->stop, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&l->fault, __ATOMIC_RELAXED);
}

static void load_sleep(struct load *l)
{
	struct pollfd fds[2] = {
		{ .fd = l->b->g.dev.call[l->queue], .events = POLLIN },
		{ .fd = l->other_call, .events = POLLIN },
	};
	uint64_t end = dev_now_ns() + LOAD_PATIENCE_NS;

	while (!load_ended(l)) {
		if (poll(fds, 2, 20) > 0) {
			event_take(fds[0].fd);
			if (fds[1].fd >= 0)
				event_take(fds[1].fd);
			return;
		}
		if (dev_now_ns() > end) {
			load_blame(l, LOAD_LOST, "%u in flight, completions are there: %d",
				   l->in_flight, ring_has_used(&l->b->g.ring[l->queue]));
			return;
		}
	}
}

/* All that is in flight comes back, or it was lost. */
static void load_drain(struct load *l)
{
	uint64_t end = dev_now_ns() + LOAD_PATIENCE_NS;

	while (l->in_flight && l->fault != LOAD_RING && l->fault != LOAD_LOST) {
		if (!load_take(l))
			usleep(200);
		if (dev_now_ns() > end)
			load_blame(l, LOAD_LOST, "%u requests never came back", l->in_flight);
	}
}

static void load_loop(struct load *l, unsigned long until)
{
	while (!load_ended(l) && l->done < until) {
		load_fill(l);
		if (!load_take(l) && !ring_enable_call(&l->b->g.ring[l->queue]))
			load_sleep(l);
	}
	load_drain(l);
}

enum load_fault load_run(struct load *l, unsigned long n)
{
	load_loop(l, l->done + n);
	return l->fault;
}

static void *load_thread(void *arg)
{
	load_loop(arg, ~0UL);
	return NULL;
}

void load_start(struct load *l)
{
	l->stop = 0;
	check(!pthread_create(&l->thread, NULL, load_thread, l), "a thread");
}

unsigned long load_done(const struct load *l)
{
	return __atomic_load_n(&l->done, __ATOMIC_RELAXED);
}

enum load_fault load_wait(struct load *l, unsigned long n)
{
	unsigned long until = load_done(l) + n;
	uint64_t end = dev_now_ns() + LOAD_PATIENCE_NS + n * 20000000ULL;
	enum load_fault fault;

	while ((long)(until - load_done(l)) > 0) {
		fault = __atomic_load_n(&l->fault, __ATOMIC_ACQUIRE);
		if (fault)
			return fault;
		if (dev_now_ns() > end)
			return LOAD_LOST;
		usleep(200);
	}
	return LOAD_FINE;
}

enum load_fault load_stop(struct load *l)
{
	__atomic_store_n(&l->stop, 1, __ATOMIC_RELEASE);
	pthread_join(l->thread, NULL);
	return l->fault;
}

/* Compare blocks [@first, @first + @n) of the model with @buf. */
static bool load_compare(struct load *l, const uint8_t *buf, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++, buf += l->block) {
		if (l->model[i] == LOAD_ANY ||
		    blk_filled(buf, l->block, load_offset(l, i), l->model[i]))
			continue;
		load_blame(l, LOAD_MISCOMPARE, "the disk: block %u is not tag %u", i,
			   l->model[i]);
		return false;
	}
	return true;
}

enum load_fault load_verify(struct load *l)
{
	uint32_t most = (512U << 10) / l->block, n;
	uint8_t *buf = malloc(most * l->block);
	bool same = true;

	check(buf, "memory for %u blocks", most);
	for (uint32_t i = 0; same && i < l->blocks; i += n) {
		n = l->blocks - i < most ? l->blocks - i : most;
		disk_peek(l->b->disk, buf, n * l->block, load_offset(l, i));
		same = load_compare(l, buf, i, n);
	}
	free(buf);
	return same ? LOAD_FINE : LOAD_MISCOMPARE;
}
