// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation of a whole device set-up fails once: /proc/thread-self/fail-nth
 * is swept from 1 upward until nothing is left to fail. Each run either completes
 * or is refused cleanly, and the one after it works. Needs a kernel with
 * FAULT_INJECTION; a splat or a leak there is the lab's to report.
 */
#include "fault.h"
#include "test.h"

/* Far more sites than a set-up has: the sweep ends by itself. */
#define SITES_MAX	2000

FIXTURE(fail) {
	struct rig g;		/* its tap and memory serve every run */
	int nth;
};

FIXTURE_VARIANT(fail) {
	enum dev_kind kind;
	struct ring_layout l;
};

FIXTURE_VARIANT_ADD(fail, null_split) { .kind = DEV_NULL, .l = { .num = 64 } };
FIXTURE_VARIANT_ADD(fail, null_packed) { .kind = DEV_NULL, .l = { .num = 64, .packed = true } };
FIXTURE_VARIANT_ADD(fail, net_split) { .kind = DEV_NET, .l = { .num = 64 } };
FIXTURE_VARIANT_ADD(fail, net_packed) { .kind = DEV_NET, .l = { .num = 64, .packed = true } };

FIXTURE_SETUP(fail)
{
	struct rig_options o = { .kind = variant->kind, .layout = variant->l, .queues = 2 };

	self->nth = __fault_open(0);
	TEST_REQUIRE(self->nth >= 0, "no fault injection in this kernel");
	TEST_REQUIRE(__fault_prepare() >= 0, "no failslab or fail_page_alloc to set up");
	RIG_INIT(&self->g, &o);
}

FIXTURE_TEARDOWN(fail)
{
	if (self->nth >= 0)
		close(self->nth);
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(fail) fail_t;

/* What a ring needs, without the assertions of dev_set_ring(). */
static int set_ring(struct dev *d, unsigned int i, const struct ring *r)
{
	int err = __dev_vring(d, VHOST_SET_VRING_NUM, i, r->l.num);

	if (!err)
		err = __dev_vring(d, VHOST_SET_VRING_BASE, i, ring_base(r));
	if (!err)
		err = __dev_vring_addr(d, i, r);
	if (!err)
		err = __dev_vring(d, VHOST_SET_VRING_KICK, i, d->kick[i]);
	if (!err)
		err = __dev_vring(d, VHOST_SET_VRING_CALL, i, d->call[i]);
	if (!err)
		err = __dev_vring(d, VHOST_SET_VRING_ERR, i, d->err[i]);
	return err;
}

/* Owner, features, memory, a second worker, rings, backends: 0 or what refused. */
static int set_up(fail_t *self, struct dev *d)
{
	struct abi_worker_state w;
	int err = __dev_ioctl(d, VHOST_SET_OWNER, NULL);

	if (!err)
		err = __dev_set_features(d, rig_ring_features(&self->g.o.layout));
	if (!err)
		err = __dev_set_mem(d, &self->g.mem);
	if (!err)
		err = __dev_ioctl(d, ABI_NEW_WORKER, &w);
	for (unsigned int i = 0; !err && i < 2; i++) {
		err = set_ring(d, i, &self->g.ring[i]);
		if (!err)
			err = __dev_backend(d, i, self->g.backend);
	}
	return err;
}

/* Rings as new; the rig's own device never ran. */
static void fresh_rings(fail_t *self)
{
	for (unsigned int i = 0; i < 2; i++) {
		ring_destroy(&self->g.ring[i]);
		ring_init(&self->g.ring[i], &self->g.o.layout,
			  mem_hva(&self->g.mem, RIG_RING(i)), RIG_RING(i));
	}
}

/* One whole life of a device with site @nth failing; errno or 0. */
static int run(fail_t *self, int nth, bool *failed)
{
	struct rig *g = &self->g;
	struct dev d = { .fd = -1 };
	struct dev rigs = g->dev;
	int err, fd;

	fresh_rings(self);
	fault_arm(self->nth, nth);
	fd = open(g->o.kind == DEV_NET ? DEV_NET_PATH : DEV_NULL_PATH, O_RDWR | O_CLOEXEC);
	err = fd < 0 ? -errno : 0;
	if (!err) {
		/* The eventfds are the rig's: only the device's sites are swept. */
		d = rigs;
		d.fd = fd;
		err = set_up(self, &d);
	}
	*failed = fault_met(self->nth);
	fault_arm(self->nth, 0);
	if (!err) {
		g->dev = d;
		rig_ping(g, 1);
		g->dev = rigs;
	}
	if (fd >= 0)
		close(fd);
	return err;
}

TEST_F_TIMEOUT(fail, every_site_of_a_set_up, 300)
{
	unsigned int refused = 0, survived = 0;
	bool failed = true;
	int nth;

	for (nth = 1; failed && nth < SITES_MAX; nth++) {
		bool unused;
		int err = run(self, nth, &failed);

		if (err)
			refused++;
		else if (failed)
			survived++;
		/* A refusal says that memory was short, and nothing else. */
		ASSERT_TRUE(!err || err == -ENOMEM || err == -EFAULT || err == -EAGAIN ||
			    err == -EINTR) {
			TH_LOG("site %d: %s", nth, strerror(-err));
		}
		ASSERT_EQ(0, run(self, 0, &unused)) {
			TH_LOG("after site %d", nth);
		}
	}
	TH_LOG("%d sites: %u refusals, %u survived", nth - 1, refused, survived);
	EXPECT_LT(nth, SITES_MAX);
	EXPECT_GT(refused, 0);
}

TEST_HARNESS_MAIN
