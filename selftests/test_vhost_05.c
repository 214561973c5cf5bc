// SPDX-License-Identifier: GPL-2.0
/*
 * vhost ABI: KICK, CALL and ERR take an eventfd or -1 and nothing else, keep the
 * old one when they refuse, and let go of what they no longer use.
 */
#include "test.h"

FIXTURE(events) {
	struct rig g;
	unsigned int last;
};

NODE_VARIANTS(events);

FIXTURE_SETUP(events)
{
	NODE_RIG_INIT(&self->g, &variant->node);
	self->last = self->g.queues - 1;
}

FIXTURE_TEARDOWN(events)
{
	rig_destroy(&self->g);
}

static const unsigned long setters[] = {
	VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
};

#define SETTERS	3

TEST_F(events, minus_one_unbinds)
{
	for (int i = 0; i < SETTERS; i++) {
		EXPECT_EQ(0, __dev_vring(&self->g.dev, setters[i], self->last, -1));
		EXPECT_EQ(0, __dev_vring(&self->g.dev, setters[i], self->last, -1));
	}
}

TEST_F(events, a_closed_descriptor)
{
	for (int i = 0; i < SETTERS; i++) {
		EXPECT_EQ(-EBADF, __dev_vring(&self->g.dev, setters[i], self->last, 9999));
		EXPECT_EQ(-EBADF, __dev_vring(&self->g.dev, setters[i], self->last, -2));
	}
}

TEST_F(events, not_an_eventfd)
{
	int pipes[2], file = open("/proc/self/exe", O_RDONLY);

	ASSERT_EQ(0, pipe(pipes));
	for (int i = 0; i < SETTERS; i++) {
		EXPECT_EQ(-EINVAL, __dev_vring(&self->g.dev, setters[i], self->last, pipes[0]));
		EXPECT_EQ(-EINVAL, __dev_vring(&self->g.dev, setters[i], self->last, file));
		EXPECT_EQ(-EINVAL, __dev_vring(&self->g.dev, setters[i], self->last,
					       self->g.dev.fd));
	}
}

TEST_F(events, a_refused_one_leaves_the_old_in_place)
{
	struct dev *d = &self->g.dev;

	rig_start(&self->g);
	for (int i = 0; i < SETTERS; i++)
		EXPECT_EQ(-EBADF, __dev_vring(d, setters[i], self->last, 9999));
	rig_ping(&self->g, self->last);
	EXPECT_NE(0, event_wait(d->call[self->last], DEV_PATIENCE_MS));
}

TEST_F(events, an_overflowed_kick_is_refused)
{
	const uint64_t most = ~0ULL - 1;
	struct dev *d = &self->g.dev;
	int fd = eventfd(0, EFD_NONBLOCK);

	if (variant->node.intree)
		SKIP(return, "in-tree keeps none then");
	/* A process cannot make one overflow, a device's signal can. */
	rig_start(&self->g);
	dev_vring(d, VHOST_SET_VRING_CALL, self->last, fd);
	ASSERT_EQ(sizeof(most), write(fd, &most, sizeof(most)));
	rig_ping(&self->g, self->last);
	dev_vring(d, VHOST_SET_VRING_CALL, self->last, d->call[self->last]);
	EXPECT_EQ(-EINVAL, __dev_vring(d, VHOST_SET_VRING_KICK, self->last, fd));
	rig_ping(&self->g, self->last);
	EXPECT_EQ(0, __dev_vring(d, VHOST_SET_VRING_KICK, self->last, -1));
	close(fd);
}

TEST_F(events, a_kick_before_the_start_is_not_lost)
{
	struct ring_seg seg = { RIG_BUF, 72 };
	struct ring_used u;

	ASSERT_EQ(0, ring_add(&self->g.ring[self->last], &seg, 1, 0, 1));
	ring_publish(&self->g.ring[self->last]);
	dev_kick(&self->g.dev, self->last);
	rig_start(&self->g);
	EXPECT_EQ(1, dev_poll_used(&self->g.ring[self->last], &u, DEV_PATIENCE_MS));
}

TEST_F(events, chains_there_before_the_start_need_no_kick)
{
	struct ring_seg seg = { RIG_BUF, 72 };
	struct ring_used u;

	ASSERT_EQ(0, ring_add(&self->g.ring[self->last], &seg, 1, 0, 1));
	ring_publish(&self->g.ring[self->last]);
	rig_start(&self->g);
	if (variant->node.intree)
		dev_kick(&self->g.dev, self->last);
	EXPECT_EQ(1, dev_poll_used(&self->g.ring[self->last], &u, DEV_PATIENCE_MS));
}

TEST_F(events, without_a_kick_nothing_happens_and_with_one_it_resumes)
{
	struct ring *r = &self->g.ring[self->last];
	struct ring_seg seg = { RIG_BUF, 72 };
	struct dev *d = &self->g.dev;
	struct ring_used u;

	rig_start(&self->g);
	rig_ping(&self->g, self->last);
	dev_vring(d, VHOST_SET_VRING_KICK, self->last, -1);
	ASSERT_EQ(0, ring_add(r, &seg, 1, 0, 1));
	ring_publish(r);
	dev_kick(d, self->last);
	EXPECT_EQ(0, dev_poll_used(r, &u, 50));
	/* The kick waits in the eventfd and is taken when it is bound again. */
	dev_vring(d, VHOST_SET_VRING_KICK, self->last, d->kick[self->last]);
	EXPECT_EQ(1, dev_poll_used(r, &u, DEV_PATIENCE_MS));
}

TEST_F(events, without_a_call_work_goes_on)
{
	struct dev *d = &self->g.dev;

	rig_start(&self->g);
	dev_vring(d, VHOST_SET_VRING_CALL, self->last, -1);
	event_take(d->call[self->last]);
	rig_ping(&self->g, self->last);
	EXPECT_EQ(0, event_take(d->call[self->last]));
}

TEST_F(events, one_eventfd_may_serve_as_all)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	rig_start(&self->g);
	for (unsigned int i = 0; i < self->g.queues; i++)
		dev_vring(&self->g.dev, VHOST_SET_VRING_CALL, i, fd);
	rig_ping(&self->g, self->last);
	EXPECT_NE(0, event_wait(fd, DEV_PATIENCE_MS));
}

TEST_F(events, log_fd)
{
	int good = eventfd(0, 0), none = -1, closed = 9999, wrong = self->g.dev.fd;

	EXPECT_EQ(0, __dev_ioctl(&self->g.dev, VHOST_SET_LOG_FD, &none));
	EXPECT_EQ(0, __dev_ioctl(&self->g.dev, VHOST_SET_LOG_FD, &good));
	EXPECT_EQ(-EBADF, __dev_ioctl(&self->g.dev, VHOST_SET_LOG_FD, &closed));
	EXPECT_EQ(-EINVAL, __dev_ioctl(&self->g.dev, VHOST_SET_LOG_FD, &wrong));
}

TEST_F(events, the_devices_hold_the_eventfd_not_the_number)
{
	struct dev *d = &self->g.dev;
	int call = dup(d->call[self->last]);

	/* Closing all of the caller's numbers must not hurt. */
	rig_start(&self->g);
	close(d->call[self->last]);
	close(d->err[self->last]);
	rig_ping(&self->g, self->last);
	EXPECT_NE(0, event_wait(call, DEV_PATIENCE_MS));
	d->call[self->last] = call;
}

TEST_HARNESS_MAIN
