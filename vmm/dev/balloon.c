// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the virtio-balloon device: take memory that the guest gives back, keep what it
 *	says of its memory, and tell how much it has left itself. Follows the virtio
 *	specification 1.3, "Traditional Memory Balloon Device".
 *
 *	A page that was given back reads as zeroes when the guest uses it again, without
 *	a word before: VIRTIO_BALLOON_F_MUST_TELL_HOST is not offered, and deflating
 *	leaves nothing to do. Whatever the guest names is looked up in RAM first, and
 *	what is not there ends the queue that named it.
 * Threads: vCPUs (registers), main (queues and timers).
 * Locks: the machine's lock is held by the caller.
 */
#include "balloon.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BALLOON_CLASS		0x00ff00
#define BALLOON_QUEUE_SIZE	128
#define BALLOON_PAGE		(1U << VIRTIO_BALLOON_PFN_SHIFT)

/* Page numbers of one chain; Linux gives 256 at once. */
#define BALLOON_CHAIN_MAX	16384U
#define BALLOON_BATCH		1024U

/* Chains in one go, so that a guest that never stops leaves time for others. */
#define BALLOON_BUDGET		16U

/* Entries of one statistics buffer that are looked at. */
#define BALLOON_STATS_MAX	64U

#define NSEC_PER_SEC		1000000000ULL

static struct balloon_dev *to_balloon(struct virtio_dev *v)
{
	return container_of(v, struct balloon_dev, v);
}

