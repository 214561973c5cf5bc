// SPDX-License-Identifier: GPL-2.0
/*
 * Role: virtio-rng, fed by getrandom(). Follows the virtio specification 1.3,
 *	"Entropy Device".
 * Threads: vCPUs (registers), main (the queue).
 * Locks: the machine's lock is held by the caller.
 */
#include "rng.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#define RNG_QUEUE_SIZE	64
#define RNG_CLASS	0x00ff00

/* What one chain gets at most, so that a huge one does not hold up the others. */
#define RNG_CHAIN_MAX	65536U

static u32 rng_fill(const struct iovec *iov, unsigned int n)
{
	u32 done = 0;
	unsigned int i;

	for (i = 0; i < n && done < RNG_CHAIN_MAX; i++) {
		size_t len = iov[i].iov_len;
		ssize_t got;

		if (len > RNG_CHAIN_MAX - done)
			len = RNG_CHAIN_MAX - done;
		got = getrandom(iov[i].iov_base, len, 0);
		if (got <= 0)
			break;
		done += got;
		if ((size_t)got < len)
			break;
	}
	return done;
}

static void rng_ready(void *opaque, u32 events)
{
	struct rng_dev *r = opaque;
	struct iovec iov[FERRY_CHAIN_MAX];
	unsigned int budget = r->ring.num;
	struct virtio_chain c;
	eventfd_t kicks;
	int ret;

	(void)events;
	eventfd_read(r->kick.fd, &kicks);
	do {
		while ((ret = virtio_ring_pop(&r->ring, &c, iov, FERRY_CHAIN_MAX)) == 1) {
			virtio_ring_fill(&r->ring, &c, rng_fill(iov + c.out_num, c.in_num));
			virtio_ring_publish(&r->ring);
			if (!--budget) {
				eventfd_write(r->kick.fd, 1);
				return;
			}
		}
		if (ret < 0) {
			loop_del(&r->v.m->loop, &r->kick);
			r->ended = true;
			virtio_needs_reset(&r->v);
			return;
		}
	} while (virtio_ring_enable_kick(&r->ring));
}

static int rng_start(struct virtio_dev *v)
{
	struct rng_dev *r = container_of(v, struct rng_dev, v);
	int ret;

	ret = virtio_ring_init(&r->ring, v, &v->queue[0]);
	if (ret)
		return ret;
	r->ended = false;
	r->kick = (struct loop_source){ v->queue[0].kick_fd, rng_ready, r, false };
	return loop_add(&v->m->loop, &r->kick, EPOLLIN);
}

static void rng_stop(struct virtio_dev *v)
{
	struct rng_dev *r = container_of(v, struct rng_dev, v);

	loop_del(&v->m->loop, &r->kick);
}

static int rng_resume(struct virtio_dev *v)
{
	struct rng_dev *r = container_of(v, struct rng_dev, v);

	return r->ended ? 0 : loop_add(&v->m->loop, &r->kick, EPOLLIN);
}

static const struct virtio_ops rng_ops = {
	.start = rng_start,
	.stop = rng_stop,
	.pause = rng_stop,
	.resume = rng_resume,
};

int rng_init(struct rng_dev *r, struct machine *m, u64 features, struct error *e)
{
	const u16 size = RNG_QUEUE_SIZE;

	*r = (struct rng_dev){
		.v = {
			.ops = &rng_ops,
			.type = VIRTIO_ID_RNG,
			.class_code = RNG_CLASS,
			.offered = features,
		},
	};
	return virtio_init(&r->v, m, 1, &size, e);
}

void rng_destroy(struct rng_dev *r)
{
	virtio_destroy(&r->v);
}
