// SPDX-License-Identifier: GPL-2.0
/*
 * vhost ABI: SET_BACKEND. Which back ends a queue starts with, which it refuses,
 * and that a refusal leaves it as it was.
 */
#include "test.h"

FIXTURE(backend) {
	struct rig g;
	unsigned int last;
	int off;
};

NODE_VARIANTS(backend);

FIXTURE_SETUP(backend)
{
	NODE_RIG_INIT(&self->g, &variant->node);
	self->last = self->g.queues - 1;
	self->off = variant->node.kind == DEV_NET ? -1 : 0;
}

FIXTURE_TEARDOWN(backend)
{
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(backend) backend_t;

static int start(backend_t *self, int backend)
{
	return __dev_backend(&self->g.dev, self->last, backend);
}

static unsigned long request(const struct test_node *node)
{
	return node->kind == DEV_NET ? VHOST_NET_SET_BACKEND : FERRY_NULL_SET_BACKEND;
}

TEST_F(backend, start_and_stop)
{
	for (int i = 0; i < 50; i++) {
		ASSERT_EQ(0, start(self, self->g.backend));
		rig_ping(&self->g, self->last);
		ASSERT_EQ(0, start(self, self->off));
	}
}

TEST_F(backend, stopping_what_does_not_run_is_fine)
{
	EXPECT_EQ(0, start(self, self->off));
	EXPECT_EQ(0, start(self, self->off));
}

TEST_F(backend, starting_what_runs_is_fine)
{
	EXPECT_EQ(0, start(self, self->g.backend));
	EXPECT_EQ(0, start(self, self->g.backend));
	rig_ping(&self->g, self->last);
}

TEST_F(backend, index_out_of_range)
{
	struct dev *d = &self->g.dev;

	EXPECT_EQ(-ENOBUFS, __dev_backend(d, d->nvq, self->g.backend));
	EXPECT_EQ(-ENOBUFS, __dev_backend(d, d->nvq, self->off));
	EXPECT_EQ(-ENOBUFS, __dev_backend(d, 0xffffffff, self->g.backend));
	EXPECT_EQ(-ENOBUFS, __dev_backend(d, 0x80000000, self->g.backend));
}

TEST_F(backend, bad_pointer)
{
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->g.dev, request(&variant->node), NULL));
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->g.dev, request(&variant->node), (void *)-8L));
}

TEST_F(backend, a_ring_that_was_never_set_up)
{
	struct rig_options o = self->g.o;
	struct dev d;

	dev_open(&d, o.kind, o.path);
	dev_ioctl(&d, VHOST_SET_OWNER, NULL);
	EXPECT_EQ(-EFAULT, __dev_backend(&d, 0, self->g.backend));
	dev_set_mem(&d, &self->g.mem);
	EXPECT_EQ(-EFAULT, __dev_backend(&d, 0, self->g.backend));
	dev_close(&d);
}

TEST_F(backend, a_ring_that_is_not_there)
{
	struct ring r = self->g.ring[self->last];
	void *hole = mmap(NULL, 0x100000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, hole);
	r.used = hole;
	ASSERT_EQ(0, __dev_vring_addr(&self->g.dev, self->last, &r));
	EXPECT_EQ(-EFAULT, start(self, self->g.backend));
	/* And it can be mended. */
	ASSERT_EQ(0, __dev_vring_addr(&self->g.dev, self->last, &self->g.ring[self->last]));
	EXPECT_EQ(0, start(self, self->g.backend));
	rig_ping(&self->g, self->last);
}

TEST_F(backend, a_ring_in_kernel_memory)
{
	struct ring r = self->g.ring[self->last];

	r.desc = (void *)0xffff888000000000ULL;
	/* Told only when it starts: until then addresses are just numbers. */
	ASSERT_EQ(0, __dev_vring_addr(&self->g.dev, self->last, &r));
	EXPECT_EQ(-EFAULT, start(self, self->g.backend));
}

TEST_F(backend, null_takes_0_and_1_only)
{
	if (variant->node.kind != DEV_NULL)
		SKIP(return, "not a null device");
	EXPECT_EQ(-EINVAL, start(self, 2));
	EXPECT_EQ(-EINVAL, start(self, -1));
	EXPECT_EQ(-EINVAL, start(self, 0x80000000));
	EXPECT_EQ(0, start(self, 1));
}

TEST_F(backend, net_refuses_every_other_kind_of_file)
{
	int pipes[2];
	int bad[10], n = 0;

	if (variant->node.kind != DEV_NET)
		SKIP(return, "not a net device");
	ASSERT_EQ(0, pipe(pipes));
	bad[n++] = pipes[0];
	bad[n++] = open("/proc/self/exe", O_RDONLY);
	bad[n++] = open("/dev/null", O_RDWR);
	bad[n++] = eventfd(0, 0);
	bad[n++] = self->g.dev.fd;
	bad[n++] = socket(AF_INET, SOCK_DGRAM, 0);
	bad[n++] = socket(AF_INET, SOCK_STREAM, 0);
	bad[n++] = socket(AF_UNIX, SOCK_DGRAM, 0);
	bad[n++] = 9999;
	bad[n++] = -2;
	for (int i = 0; i < n; i++) {
		EXPECT_EQ(-ENOTSOCK, start(self, bad[i])) {
			TH_LOG("descriptor %d of the list", i);
		}
	}
	EXPECT_EQ(0, start(self, self->g.backend));
	rig_ping(&self->g, self->last);
	/* The same while running: it goes on with what it has. */
	for (int i = 0; i < n; i++)
		EXPECT_EQ(-ENOTSOCK, start(self, bad[i]));
	rig_ping(&self->g, self->last);
}

TEST_F(backend, net_refuses_a_tap_without_an_interface)
{
	int fd;

	if (variant->node.kind != DEV_NET)
		SKIP(return, "not a net device");
	fd = open("/dev/net/tun", O_RDWR);
	ASSERT_GE(fd, 0);
	EXPECT_GT(0, start(self, fd));
	EXPECT_EQ(0, start(self, self->g.backend));
	rig_ping(&self->g, self->last);
}

struct closer {
	backend_t *self;
	volatile bool stop;
};

/* Put tap and no tap behind one number, again and again. */
static void *close_and_replace(void *arg)
{
	struct closer *c = arg;
	int null = open("/dev/null", O_RDWR), num = 200;

	while (!c->stop) {
		dup2(c->self->g.backend, num);
		sched_yield();
		dup2(null, num);
		sched_yield();
		close(num);
	}
	close(null);
	return NULL;
}

TEST_F(backend, net_survives_the_descriptor_changing_under_it)
{
	struct closer c = { .self = self };
	unsigned long ok = 0, refused = 0;
	pthread_t t;

	if (variant->node.kind != DEV_NET)
		SKIP(return, "not a net device");
	ASSERT_EQ(0, pthread_create(&t, NULL, close_and_replace, &c));
	for (unsigned long i = 0; i < test_scale(5000); i++) {
		int err = start(self, 200);

		ASSERT_TRUE(!err || err == -ENOTSOCK || err == -EBADF);
		err ? refused++ : ok++;
		ASSERT_EQ(0, start(self, -1));
		sched_yield();
	}
	c.stop = true;
	pthread_join(t, NULL);
	TH_LOG("%lu started, %lu refused", ok, refused);
	EXPECT_EQ(0, start(self, self->g.backend));
	rig_ping(&self->g, self->last);
}

TEST_HARNESS_MAIN
