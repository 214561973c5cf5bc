// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: many requests at once, Tflush, and an end in the middle of them: nothing is
 * lost, nothing answered twice, and the file system is free at once.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Of the device's, for what may block. */
#define THREADS	8

FIXTURE(many) {
	struct p9 p;
};

FIXTURE_SETUP(many)
{
	int err;

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	err = __export_mount("tmpfs");
	TEST_REQUIRE(!err, "no tmpfs here: %s", strerror(-err));
	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, 0);
}

FIXTURE_TEARDOWN(many)
{
	p9_close(&self->p);
	export_unmount();
}

/* Show @n requests at once and take all answers; each tag comes back once. */
static unsigned int take_all(struct __test_metadata *_metadata, struct p9 *p, unsigned int n,
			     uint8_t type)
{
	bool seen[P9_SLOTS] = {};
	unsigned int good = 0;

	p9_kick(p);
	for (unsigned int i = 0; i < n; i++) {
		int slot = p9_recv(p, DEV_PATIENCE_MS);

		ASSERT_LE(0, slot);
		EXPECT_FALSE(seen[slot]);
		seen[slot] = true;
		EXPECT_EQ(100 + slot, (int)p->rx_tag);
		good += !p9_result(p, type);
	}
	return good;
}

TEST_F(many, files_are_made_side_by_side)
{
	for (unsigned long round = 0; round < test_scale(40); round++) {
		char name[32];

		for (unsigned int i = 0; i < P9_SLOTS; i++) {
			snprintf(name, sizeof(name), "d%lu-%u", round, i);
			self->p.tag = 100 + i;
			p9_queue(&self->p, i, FERRY_P9_TMKDIR, "4s44", P9_U64(0), name,
				 P9_U64(0755), P9_U64(0));
		}
		ASSERT_EQ((unsigned int)P9_SLOTS,
			  take_all(_metadata, &self->p, P9_SLOTS, FERRY_P9_TMKDIR));
		ASSERT_EQ(0, access(export_path("export/%s", name), F_OK));
	}
}

TEST_F(many, writes_and_reads_of_one_fid_overlap)
{
	static char block[4096];

	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR, 0644, 0));
	for (unsigned long round = 0; round < test_scale(40); round++) {
		for (unsigned int i = 0; i < P9_SLOTS; i++) {
			memset(block, 'a' + (i + round) % 26, sizeof(block));
			self->p.tag = 100 + i;
			p9_queue(&self->p, i, FERRY_P9_TWRITE, "484d", P9_U64(1),
				 P9_U64(i * sizeof(block)), P9_U64(sizeof(block)), block,
				 P9_U64(sizeof(block)));
		}
		ASSERT_EQ((unsigned int)P9_SLOTS,
			  take_all(_metadata, &self->p, P9_SLOTS, FERRY_P9_TWRITE));
		for (unsigned int i = 0; i < P9_SLOTS; i++) {
			ASSERT_EQ((ssize_t)sizeof(block),
				  p9_read(&self->p, 1, i * sizeof(block), block, sizeof(block)));
			for (size_t k = 0; k < sizeof(block); k++)
				ASSERT_EQ('a' + (char)((i + round) % 26), block[k]);
		}
	}
}

