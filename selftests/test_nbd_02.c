// SPDX-License-Identifier: GPL-2.0
/*
 * A network block device whose server goes away under I/O, attached with a patience of its own as
 * the VMM's code can: requests wait for the server's return and lose nothing, or fail when the
 * patience ends; a stop never hangs.
 */
#include <signal.h>
#include <sys/wait.h>

#include "../vmm/backend/nbd.h"
#include "nbdsrv.h"
#include "stat.h"
#include "test_blk.h"

FIXTURE(patience) {
	struct nbdsrv server;
	struct nbd_link link;
	struct nbd_device nbd;
	struct disk disk;
	struct blk b;
	struct load *l;
	struct error e;
};

/* A new connection of the link, up to where the kernel takes it. */
static void link_up(struct nbdsrv *s, struct nbd_link *link)
{
	struct error e;

	link->sock = nbdsrv_connect(s);
	check(!nbd_negotiate(link->sock, "disk", &link->export, &e), "%s", e.text);
}

FIXTURE_SETUP(patience)
{
	self->nbd.fd = -1;
	if (__nbdsrv_init(&self->server, 32))
		SKIP(return, "%s", self->server.why);
	self->l = calloc(1, sizeof(*self->l));
}

typedef FIXTURE_DATA(patience) patience_t;

static const struct blk_options ring_of_256 = { .layout = { .num = 256 } };

/*
 * A running device, whose requests wait @lost seconds for a lost server, and @answer for one that
 * is there; 0 or what __blk_init() says.
 */
static int start_with(patience_t *self, unsigned int lost, unsigned int answer)
{
	char path[32];
	int err;

	self->link.request_timeout = answer;
	self->link.dead_timeout = lost;
	link_up(&self->server, &self->link);
	check(!nbd_attach(&self->nbd, &self->link, &self->e), "%s", self->e.text);
	close(self->link.sock);
	snprintf(path, sizeof(path), "/dev/nbd%d", self->nbd.index);
	disk_adopt(&self->disk, path, self->nbd.fd);
	err = __blk_init(&self->b, &self->disk, &ring_of_256);
	if (err)
		return err;
	blk_start(&self->b);
	load_init(self->l, &self->b, 0, 0, 16384);
	return 0;
}

#define START_WITH(self, lost, answer) do {						\
	int start_err_ = start_with(self, lost, answer);				\
	TEST_REQUIRE(!start_err_, "no %s: %s", DEV_BLK_PATH, strerror(-start_err_));	\
} while (0)

FIXTURE_TEARDOWN(patience)
{
	if (self->b.disk) {
		load_destroy(self->l);
		blk_destroy(&self->b);
	}
	free(self->l);
	nbd_detach(&self->nbd);
	nbdsrv_destroy(&self->server);
}

/* The count of completions once it does not move any more. */
static unsigned long load_settles(const struct load *l)
{
	unsigned long before, now = load_done(l);

	do {
		before = now;
		usleep(500000);
		now = load_done(l);
	} while (now != before);
	return now;
}

TEST_F(patience, the_server_returns_in_time)
{
	/* A late answer would cost the new connection as well, and nobody brings a third one. */
	START_WITH(self, 60, 10);
	for (unsigned long i = 0; i < test_scale(2); i++) {
		load_start(self->l);
		ASSERT_EQ(LOAD_FINE, load_wait(self->l, test_scale(300)));
		nbdsrv_kill(&self->server);
		load_settles(self->l);
		nbdsrv_start(&self->server);
		link_up(&self->server, &self->link);
		ASSERT_EQ(0, nbd_reconnect(&self->nbd, &self->link, &self->e));
		close(self->link.sock);
		EXPECT_EQ(LOAD_FINE, load_wait(self->l, test_scale(300)))
			TH_LOG("%s", self->l->what);
		EXPECT_EQ(LOAD_FINE, load_stop(self->l)) TH_LOG("%s", self->l->what);
	}
	EXPECT_EQ(0, self->l->failed);
	EXPECT_EQ(LOAD_FINE, load_verify(self->l)) TH_LOG("%s", self->l->what);
}

TEST_F(patience, the_server_does_not_return)
{
	START_WITH(self, 2, 3);
	self->l->may_fail = true;
	load_start(self->l);
	ASSERT_EQ(LOAD_FINE, load_wait(self->l, test_scale(300)));
	EXPECT_EQ(0, self->l->failed);
	nbdsrv_kill(&self->server);
	EXPECT_EQ(LOAD_FINE, load_wait(self->l, 40)) TH_LOG("%s", self->l->what);
	EXPECT_EQ(LOAD_FINE, load_stop(self->l)) TH_LOG("%s", self->l->what);
	EXPECT_LT(0, self->l->failed);
	EXPECT_EQ(S_IOERR, blk_write(&self->b, 0, BLK_AT(1), 4096));
}

/* Until the worker has taken what was published: only that is in flight. */
static void wait_until_fetched(uint64_t chains)
{
	struct stat_queue q = { 0 };

	for (int i = 0; i < DEV_PATIENCE_MS && q.fetched < chains; i++) {
		usleep(1000);
		stat_get(&q, "blk", 0);
	}
	check(q.fetched >= chains, "a request taken within %d ms", DEV_PATIENCE_MS);
}

/* A stop waits for what is in flight, and that ends with the patience. */
TEST_F(patience, a_stop_while_the_server_is_away)
{
	struct blk_req r = { T_OUT, 8, BLK_AT(1), 4096 };
	struct stat_queue before;
	struct ring_used used;

	START_WITH(self, 2, 3);
	stat_get(&before, "blk", 0);
	nbdsrv_kill(&self->server);
	ASSERT_EQ(0, blk_add(&self->b, 0, &r, 1));
	dev_publish(&self->b.g.dev, 0, &self->b.g.ring[0]);
	wait_until_fetched(before.fetched + 1);
	blk_stop(&self->b);
	EXPECT_EQ(1, dev_poll_used(&self->b.g.ring[0], &used, 0));
	EXPECT_EQ(S_IOERR, blk_status(&self->b, &r));
}

/* The owner dies while requests hang: it is gone when they are, and so is its device. */
TEST_F(patience, the_owner_dies_while_the_server_is_away)
{
	struct blk_req r = { T_OUT, 8, BLK_AT(1), 4096 };
	pid_t pid;

	START_WITH(self, 2, 3);
	blk_stop(&self->b);
	nbdsrv_kill(&self->server);
	pid = fork();
	if (!pid) {
		struct blk b;

		check_ok(__blk_init(&b, &self->disk, &ring_of_256), "a device of the owner's");
		blk_start(&b);
		check_ok(blk_add(&b, 0, &r, 1), "a request");
		dev_publish(&b.g.dev, 0, &b.g.ring[0]);
		for (;;)
			pause();
	}
	usleep(500000);
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	blk_start(&self->b);
	EXPECT_EQ(S_IOERR, blk_write(&self->b, 0, BLK_AT(1), 4096));
}

TEST_HARNESS_MAIN