static int balloon_compare(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* Sorted, pages that are neighbours are one range. */
static int balloon_discard(const struct ram *ram, u32 *pfn, size_t n)
{
	size_t i, end;

	qsort(pfn, n, sizeof(*pfn), balloon_compare);
	for (i = 0; i < n; i = end) {
		u64 len;
		void *hva;

		for (end = i + 1; end < n && pfn[end] - pfn[end - 1] <= 1;)
			end++;
		len = (pfn[end - 1] - pfn[i] + 1ULL) * BALLOON_PAGE;
		hva = ram_ptr(ram, (u64)pfn[i] * BALLOON_PAGE, len);
		if (!hva)
			return -EPROTO;
		ram_discard(hva, len);
	}
	return 0;
}

static int balloon_look_up(const struct ram *ram, const u32 *pfn, size_t n)
{
	while (n--)
		if (!ram_ptr(ram, (u64)pfn[n] * BALLOON_PAGE, BALLOON_PAGE))
			return -EPROTO;
	return 0;
}

static int balloon_take_pages(struct balloon_queue *q, const struct virtio_chain *c,
			      const struct iovec *iov)
{
	const struct ram *ram = &q->b->v.m->ram;
	bool inflate = q == &q->b->queue[BALLOON_INFLATE];
	u32 pfn[BALLOON_BATCH];
	size_t off, got, i;
	int ret = 0;

	if (c->in_num || c->out_len % sizeof(*pfn) ||
	    c->out_len > BALLOON_CHAIN_MAX * sizeof(*pfn))
		return -EPROTO;
	for (off = 0; off < c->out_len && !ret; off += got) {
		got = virtio_iov_read(iov, c->out_num, off, pfn, sizeof(pfn));
		for (i = 0; i < got / sizeof(*pfn); i++)
			pfn[i] = le32toh(pfn[i]);
		ret = inflate ? balloon_discard(ram, pfn, i) : balloon_look_up(ram, pfn, i);
	}
	return ret;
}

/*
 * Free pages, named by the buffers of the chain themselves, which the ring has looked up
 * in RAM. A guest that wants to find them as it left them says so by its poison.
 */
static int balloon_take_report(struct balloon_queue *q, const struct virtio_chain *c,
			       const struct iovec *iov)
{
	unsigned int i;

	if (c->out_num)
		return -EPROTO;
	for (i = 0; i < c->in_num; i++)
		if (((uintptr_t)iov[i].iov_base | iov[i].iov_len) & (BALLOON_PAGE - 1))
			return -EPROTO;
	if (virtio_has(&q->b->v, VIRTIO_BALLOON_F_PAGE_POISON) && q->b->config.poison_val)
		return 0;
	for (i = 0; i < c->in_num; i++)
		ram_discard(iov[i].iov_base, iov[i].iov_len);
	return 0;
}

static void balloon_return_stats(struct balloon_dev *b, struct balloon_queue *q)
{
	if (!b->holds)
		return;
	b->holds = false;
	virtio_ring_fill(&q->ring, &b->held, 0);
	virtio_ring_publish(&q->ring);
}

static void balloon_forget_stats(struct balloon_dev *b)
{
	memset(b->stats.value, 0xff, sizeof(b->stats.value));
	b->stats.updated = 0;
}

/* Numbers that the guest tells; kept until it is to tell them anew. */
static int balloon_take_stats(struct balloon_queue *q, const struct virtio_chain *c,
			      const struct iovec *iov)
{
	struct virtio_balloon_stat stat[BALLOON_STATS_MAX];
	struct balloon_dev *b = q->b;
	size_t n, i;

	if (c->in_num)
		return -EPROTO;
	balloon_return_stats(b, q);
	balloon_forget_stats(b);
	n = virtio_iov_read(iov, c->out_num, 0, stat, sizeof(stat)) / sizeof(*stat);
	for (i = 0; i < n; i++) {
		u16 tag = le16toh(stat[i].tag);

		if (tag < BALLOON_STATS)
			b->stats.value[tag] = le64toh(stat[i].val);
	}
	b->stats.updated = time(NULL);
	b->held = *c;
	b->holds = true;
	return 1;
}

static void balloon_ready(void *opaque, u32 events)
{
	struct balloon_queue *q = opaque;
	struct iovec iov[FERRY_CHAIN_MAX];
	unsigned int budget = BALLOON_BUDGET;
	struct virtio_chain c;
	eventfd_t kicks;
	int ret;

	(void)events;
	eventfd_read(q->kick.fd, &kicks);
	do {
		while ((ret = virtio_ring_pop(&q->ring, &c, iov, FERRY_CHAIN_MAX)) == 1) {
			ret = q->take(q, &c, iov);
			if (ret < 0)
				break;
			if (!ret)
				virtio_ring_fill(&q->ring, &c, 0);
			virtio_ring_publish(&q->ring);
			if (!--budget) {
				eventfd_write(q->kick.fd, 1);
				return;
			}
		}
		if (ret < 0) {
			loop_del(&q->b->v.m->loop, &q->kick);
			q->ended = true;
			virtio_needs_reset(&q->b->v);
			return;
		}
	} while (virtio_ring_enable_kick(&q->ring));
}

static u64 balloon_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

static int balloon_set_timer(const struct loop_source *timer, u64 first, u64 period)
{
	const struct itimerspec t = {
		.it_value = { first / NSEC_PER_SEC, first % NSEC_PER_SEC },
		.it_interval = { period / NSEC_PER_SEC, period % NSEC_PER_SEC },
	};

	return timerfd_settime(timer->fd, 0, &t, NULL) ? -errno : 0;
}

static void balloon_drain(const struct loop_source *timer)
{
	u64 n;
	ssize_t got = read(timer->fd, &n, sizeof(n));

	(void)got;	/* it is here that it ran out, however often */
}

/* Give the guest its buffer back: it fills it anew. A queue at rest is left alone. */
static void balloon_poll(void *opaque, u32 events)
{
	struct balloon_dev *b = opaque;

	(void)events;
	balloon_drain(&b->poll);
	if (b->queue[BALLOON_STATISTICS].kick.added)
		balloon_return_stats(b, &b->queue[BALLOON_STATISTICS]);
}

static void balloon_tell(void *opaque, u32 events)
{
	struct balloon_dev *b = opaque;

	(void)events;
	balloon_drain(&b->tell);
	b->telling = false;
	b->told = balloon_now();
	if (b->changed)
		b->changed(b->opaque, balloon_actual(b));
}

/* Have it told at once, or a second after the last time. */
static void balloon_set_actual(struct balloon_dev *b, u32 actual)
{
	u64 now = balloon_now(), due = b->told + NSEC_PER_SEC;

	if (b->config.actual == actual)
		return;
	b->config.actual = actual;
	if (!b->changed || b->telling)
		return;
	b->telling = !balloon_set_timer(&b->tell, b->told && due > now ? due - now : 1, 0);
}

static void balloon_config_read(struct virtio_dev *v, u32 off, void *buf, u32 size)
{
	memcpy(buf, to_balloon(v)->bytes + off, size);
}

/* Only what the driver owns is taken: the actual size, and its poison. */
static void balloon_config_write(struct virtio_dev *v, u32 off, const void *buf, u32 size)
{
	struct balloon_dev *b = to_balloon(v);
	__le32 val;

	if (size != sizeof(val))
		return;
	memcpy(&val, buf, sizeof(val));
	if (off == offsetof(struct virtio_balloon_config, actual))
		balloon_set_actual(b, val);
	else if (off == offsetof(struct virtio_balloon_config, poison_val))
		b->config.poison_val = val;
}

/*
 * Reporting is queue 4 by the specification, where queue 3 belongs to a feature that is
 * not offered; Linux leaves no gaps and finds it at 3. Both are served.
 */
static void balloon_set_role(struct balloon_queue *q, unsigned int i)
{
	q->take = i == BALLOON_STATISTICS ? balloon_take_stats :
		  i < BALLOON_STATISTICS ? balloon_take_pages : balloon_take_report;
}

static void balloon_pause(struct virtio_dev *v)
{
	struct balloon_dev *b = to_balloon(v);
	unsigned int i;

	for (i = 0; i < v->n_queues; i++)
		loop_del(&v->m->loop, &b->queue[i].kick);
}

static void balloon_stop(struct virtio_dev *v)
{
	struct balloon_dev *b = to_balloon(v);

	balloon_pause(v);
	b->holds = false;
	balloon_forget_stats(b);
	b->config.poison_val = 0;
	/* The driver is gone, and with it the list of what it gave. */
	balloon_set_actual(b, 0);
}

/* What was served already goes on; what a guest broke does not. */
static int balloon_resume(struct virtio_dev *v)
{
	struct balloon_dev *b = to_balloon(v);
	unsigned int i;
	int ret = 0;

	for (i = 0; i < v->n_queues && !ret; i++)
		if (v->queue[i].enabled && !b->queue[i].ended)
			ret = loop_add(&v->m->loop, &b->queue[i].kick, EPOLLIN);
	return ret;
}

static int balloon_start(struct virtio_dev *v)
{
	struct balloon_dev *b = to_balloon(v);
	unsigned int i;
	int ret = 0;

	for (i = 0; i < v->n_queues && !ret; i++) {
		struct balloon_queue *q = &b->queue[i];

		if (!v->queue[i].enabled)
			continue;
		balloon_set_role(q, i);
		q->ended = false;
		q->kick = (struct loop_source){ v->queue[i].kick_fd, balloon_ready, q, false };
		ret = virtio_ring_init(&q->ring, v, &v->queue[i]);
	}
	if (!ret)
		ret = balloon_resume(v);
	if (ret)
		balloon_stop(v);
	return ret;
}

static const struct virtio_ops balloon_ops = {
	.config_read = balloon_config_read,
	.config_write = balloon_config_write,
	.start = balloon_start,
	.stop = balloon_stop,
	.pause = balloon_pause,
	.resume = balloon_resume,
};

static int balloon_make_timer(struct balloon_dev *b, struct loop_source *timer,
			      void (*ready)(void *opaque, u32 events))
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	*timer = (struct loop_source){ fd, ready, b, false };
	return loop_add(&b->v.m->loop, timer, EPOLLIN);
}