/* One number, walked, opened, made into something else and clunked all at once. */
TEST_F(many, a_fid_is_fought_over)
{
	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "d", 0777, 0));
	for (unsigned long round = 0; round < test_scale(300); round++) {
		unsigned int n = 0;
		char name[32];

		snprintf(name, sizeof(name), "f%lu", round % 5);
		ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "d"));
		for (; n < 24; n++) {
			self->p.tag = 100 + n;
			switch (n % 6) {
			case 0:
				p9_queue(&self->p, n, FERRY_P9_TLCREATE, "4s444", P9_U64(1), name,
					 P9_U64(2), P9_U64(0644), P9_U64(0));
				break;
			case 1:
				p9_queue(&self->p, n, FERRY_P9_TWALK, "442s", P9_U64(1), P9_U64(1),
					 P9_U64(1), "..");
				break;
			case 2:
				p9_queue(&self->p, n, FERRY_P9_TLOPEN, "44", P9_U64(1), P9_U64(0));
				break;
			case 3:
				p9_queue(&self->p, n, FERRY_P9_TXATTRCREATE, "4s84", P9_U64(1),
					 "user.x", P9_U64(0), P9_U64(0));
				break;
			case 4:
				p9_queue(&self->p, n, FERRY_P9_TREADDIR, "484", P9_U64(1),
					 P9_U64(0), P9_U64(4096));
				break;
			default:
				if (n < 12)
					p9_queue(&self->p, n, FERRY_P9_TGETATTR, "48", P9_U64(1),
						 P9_U64(0x7ff));
				else
					p9_queue(&self->p, n, FERRY_P9_TCLUNK, "4", P9_U64(1));
			}
		}
		p9_kick(&self->p);
		for (unsigned int i = 0; i < n; i++)
			ASSERT_LE(0, p9_recv(&self->p, DEV_PATIENCE_MS));
		p9_clunk(&self->p, 1);
	}
	/* Whatever happened, the number can be used again. */
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
}

/* @n requests, each flushed, the last one twice, and that flush as well. */
static void queue_flushed(struct p9 *p, unsigned int slot, unsigned int n, const char *stem)
{
	char name[48];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s-%u", stem, i);
		p->tag = 100 + i;
		p9_queue(p, slot++, FERRY_P9_TMKDIR, "4s44", P9_U64(0), name, P9_U64(0755),
			 P9_U64(0));
	}
	for (unsigned int i = 0; i < n; i++) {
		p->tag = 200 + i;
		p9_queue(p, slot++, FERRY_P9_TFLUSH, "2", P9_U64(100 + i));
	}
	for (unsigned int i = 0; i < 3; i++) {
		p->tag = 300 + i;
		p9_queue(p, slot++, FERRY_P9_TFLUSH, "2",
			 P9_U64(i == 0 ? 100 + n - 1 : i == 1 ? 300 : 302));
	}
}

/* Take their answers, which come in that order. Return: how many were not carried out. */
static unsigned int take_flushed(struct __test_metadata *_metadata, struct p9 *p,
				 unsigned int first, unsigned int n, const char *stem)
{
	unsigned int order[P9_SLOTS], cancelled = 0;

	for (unsigned int at = 0; at < 2 * n + 3; at++) {
		int slot = p9_recv(p, DEV_PATIENCE_MS);
		unsigned int i = slot - first;
		char name[48];

		ASSERT_TRUE(slot >= (int)first && i < 2 * n + 3);
		order[i] = at;
		if (i >= n) {
			EXPECT_EQ(0, p9_result(p, FERRY_P9_TFLUSH));
			continue;
		}
		snprintf(name, sizeof(name), "%s-%u", stem, i);
		if (p9_result(p, FERRY_P9_TMKDIR) == -EINTR) {
			cancelled++;
			EXPECT_NE(0, access(export_path("export/%s", name), F_OK));
		} else {
			EXPECT_EQ(0, access(export_path("export/%s", name), F_OK));
		}
	}
	for (unsigned int i = 0; i < n; i++)
		EXPECT_LT(order[i], order[n + i]);
	EXPECT_LT(order[n - 1], order[2 * n]);
	EXPECT_LT(order[2 * n], order[2 * n + 1]);
	return cancelled;
}

TEST_F(many, flush_answers_after_what_it_flushes)
{
	for (unsigned long round = 0; round < test_scale(200); round++) {
		char stem[32];

		snprintf(stem, sizeof(stem), "r%lu", round);
		queue_flushed(&self->p, 0, 12, stem);
		p9_kick(&self->p);
		take_flushed(_metadata, &self->p, 0, 12, stem);
	}
}

