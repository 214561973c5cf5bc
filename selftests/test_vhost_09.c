// SPDX-License-Identifier: GPL-2.0
/*
 * vhost ABI: any ioctl with any argument in any order, from two threads of the owner,
 * from processes that share its memory and are killed on the way, and from one that
 * has its own, while rings are kicked and scribbled upon. Every answer is one that
 * Documentation/abi.rst allows, a stranger is always refused, and what is left is a
 * device that can be set up and works. FERRY_TEST_SEED repeats a run's calls.
 */
#include <sched.h>
#include <signal.h>

#include "test.h"

#define QUEUES	2U
#define FDS	8

/* What a call points at. */
enum arg {
	ARG_NONE, ARG_FEATURES, ARG_ARRAY, ARG_MEM, ARG_U64, ARG_FD, ARG_STATE, ARG_ADDR,
	ARG_FILE, ARG_WORKER, ARG_VRING_WORKER, ARG_BYTE, ARG_BACKEND,
};

struct call {
	unsigned long request;
	enum arg arg;
	bool owned;		/* EPERM to everyone but the owner */
	int err[7];		/* what else it may answer */
};

#define OWNED(...) true, { __VA_ARGS__ }
#define EXEMPT(...) false, { __VA_ARGS__ }

static const struct call calls[] = {
	{ VHOST_SET_OWNER, ARG_NONE, EXEMPT(EBUSY, ENOMEM, EAGAIN, EIO) },
	{ VHOST_GET_FEATURES, ARG_U64, EXEMPT(EFAULT) },
	{ VHOST_SET_FEATURES, ARG_FEATURES, EXEMPT(EFAULT, EOPNOTSUPP) },
	{ VHOST_GET_BACKEND_FEATURES, ARG_U64, EXEMPT(EFAULT) },
	{ VHOST_SET_BACKEND_FEATURES, ARG_FEATURES, EXEMPT(EFAULT, EOPNOTSUPP) },
	{ ABI_GET_FEATURES_ARRAY, ARG_ARRAY, EXEMPT(EFAULT) },
	{ ABI_SET_FEATURES_ARRAY, ARG_ARRAY, EXEMPT(EFAULT, EOPNOTSUPP) },
	{ ABI_GET_FORK_FROM_OWNER, ARG_BYTE, EXEMPT(EFAULT) },
	{ ABI_SET_FORK_FROM_OWNER, ARG_BYTE, EXEMPT(EFAULT, EINVAL, EBUSY) },
	{ VHOST_RESET_OWNER, ARG_NONE, OWNED(0) },
	{ VHOST_SET_MEM_TABLE, ARG_MEM, OWNED(EFAULT, EOPNOTSUPP, E2BIG) },
	{ VHOST_SET_LOG_BASE, ARG_U64, OWNED(EFAULT) },
	{ VHOST_SET_LOG_FD, ARG_FD, OWNED(EFAULT, EBADF, EINVAL) },
	{ VHOST_SET_VRING_NUM, ARG_STATE, OWNED(EFAULT, ENOBUFS, EBUSY, EINVAL) },
	{ VHOST_SET_VRING_BASE, ARG_STATE, OWNED(EFAULT, ENOBUFS, EBUSY, EINVAL) },
	{ VHOST_GET_VRING_BASE, ARG_STATE, OWNED(EFAULT, ENOBUFS) },
	{ VHOST_SET_VRING_ADDR, ARG_ADDR, OWNED(EFAULT, ENOBUFS, EOPNOTSUPP, EINVAL) },
	{ VHOST_SET_VRING_KICK, ARG_FILE, OWNED(EFAULT, ENOBUFS, EBADF, EINVAL) },
	{ VHOST_SET_VRING_CALL, ARG_FILE, OWNED(EFAULT, ENOBUFS, EBADF, EINVAL) },
	{ VHOST_SET_VRING_ERR, ARG_FILE, OWNED(EFAULT, ENOBUFS, EBADF, EINVAL) },
	{ VHOST_SET_VRING_BUSYLOOP_TIMEOUT, ARG_STATE, OWNED(EFAULT, ENOBUFS) },
	{ VHOST_GET_VRING_BUSYLOOP_TIMEOUT, ARG_STATE, OWNED(EFAULT, ENOBUFS) },
	{ ABI_NEW_WORKER, ARG_WORKER, OWNED(EFAULT, EBUSY, ENOMEM, EAGAIN) },
	{ ABI_FREE_WORKER, ARG_WORKER, OWNED(EFAULT, ENODEV, EBUSY) },
	{ ABI_ATTACH_VRING_WORKER, ARG_VRING_WORKER, OWNED(EFAULT, ENOBUFS, ENODEV, EIO) },
	{ ABI_GET_VRING_WORKER, ARG_VRING_WORKER, OWNED(EFAULT, ENOBUFS, EINVAL) },
	{ 0, ARG_BACKEND, OWNED(EFAULT, ENOBUFS, ENOTSOCK, EINVAL) },
	{ 0, ARG_BACKEND, OWNED(EFAULT, ENOBUFS, ENOTSOCK, EINVAL) },
	{ 0, ARG_BACKEND, OWNED(EFAULT, ENOBUFS, ENOTSOCK, EINVAL) },
	{ _IOW(VHOST_VIRTIO, 0xee, int), ARG_STATE, OWNED(ENOTTY) },
};

