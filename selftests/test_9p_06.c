// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: many requests at once, Tflush, and an end in the middle of them: nothing is
 * lost, nothing answered twice, and the file system is free at once.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

TEST_F(many, flush_answers_after_what_it_flushes)
{
	unsigned int cancelled = 0;

	for (unsigned long round = 0; round < test_scale(200); round++) {
		unsigned int order[P9_SLOTS], at = 0;
		const unsigned int n = 12;
		char name[32];

		for (unsigned int i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "r%lu-%u", round, i);
			self->p.tag = 100 + i;
			p9_queue(&self->p, i, FERRY_P9_TMKDIR, "4s44", P9_U64(0), name,
				 P9_U64(0755), P9_U64(0));
		}
		/* Each is flushed, one of them twice, and that flush as well. */
		for (unsigned int i = 0; i < n; i++) {
			self->p.tag = 200 + i;
			p9_queue(&self->p, n + i, FERRY_P9_TFLUSH, "2", P9_U64(100 + i));
		}
		self->p.tag = 300;
		p9_queue(&self->p, 24, FERRY_P9_TFLUSH, "2", P9_U64(100 + n - 1));
		self->p.tag = 301;
		p9_queue(&self->p, 25, FERRY_P9_TFLUSH, "2", P9_U64(300));
		self->p.tag = 302;
		p9_queue(&self->p, 26, FERRY_P9_TFLUSH, "2", P9_U64(302));
		p9_kick(&self->p);
		for (unsigned int i = 0; i < 27; i++) {
			int slot = p9_recv(&self->p, DEV_PATIENCE_MS);

			ASSERT_TRUE(slot >= 0 && slot < P9_SLOTS);
			order[slot % P9_SLOTS] = at++;
			if (slot >= (int)n) {
				EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TFLUSH));
				continue;
			}
			snprintf(name, sizeof(name), "r%lu-%u", round, slot);
			if (p9_result(&self->p, FERRY_P9_TMKDIR) == -EINTR) {
				cancelled++;
				/* It was not carried out. */
				EXPECT_NE(0, access(export_path("export/%s", name), F_OK));
			} else {
				EXPECT_EQ(0, access(export_path("export/%s", name), F_OK));
			}
		}
		for (unsigned int i = 0; i < n; i++)
			EXPECT_LT(order[i], order[n + i]);
		EXPECT_LT(order[n - 1], order[24]);
		EXPECT_LT(order[24], order[25]);
	}
	/* On one CPU the pool never gets to all of them before they are flushed. */
	EXPECT_LT(0U, cancelled);
}

static void send_getattr(struct p9 *p, unsigned int slot)
{
	p->tag = 100 + slot;
	p9_queue(p, slot, FERRY_P9_TGETATTR, "48", P9_U64(0), P9_U64(0x7ff));
}

/* Its answer goes where its own chain says, whatever came since. */
TEST_F(many, a_flush_that_waits_keeps_its_chain)
{
	const unsigned int last = 8;
	int fd;

	/* A truncation waits for whoever has a lease. */
	signal(SIGIO, SIG_IGN);
	export_write(export_path("export/f"), "f");
	fd = open(export_path("export/f"), O_RDONLY);
	ASSERT_EQ(0, fcntl(fd, F_SETLEASE, F_RDLCK));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	self->p.tag = 100;
	p9_queue(&self->p, 0, FERRY_P9_TSETATTR, "4444488888", P9_U64(1),
		 P9_U64(FERRY_P9_SET_SIZE), P9_U64(0), P9_U64(0), P9_U64(0), P9_U64(0), P9_U64(0),
		 P9_U64(0), P9_U64(0), P9_U64(0));
	send_getattr(&self->p, 2);
	p9_kick(&self->p);
	ASSERT_EQ(2, p9_recv(&self->p, DEV_PATIENCE_MS));
	while (fcntl(fd, F_GETLEASE) != F_UNLCK)
		sched_yield();
	self->p.tag = 101;
	p9_send(&self->p, 1, FERRY_P9_TFLUSH, "2", P9_U64(100));
	for (unsigned int slot = 2; slot <= last; slot++) {
		send_getattr(&self->p, slot);
		p9_kick(&self->p);
		ASSERT_EQ((int)slot, p9_recv(&self->p, DEV_PATIENCE_MS));
		ASSERT_EQ(0, p9_result(&self->p, FERRY_P9_TGETATTR));
	}
	ASSERT_EQ(0, fcntl(fd, F_SETLEASE, F_UNLCK));
	ASSERT_EQ(0, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TSETATTR));
	ASSERT_EQ(1, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(101, (int)self->p.rx_tag);
	EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TFLUSH));
	close(fd);
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

TEST_HARNESS_MAIN