static void send_getattr(struct p9 *p, unsigned int slot)
{
	p->tag = 100 + slot;
	p9_queue(p, slot, FERRY_P9_TGETATTR, "48", P9_U64(0), P9_U64(0x7ff));
}

/* A truncation waits for whoever has a lease. */
static int lease_file(struct __test_metadata *_metadata, const char *name)
{
	int fd;

	signal(SIGIO, SIG_IGN);
	export_write(export_path("export/%s", name), name);
	fd = open(export_path("export/%s", name), O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, fcntl(fd, F_SETLEASE, F_RDLCK));
	return fd;
}

/* Until somebody waits for it. */
static void lease_is_wanted(int fd)
{
	while (fcntl(fd, F_GETLEASE) != F_UNLCK)
		sched_yield();
}

static void queue_truncate(struct p9 *p, unsigned int slot, uint32_t fid)
{
	p9_queue(p, slot, FERRY_P9_TSETATTR, "4444488888", P9_U64(fid),
		 P9_U64(FERRY_P9_SET_SIZE), P9_U64(0), P9_U64(0), P9_U64(0), P9_U64(0), P9_U64(0),
		 P9_U64(0), P9_U64(0), P9_U64(0));
}

/* What no thread has begun is taken back: here all of them wait for somebody else. */
TEST_F(many, flush_takes_back_what_waits)
{
	unsigned int n = 9;
	int fd[THREADS];
	char name[16];

	for (unsigned int i = 0; i < THREADS; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		fd[i] = lease_file(_metadata, name);
		ASSERT_EQ(0, p9_walk(&self->p, 0, 1 + i, name));
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		self->p.tag = 400 + i;
		queue_truncate(&self->p, i, 1 + i);
	}
	/* Nothing came alone, which the queue's own thread would have served. */
	send_getattr(&self->p, THREADS);
	p9_kick(&self->p);
	ASSERT_EQ(THREADS, p9_recv(&self->p, DEV_PATIENCE_MS));
	for (unsigned int i = 0; i < THREADS; i++)
		lease_is_wanted(fd[i]);
	queue_flushed(&self->p, THREADS, n, "w");
	p9_kick(&self->p);
	EXPECT_EQ(n, take_flushed(_metadata, &self->p, THREADS, n, "w"));
	for (unsigned int i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, fcntl(fd[i], F_SETLEASE, F_UNLCK));
		close(fd[i]);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		int slot = p9_recv(&self->p, DEV_PATIENCE_MS);

		ASSERT_TRUE(slot >= 0 && slot < THREADS);
		EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TSETATTR));
	}
}

TEST_F(many, a_new_session_ends_the_old_one)
{
	for (unsigned int i = 0; i < 20; i++) {
		self->p.tag = 100 + i;
		p9_queue(&self->p, i, FERRY_P9_TFSYNC, "44", P9_U64(0), P9_U64(0));
	}
	self->p.tag = FERRY_P9_NOTAG;
	p9_queue(&self->p, 20, FERRY_P9_TVERSION, "4s", P9_U64(8192), "9P2000.L");
	p9_kick(&self->p);
	for (unsigned int i = 0; i < 21; i++) {
		int slot = p9_recv(&self->p, DEV_PATIENCE_MS);

		EXPECT_EQ(i == 20, slot == 20);
	}
	EXPECT_EQ(0, p9_attach(&self->p, 0, 0));
}