#define CALLS	(sizeof(calls) / sizeof(*calls))

union argument {
	uint64_t word[8];
	uint8_t byte;
	int fd;
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct vhost_vring_file file;
	struct abi_worker_state worker;
	struct abi_vring_worker vring_worker;
	struct {
		struct vhost_memory head;
		struct vhost_memory_region r[MEM_REGIONS_MAX + 1];
	} mem;
};

FIXTURE(chaos) {
	struct rig g;
	struct tap other;
	int fd[FDS];
	unsigned long request;	/* that sets a back end */
	unsigned long rounds;
	unsigned int seed;
	int wrong;
	int stop;
	char stack[65536] __attribute__((aligned(16)));
};

FIXTURE_VARIANT(chaos) {
	enum dev_kind kind;
	struct ring_layout l;
};

FIXTURE_VARIANT_ADD(chaos, null) { DEV_NULL, { .num = 64 } };
FIXTURE_VARIANT_ADD(chaos, null_packed) { DEV_NULL, { .num = 64, .packed = true } };
FIXTURE_VARIANT_ADD(chaos, net) { DEV_NET, { .num = 64, .event_idx = true } };
FIXTURE_VARIANT_ADD(chaos, net_packed) { DEV_NET, { .num = 64, .packed = true } };

FIXTURE_SETUP(chaos)
{
	struct rig_options o = { .kind = variant->kind, .layout = variant->l, .queues = QUEUES };
	const char *seed = getenv("FERRY_TEST_SEED");
	int n = 0;

	self->other.fd = -1;
	RIG_INIT(&self->g, &o);
	if (variant->kind == DEV_NET) {
		tap_open(&self->other, "ftap1", NULL);
		tap_up("ftap1", true);
	}
	self->request = variant->kind == DEV_NET ? VHOST_NET_SET_BACKEND : FERRY_NULL_SET_BACKEND;
	self->seed = seed ? strtoul(seed, NULL, 0) : (unsigned int)dev_now_ns();
	self->rounds = test_scale(4000);
	for (unsigned int i = 0; i < QUEUES; i++) {
		self->fd[n++] = self->g.dev.kick[i];
		self->fd[n++] = self->g.dev.call[i];
	}
	self->fd[n++] = self->g.dev.err[0];
	self->fd[n++] = self->g.dev.fd;
	self->fd[n++] = self->other.fd;
	self->fd[n++] = 9999;
	rig_start(&self->g);
}

FIXTURE_TEARDOWN(chaos)
{
	if (self->other.fd >= 0)
		tap_close(&self->other);
	rig_destroy(&self->g);
}

typedef FIXTURE_DATA(chaos) chaos_t;

/* One in @n. */
static bool rarely(unsigned int *seed, unsigned int n)
{
	return rand_r(seed) % n == 0;
}

static uint64_t any_word(unsigned int *seed)
{
	return ((uint64_t)rand_r(seed) << 33 ^ (uint64_t)rand_r(seed) << 11) >> rand_r(seed) % 64;
}

static unsigned int any_queue(unsigned int *seed)
{
	return rarely(seed, 30) ? any_word(seed) : rand_r(seed) % QUEUES;
}

static int any_fd(chaos_t *self, unsigned int *seed)
{
	return rarely(seed, 8) ? -1 : self->fd[rand_r(seed) % FDS];
}

