// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel back end that took the device and refuses the driver's queues, where there is not
 * enough to go on without it: each attempt fails, and leaves nothing behind.
 */
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/drive.h"
#include "backend/netdev.h"
#include "harness.h"
#include "open_files.h"
#include "ring_driver.h"

#define RAM_SIZE	(4 * MIB)
#define RINGS		0x100000
#define STEP		0x20000
#define SIZE		16
#define ATTEMPTS	10

static void warn(const char *text)
{
	(void)text;
}

/* Let @n more descriptors be opened; how many there might be before. */
static rlim_t leave_files(unsigned int n)
{
	int lowest = dup(0);
	struct rlimit r;
	rlim_t before;

	close(lowest);
	getrlimit(RLIMIT_NOFILE, &r);
	before = r.rlim_cur;
	r.rlim_cur = lowest + n;
	setrlimit(RLIMIT_NOFILE, &r);
	return before;
}

static void allow_files(rlim_t n)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = n;
	setrlimit(RLIMIT_NOFILE, &r);
}

FIXTURE(refused) {
	struct testvm t;
	struct virtio_dev v;
	struct vhost gone;	/* refuses everything */
	struct error e;
};

FIXTURE_SETUP(refused)
{
	const u16 sizes[2] = { SIZE, SIZE };
	struct ring_driver q;
	unsigned int i;

	ASSERT_EQ(0, testvm_init(&self->t, RAM_SIZE));
	ASSERT_EQ(0, virtio_init(&self->v, &self->t.m, 2, sizes, &self->e));
	for (i = 0; i < 2; i++)
		ring_driver_init(&q, &self->t, &self->v.queue[i], SIZE, RINGS + i * STEP, false);
	self->gone = (struct vhost){ .m = &self->t.m, .fd = -1, .err_fd = -1 };
}

FIXTURE_TEARDOWN(refused)
{
	virtio_destroy(&self->v);
	machine_destroy(&self->t.m);
}

TEST_F(refused, network_threads_for_which_descriptors_lack)
{
	const struct netdev_config cfg = { 0 };
	/* Threads for two pairs: the first has all it wants, the second does not. */
	struct netdev nd = {
		.cfg = &cfg, .m = &self->t.m, .warn = warn, .use_vhost = true,
		.tap = { .n = 2, .fd = calloc(2, sizeof(int)) },
		.vhost = calloc(2, sizeof(struct vhost)),
	};
	struct net_dev n = { .v = self->v };
	unsigned int i, before;
	rlim_t limit;
	int ret;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, nd.tap.fd));
	nd.vhost[0] = self->gone;
	nd.vhost[1] = self->gone;
	before = open_files();
	for (i = 0; i < ATTEMPTS; i++) {
		limit = leave_files(3);
		ret = netdev_ops.start(&nd, &n, 1);
		allow_files(limit);
		ASSERT_EQ(-EBADF, ret);
		EXPECT_TRUE(nd.use_vhost);
		EXPECT_EQ(before, open_files());
		netdev_ops.stop(&nd);
	}
	ASSERT_EQ(0, netdev_ops.start(&nd, &n, 1));
	EXPECT_FALSE(nd.use_vhost);
	netdev_ops.stop(&nd);
	netdev_destroy(&nd);
}

TEST_F(refused, a_disk_whose_threads_cannot_be_watched)
{
	const struct ferry_blk_backend disk = { .fd = -1 };
	const struct drive_config cfg = { 0 };
	struct drive d = {
		.cfg = &cfg, .m = &self->t.m, .warn = warn, .use_vhost = true, .vhost = self->gone,
		.fd = -1, .image = { .fd = -1 },
	};
	int loop = self->t.m.loop.epfd;
	unsigned int i, before = open_files();

	/* No descriptor is lacking, but the last thing is refused. */
	self->t.m.loop.epfd = -1;
	for (i = 0; i < ATTEMPTS; i++) {
		ASSERT_EQ(-EBADF, drive_ops.start(&d, &self->v, &disk));
		EXPECT_TRUE(d.use_vhost);
		EXPECT_EQ(before, open_files());
	}
	self->t.m.loop.epfd = loop;
	drive_destroy(&d);
	EXPECT_EQ(before, open_files());
}

TEST_HARNESS_MAIN