TEST_F(many, the_end_comes_in_the_middle)
{
	for (unsigned long round = 0; round < test_scale(30); round++) {
		struct ferry_9p_backend none = { .fd = -1 };

		for (unsigned int i = 0; i < P9_SLOTS; i++) {
			char name[32];

			snprintf(name, sizeof(name), "e%lu-%u", round, i);
			self->p.tag = 100 + i;
			p9_queue(&self->p, i, FERRY_P9_TMKDIR, "4s44", P9_U64(0), name,
				 P9_U64(0755), P9_U64(0));
		}
		p9_kick(&self->p);
		if (round % 2) {
			/* All that was taken is answered. */
			uint32_t base;
			unsigned int done = 0;

			dev_ioctl(&self->p.dev, FERRY_9P_SET_BACKEND, &none);
			base = dev_vring_base(&self->p.dev, 0);
			while (p9_recv(&self->p, 0) >= 0)
				done++;
			EXPECT_LE(done, (unsigned int)P9_SLOTS);
			EXPECT_EQ(0U, (uint16_t)(base - self->p.ring.used->idx));
		}
		p9_close(&self->p);
		p9_open(&self->p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, 0);
	}
}

TEST_F(many, a_killed_owner_leaves_nothing)
{
	for (unsigned long round = 0; round < test_scale(20); round++) {
		pid_t child = fork();

		ASSERT_LE(0, child);
		if (!child) {
			struct p9 p;

			p9_open(&p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, 0);
			for (unsigned int i = 0; i < P9_SLOTS; i++) {
				p.tag = 100 + i;
				p9_queue(&p, i, FERRY_P9_TFSYNC, "44", P9_U64(0), P9_U64(0));
			}
			p9_kick(&p);
			for (unsigned long spin = 0; spin < round * 1000; spin++)
				sched_yield();
			kill(getpid(), SIGKILL);
		}
		ASSERT_EQ(child, waitpid(child, NULL, 0));
	}
}

/* On a file system that waits for whoever froze it, and for no signal. */
FIXTURE(frozen) {
	struct p9 p;
	int top;
};

FIXTURE_SETUP(frozen)
{
	EXPORT_SERVE(&self->p, "ext4", FERRY_9P_MODEL_PASSTHROUGH);
	self->top = open(export_top(), O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, ioctl(self->top, FIFREEZE, 0));
}

FIXTURE_TEARDOWN(frozen)
{
	ioctl(self->top, FITHAW, 0);
	close(self->top);
	export_unserve(&self->p);
}

/* Whether one of the device's threads waits: the kernel's own, or one of this process. */
static bool somebody_waits(void)
{
	char command[160];
	int pid = getpid();

	snprintf(command, sizeof(command), "cat /proc/[0-9]*/stat /proc/%d/task/*/stat"
		 " 2>/dev/null | grep -qE '\\((ferry-9p-%d|9p-pool)\\) D'", pid, pid);
	return !system(command);
}

/* Its answer goes where its own chain says, whatever came since. */
TEST_F(frozen, a_flush_that_waits_keeps_its_chain)
{
	const unsigned int last = 8;

	self->p.tag = 100;
	p9_queue(&self->p, 0, FERRY_P9_TMKDIR, "4s44", P9_U64(0), "d", P9_U64(0755), P9_U64(0));
	send_getattr(&self->p, 2);
	p9_kick(&self->p);
	ASSERT_EQ(2, p9_recv(&self->p, DEV_PATIENCE_MS));
	while (!somebody_waits())
		sched_yield();
	self->p.tag = 101;
	p9_send(&self->p, 1, FERRY_P9_TFLUSH, "2", P9_U64(100));
	for (unsigned int slot = 2; slot <= last; slot++) {
		int got;

		send_getattr(&self->p, slot);
		p9_kick(&self->p);
		got = p9_recv(&self->p, DEV_PATIENCE_MS);
		ASSERT_EQ((int)slot, got);
		ASSERT_EQ(0, p9_result(&self->p, FERRY_P9_TGETATTR));
	}
	ASSERT_EQ(0, ioctl(self->top, FITHAW, 0));
	ASSERT_EQ(0, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TMKDIR));
	ASSERT_EQ(1, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(101, (int)self->p.rx_tag);
	EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TFLUSH));
}

TEST_HARNESS_MAIN