static void make_addr(chaos_t *self, unsigned int *seed, struct vhost_vring_addr *a)
{
	const struct ring *r = &self->g.ring[rand_r(seed) % QUEUES];

	*a = (struct vhost_vring_addr){
		.index = any_queue(seed),
		.flags = rarely(seed, 20) ? rand_r(seed) % 4 : 0,
		.desc_user_addr = rarely(seed, 20) ? any_word(seed) : (uintptr_t)r->desc,
		.avail_user_addr = rarely(seed, 20) ? any_word(seed) : (uintptr_t)r->avail,
		.used_user_addr = rarely(seed, 20) ? any_word(seed) : (uintptr_t)r->used,
	};
}

static void make_mem(chaos_t *self, unsigned int *seed, union argument *a)
{
	const struct mem *m = &self->g.mem;

	a->mem.head.nregions = rarely(seed, 10) ? any_word(seed) : m->n;
	a->mem.head.padding = rarely(seed, 20);
	memset(a->mem.r, 0, sizeof(a->mem.r));
	for (unsigned int i = 0; i < m->n; i++)
		a->mem.r[i] = (struct vhost_memory_region){
			.guest_phys_addr = m->r[i].gpa,
			.memory_size = m->r[i].size,
			.userspace_addr = (uintptr_t)m->r[i].hva,
		};
	if (rarely(seed, 5))
		a->mem.r[rand_r(seed) % m->n].memory_size = any_word(seed);
	if (rarely(seed, 5))
		a->mem.r[rand_r(seed) % m->n].userspace_addr = any_word(seed);
}

static void make_argument(chaos_t *self, unsigned int *seed, enum arg kind, union argument *a)
{
	bool net = self->g.o.kind == DEV_NET;

	for (unsigned int i = 0; i < 8; i++)
		a->word[i] = any_word(seed);
	switch (kind) {
	case ARG_FEATURES:
		if (!rarely(seed, 4))
			a->word[0] &= rig_ring_features(&self->g.o.layout) | F_EVENT_IDX | F_PACKED;
		break;
	case ARG_ARRAY:
		/* GET writes them all. */
		memset(a, 0, sizeof(*a));
		a->word[0] = rand_r(seed) % (sizeof(*a) / sizeof(a->word[0]));
		a->word[1] = F_VERSION_1;
		a->word[2 + rand_r(seed) % 4] = rarely(seed, 4);
		break;
	case ARG_MEM:
		make_mem(self, seed, a);
		break;
	case ARG_FD:
		a->fd = any_fd(self, seed);
		break;
	case ARG_STATE:
		a->state.index = any_queue(seed);
		if (!rarely(seed, 4))
			a->state.num = rarely(seed, 2) ? self->g.o.layout.num : rand_r(seed) % 2;
		break;
	case ARG_ADDR:
		make_addr(self, seed, &a->addr);
		break;
	case ARG_FILE:
		a->file = (struct vhost_vring_file){ any_queue(seed), any_fd(self, seed) };
		break;
	case ARG_WORKER:
		a->worker.worker_id = rand_r(seed) % 8;
		break;
	case ARG_VRING_WORKER:
		a->vring_worker.index = any_queue(seed);
		a->vring_worker.worker_id = rand_r(seed) % 8;
		break;
	case ARG_BACKEND:
		a->file.index = any_queue(seed);
		a->file.fd = rarely(seed, 4) ? any_fd(self, seed) : net && rarely(seed, 2) ?
			     self->other.fd : self->g.backend;
		break;
	default:
		break;
	}
}

static void report(chaos_t *self, const struct call *c, int err, bool stranger)
{
	printf("# ioctl %#lx answers %d%s\n", c->request, err, stranger ? " to a stranger" : "");
	__atomic_add_fetch(&self->wrong, 1, __ATOMIC_RELAXED);
}

static void judge(chaos_t *self, const struct call *c, int err, bool stranger)
{
	bool allowed = !err && !(stranger && c->owned);

	if (err == -EPERM)
		allowed = c->owned;
	/* A back end's ioctl looks at the pointer first. */
	for (size_t i = 0; i < 7 && err && (!stranger || !c->owned || err == -EFAULT); i++)
		allowed |= err == -c->err[i];
	if (!allowed)
		report(self, c, err, stranger);
}

