// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: a host's process has a lease on a file. Who opens or cuts it waits until the
 * lease is given up, as a program of the host would, and nobody else waits for that.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <signal.h>

FIXTURE(lease) {
	struct p9 p;
	int fd;
};

FIXTURE_SETUP(lease)
{
	signal(SIGIO, SIG_IGN);
	EXPORT_SERVE(&self->p, "tmpfs", FERRY_9P_MODEL_PASSTHROUGH);
	export_write(export_path("export/f"), "text");
	self->fd = open(export_path("export/f"), O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, fcntl(self->fd, F_SETLEASE, F_RDLCK));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
}

FIXTURE_TEARDOWN(lease)
{
	if (self->fd >= 0)
		close(self->fd);
	export_unserve(&self->p);
}

/* Others are served; then the lease is given up, and the request in slot 0 answered. */
static void others_are_served(struct __test_metadata *_metadata, struct p9 *p, int *fd)
{
	while (fcntl(*fd, F_GETLEASE) != F_UNLCK)
		sched_yield();
	p->tag = 101;
	p9_send(p, 1, FERRY_P9_TGETATTR, "48", P9_U64(0), P9_U64(0x7ff));
	ASSERT_EQ(1, p9_recv(p, DEV_PATIENCE_MS));
	EXPECT_EQ(0, p9_result(p, FERRY_P9_TGETATTR));
	close(*fd);
	*fd = -1;
	ASSERT_EQ(0, p9_recv(p, DEV_PATIENCE_MS));
}

TEST_F(lease, is_waited_for_by_who_cuts_the_file)
{
	self->p.tag = 100;
	p9_send(&self->p, 0, FERRY_P9_TSETATTR, "4444488888", P9_U64(1),
		P9_U64(FERRY_P9_SET_SIZE), P9_U64(0), P9_U64(0), P9_U64(0), P9_U64(2), P9_U64(0),
		P9_U64(0), P9_U64(0), P9_U64(0));
	others_are_served(_metadata, &self->p, &self->fd);
	EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TSETATTR));
	EXPECT_TRUE(export_holds(export_path("export/f"), "te"));
}

TEST_F(lease, is_waited_for_by_who_opens_the_file)
{
	self->p.tag = 100;
	p9_send(&self->p, 0, FERRY_P9_TLOPEN, "44", P9_U64(1), P9_U64(FERRY_P9_O_RDWR));
	others_are_served(_metadata, &self->p, &self->fd);
	ASSERT_EQ(0, p9_result(&self->p, FERRY_P9_TLOPEN));
	EXPECT_EQ(4, p9_write(&self->p, 1, 0, "TEXT", 4));
	EXPECT_TRUE(export_holds(export_path("export/f"), "TEXT"));
}

TEST_F(lease, is_waited_for_by_who_would_have_made_the_file)
{
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, NULL));
	self->p.tag = 100;
	p9_send(&self->p, 0, FERRY_P9_TLCREATE, "4s444", P9_U64(2), "f",
		P9_U64(FERRY_P9_O_RDWR | FERRY_P9_O_TRUNC), P9_U64(0644), P9_U64(0));
	others_are_served(_metadata, &self->p, &self->fd);
	ASSERT_EQ(0, p9_result(&self->p, FERRY_P9_TLCREATE));
	EXPECT_EQ(3, p9_write(&self->p, 2, 0, "new", 3));
	EXPECT_TRUE(export_holds(export_path("export/f"), "new"));
}

/* One who only reads does not mind it. */
TEST_F(lease, is_none_of_a_readers_business)
{
	char buf[8];

	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	EXPECT_EQ(4, p9_read(&self->p, 1, 0, buf, sizeof(buf)));
	EXPECT_EQ(F_RDLCK, fcntl(self->fd, F_GETLEASE));
}

TEST_HARNESS_MAIN
