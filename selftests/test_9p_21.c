// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: random messages. Two clients send whatever the message table knows, with fields
 * that often fit and sometimes do not, cut, mended and flipped, by batches, while a process of
 * the host swaps names and symlinks below them. Every request is answered once, nothing
 * outside the export is touched, and all of it can be closed.
 */
#include "export.h"
#include "p9.h"
#include "p9_random.h"
#include "test.h"
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CLIENTS	2
#define BATCH	16

static void begin(struct p9 *p, const char *version)
{
	check_ok(p9_version(p, version, P9_MSIZE), "Tversion");
	check_ok(p9_attach(p, 0, 0), "Tattach");
}

/* Show some requests at once. */
static void send_batch(struct p9 *p, struct chance *c, uint8_t *type, unsigned int n)
{
	static const uint32_t lies[] = { 7, 11, 23, 4096, P9_MSIZE, 0xffffffff };
	struct p9_body b;

	for (unsigned int i = 0; i < n; i++) {
		type[i] = p9_random(&b, c, p->dialect);
		p->tag = 100 + i;
		p->split = chance_below(c, 4) ? 0 : 1 + chance_below(c, 60);
		p->room = chance_below(c, 8) ? P9_ROOM : 64 + chance_below(c, 200);
		p->lie = chance_below(c, 40) ? 0 : lies[chance_below(c, ARRAY_SIZE(lies))];
		p9_queue(p, i, type[i], "d", b.at, P9_U64(b.len));
	}
	p->split = 0;
	p->room = P9_ROOM;
	p->lie = 0;
	p9_kick(p);
}

/* Take all answers, each once and to what was asked; return how many were no errors. */
static unsigned int take_batch(struct p9 *p, const uint8_t *type, unsigned int n)
{
	unsigned int good = 0, seen = 0;

	for (unsigned int i = 0; i < n; i++) {
		int slot = p9_recv(p, DEV_PATIENCE_MS);

		check(slot >= 0, "%u of %u answers came", i, n);
		check(!(seen & 1U << slot), "a second answer to message %u", type[slot]);
		seen |= 1U << slot;
		check(p->rx_len >= FERRY_P9_HEADER, "no answer to message %u", type[slot]);
		check(p->rx_tag == 100 + slot, "tag %u is %u", 100 + slot, p->rx_tag);
		good += !p9_result(p, type[slot]);
	}
	return good;
}

/* What a guest could see or change if it got out. */
struct outside {
	struct stat top, export, outside, secret;
};

static void look(struct outside *o)
{
	memset(o, 0, sizeof(*o));
	check(!lstat(export_top(), &o->top) && !lstat(export_dir(), &o->export) &&
	      !lstat(export_path("outside"), &o->outside) &&
	      !lstat(export_path("outside/secret"), &o->secret), "what is outside is there");
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       a->st_nlink == b->st_nlink && a->st_size == b->st_size &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec &&
	       a->st_atim.tv_nsec == b->st_atim.tv_nsec;
}

/* The exported directory, or one in it; never what a symlink leads to. */
static int place(struct chance *c)
{
	static const char * const name[] = { ".", ".", "d0", "d1" };

	return open(name[chance_below(c, ARRAY_SIZE(name))],
		    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A process of the host: names change places, and symlinks lead out. */
static void swap_forever(uint64_t seed)
{
	static const char * const name[] = { "f0", "f1", "d0", "d1", "link" };
	struct chance c = { seed };

	check(!chdir(export_dir()), "go to the export");
	check(!prctl(PR_SET_PDEATHSIG, SIGKILL), "end with the test");
	for (;;) {
		int from = place(&c), to = place(&c);

		/* A guest may have made one of its own meanwhile. */
		if (!chance_below(&c, 8) && (!unlink("link") || errno == ENOENT))
			check(!symlink(chance_below(&c, 2) ? "../outside" : "/", "link") ||
			      errno == EEXIST, "link: %s", strerror(errno));
		renameat2(from, name[chance_below(&c, ARRAY_SIZE(name))],
			  to, name[chance_below(&c, ARRAY_SIZE(name))],
			  chance_below(&c, 2) ? RENAME_EXCHANGE : 0);
		close(from);
		close(to);
		sched_yield();
	}
}

FIXTURE(any) {
	struct p9 p[CLIENTS];
	pid_t host;
	struct outside before;
};

FIXTURE_VARIANT(any) {
	const char *fs;
	unsigned int model;
	const char *version[CLIENTS];
};

FIXTURE_VARIANT_ADD(any, tmpfs_passthrough)
	{ "tmpfs", FERRY_9P_MODEL_PASSTHROUGH, { "9P2000.L", "9P2000.L" } };
FIXTURE_VARIANT_ADD(any, ext4_mapped)
	{ "ext4", FERRY_9P_MODEL_MAPPED, { "9P2000.L", "9P2000.u" } };
FIXTURE_VARIANT_ADD(any, ext4_none)
	{ "ext4", FERRY_9P_MODEL_NONE, { "9P2000.u", "9P2000" } };

FIXTURE_SETUP(any)
{
	int err;

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	err = __export_mount(variant->fs);
	TEST_REQUIRE(!err, "no %s here: %s", variant->fs, strerror(-err));
	look(&self->before);
	for (int i = 0; i < CLIENTS; i++) {
		p9_open(&self->p[i], export_dir(), variant->model, 0);
		begin(&self->p[i], variant->version[i]);
	}
	self->host = fork();
	ASSERT_LE(0, self->host);
	if (!self->host)
		swap_forever(getpid());
}

FIXTURE_TEARDOWN(any)
{
	struct outside after;

	kill(self->host, SIGKILL);
	waitpid(self->host, NULL, 0);
	look(&after);
	EXPECT_TRUE(same(&self->before.top, &after.top));
	EXPECT_TRUE(same(&self->before.outside, &after.outside));
	EXPECT_TRUE(same(&self->before.secret, &after.secret));
	EXPECT_EQ(self->before.export.st_ino, after.export.st_ino);
	EXPECT_TRUE(export_holds(export_path("outside/secret"), "secret"));
	for (int i = 0; i < CLIENTS; i++)
		p9_close(&self->p[i]);
	export_unmount();
}

TEST_F_TIMEOUT(any, messages, 600)
{
	const char *env = getenv("FERRY_TEST_SEED");
	struct chance c = { env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL) << 16 | getpid() };
	unsigned int total = 0, good = 0;

	TH_LOG("FERRY_TEST_SEED=%llu", (unsigned long long)c.state);
	for (unsigned long round = 0; round < test_scale(2000); round++) {
		uint8_t type[CLIENTS][BATCH];
		unsigned int n[CLIENTS];

		for (int i = 0; i < CLIENTS; i++) {
			if (!chance_below(&c, 50))
				begin(&self->p[i], variant->version[i]);
			/* If fid 0 has gone. */
			p9_attach(&self->p[i], 0, 0);
			n[i] = 1 + chance_below(&c, BATCH);
			send_batch(&self->p[i], &c, type[i], n[i]);
		}
		for (int i = 0; i < CLIENTS; i++) {
			good += take_batch(&self->p[i], type[i], n[i]);
			total += n[i];
		}
	}
	TH_LOG("%u of %u requests did something", good, total);
	EXPECT_LT(total / 10, good);
}

TEST_HARNESS_MAIN