static void one_call(chaos_t *self, unsigned int *seed, bool stranger)
{
	unsigned int n = rand_r(seed) % CALLS;
	struct call c = calls[n];
	union argument a;
	void *p = &a;
	int err;

	/* Without its owner a device is dull; a stranger would own it for good. */
	if (c.request == VHOST_RESET_OWNER && !stranger && !rarely(seed, 10))
		return;
	if (c.request == VHOST_SET_OWNER && stranger)
		return;
	if (c.arg == ARG_BACKEND)
		c.request = self->request;
	make_argument(self, seed, c.arg, &a);
	if (rarely(seed, 50))
		p = rarely(seed, 2) ? NULL : (void *)-4096L;
	err = __dev_ioctl(&self->g.dev, c.request, p);
	judge(self, &c, err, stranger);
	/* A few workers are enough. */
	if (c.request == ABI_NEW_WORKER && !err && a.worker.worker_id > 8)
		__dev_ioctl(&self->g.dev, ABI_FREE_WORKER, &a.worker);
}

/* Kick, and write anything anywhere into a ring. */
static void disturb(chaos_t *self, unsigned int *seed)
{
	unsigned int q = rand_r(seed) % QUEUES;
	uint16_t *word = (uint16_t *)self->g.ring[q].desc;

	if (rarely(seed, 2))
		word[rand_r(seed) % (ring_bytes(&self->g.o.layout) / 2)] = any_word(seed);
	dev_kick(&self->g.dev, q);
}

static void *owner_thread(void *arg)
{
	chaos_t *self = arg;
	unsigned int seed = __atomic_add_fetch(&self->seed, 1, __ATOMIC_RELAXED);

	for (unsigned long i = 0; i < self->rounds; i++) {
		one_call(self, &seed, false);
		if (i % 4 == 0)
			disturb(self, &seed);
	}
	return NULL;
}

/* Shares the owner's memory and so its rights; killed at any moment, with its workers. */
static int other_process(void *arg)
{
	chaos_t *self = arg;
	unsigned int seed = __atomic_add_fetch(&self->seed, 1, __ATOMIC_RELAXED);

	/* Only the thread that waits for us has our errno. */
	while (!__atomic_load_n(&self->stop, __ATOMIC_RELAXED))
		one_call(self, &seed, false);
	return 0;
}

static pid_t start_stranger(chaos_t *self)
{
	unsigned int seed = __atomic_add_fetch(&self->seed, 1, __ATOMIC_RELAXED);
	pid_t pid = fork();

	if (pid)
		return pid;
	for (unsigned long i = 0; i < self->rounds; i++)
		one_call(self, &seed, true);
	fflush(stdout);
	_exit(!!self->wrong);
}

/* Until both threads are through, processes come and are killed. */
static void run(chaos_t *self)
{
	const struct timespec nap = { .tv_nsec = 3000000 };
	pthread_t t[2];
	int status;
	pid_t pid;

	for (int i = 0; i < 2; i++)
		check(!pthread_create(&t[i], NULL, owner_thread, self), "a thread");
	for (int i = 0; i < 2;) {
		pid = clone(other_process, self->stack + sizeof(self->stack),
			    CLONE_VM | CLONE_FILES | SIGCHLD, self);
		check(pid > 0, "a process");
		nanosleep(&nap, NULL);
		kill(pid, SIGKILL);
		check(waitpid(pid, &status, 0) == pid, "it is dead");
		while (i < 2 && !pthread_tryjoin_np(t[i], NULL))
			i++;
	}
}

static void set_up_anew(struct __test_metadata *_metadata, chaos_t *self)
{
	struct rig *g = &self->g;
	int err = __dev_ioctl(&g->dev, VHOST_RESET_OWNER, NULL);

	/* It may have none. */
	ASSERT_TRUE(!err || err == -EPERM);
	dev_ioctl(&g->dev, VHOST_SET_OWNER, NULL);
	ASSERT_EQ(0, __dev_set_features(&g->dev, rig_ring_features(&g->o.layout)));
	dev_set_mem(&g->dev, &g->mem);
	for (unsigned int i = 0; i < QUEUES; i++) {
		memset(g->ring[i].desc, 0, ring_bytes(&g->o.layout));
		rig_reset_ring(g, i);
		event_take(g->dev.err[i]);
	}
	rig_start(g);
	for (unsigned int i = g->o.kind == DEV_NET; i < QUEUES; i++)
		rig_ping(g, i);
	EXPECT_EQ(0, event_take(g->dev.err[0]));
}

TEST_F(chaos, any_ioctl_in_any_order)
{
	int status;
	pid_t pid;

	TH_LOG("seed %u", self->seed);
	pid = start_stranger(self);
	run(self);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, self->wrong);
	set_up_anew(_metadata, self);
}

TEST_HARNESS_MAIN