static u64 balloon_features(const struct balloon_dev_config *cfg)
{
	u64 f = cfg->features | BIT_ULL(VIRTIO_BALLOON_F_STATS_VQ);

	if (cfg->deflate_on_oom)
		f |= BIT_ULL(VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
	if (cfg->reporting)
		f |= BIT_ULL(VIRTIO_BALLOON_F_REPORTING);
	if (cfg->page_poison)
		f |= BIT_ULL(VIRTIO_BALLOON_F_PAGE_POISON);
	return f;
}

int balloon_init(struct balloon_dev *b, struct machine *m, const struct balloon_dev_config *cfg,
		 struct error *e)
{
	static const u16 sizes[BALLOON_QUEUES] = {
		BALLOON_QUEUE_SIZE, BALLOON_QUEUE_SIZE, BALLOON_QUEUE_SIZE, BALLOON_QUEUE_SIZE,
		BALLOON_QUEUE_SIZE,
	};
	unsigned int i;
	int ret;

	*b = (struct balloon_dev){
		.v = {
			.ops = &balloon_ops,
			.type = VIRTIO_ID_BALLOON,
			.class_code = BALLOON_CLASS,
			.config_size = sizeof(b->config),
			.offered = balloon_features(cfg),
		},
		.poll.fd = -1,
		.tell.fd = -1,
	};
	for (i = 0; i < BALLOON_QUEUES; i++)
		b->queue[i].b = b;
	balloon_forget_stats(b);
	ret = virtio_init(&b->v, m, cfg->reporting ? BALLOON_QUEUES : BALLOON_STATISTICS + 1,
			  sizes, e);
	if (ret)
		return ret;
	ret = balloon_make_timer(b, &b->poll, balloon_poll);
	if (!ret)
		ret = balloon_make_timer(b, &b->tell, balloon_tell);
	if (!ret)
		ret = balloon_set_interval(b, cfg->interval);
	return ret ? error_errno(e, ret, "timer") : 0;
}

static void balloon_close_timer(struct balloon_dev *b, struct loop_source *timer)
{
	/* Of a device that was never made, nothing is set. */
	if (!timer->ready)
		return;
	loop_del(&b->v.m->loop, timer);
	close(timer->fd);
	*timer = (struct loop_source){ .fd = -1 };
}

void balloon_destroy(struct balloon_dev *b)
{
	b->changed = NULL;
	virtio_destroy(&b->v);
	balloon_close_timer(b, &b->poll);
	balloon_close_timer(b, &b->tell);
}

void balloon_set_target(struct balloon_dev *b, u64 bytes)
{
	u64 size = b->v.m->ram.size;
	u64 pages = bytes < size ? (size - bytes) / BALLOON_PAGE : 0;

	if (pages > UINT32_MAX)
		pages = UINT32_MAX;
	if (b->config.num_pages == htole32(pages))
		return;
	b->config.num_pages = htole32(pages);
	virtio_config_changed(&b->v);
}

u64 balloon_actual(const struct balloon_dev *b)
{
	u64 size = b->v.m->ram.size;
	u64 given = (u64)le32toh(b->config.actual) * BALLOON_PAGE;

	return given < size ? size - given : 0;
}

void balloon_on_change(struct balloon_dev *b, balloon_changed changed, void *opaque)
{
	b->changed = changed;
	b->opaque = opaque;
}

int balloon_set_interval(struct balloon_dev *b, u32 seconds)
{
	u64 ns = seconds * NSEC_PER_SEC;
	int ret = balloon_set_timer(&b->poll, ns, ns);

	if (!ret)
		b->interval = seconds;
	return ret;
}

const char *balloon_stat_name(unsigned int i)
{
	static const char *const names[BALLOON_STATS] = {
		"stat-swap-in", "stat-swap-out", "stat-major-faults", "stat-minor-faults",
		"stat-free-memory", "stat-total-memory", "stat-available-memory",
		"stat-disk-caches", "stat-htlb-pgalloc", "stat-htlb-pgfail", "stat-oom-kills",
		"stat-alloc-stalls", "stat-async-scans", "stat-direct-scans",
		"stat-async-reclaims", "stat-direct-reclaims",
	};

	return i < BALLOON_STATS ? names[i] : NULL;
}
