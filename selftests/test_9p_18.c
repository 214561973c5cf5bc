// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: a file system that a process serves and that sees to locks itself. It is this
 * program, on /dev/fuse: it has one file, says what was locked and how, and may fall silent.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define FUSE_PLACE	"/tmp/ferry-9p-fuse"
#define FUSE_FILE	2	/* the node of "f" */
#define FUSE_LOCKS	16
#define WHOLE_END	0x7fffffffffffffffULL

#define RDLCK		FERRY_P9_LOCK_RDLCK
#define WRLCK		FERRY_P9_LOCK_WRLCK
#define UNLCK		FERRY_P9_LOCK_UNLCK

struct fuse_fs {
	int fd;
	int go_on;			/* eventfd */
	pthread_t thread;
	struct fuse_lk_in lk[FUSE_LOCKS];
	unsigned int locks;		/* atomic */
	bool rest;			/* after a lock read nothing until go_on; atomic */
};

/* A request and its answer. */
struct fuse_msg {
	struct fuse_in_header in;
	char body[128 << 10];
};

struct fuse_answer {
	struct fuse_out_header out;
	union {
		struct fuse_init_out init;
		struct fuse_entry_out entry;
		struct fuse_attr_out attr;
		struct fuse_open_out open;
		struct fuse_lk_out lk;
	} u;
};

static struct fuse_attr fuse_attr_of(uint64_t node)
{
	return (struct fuse_attr){ .ino = node, .nlink = 1, .blksize = 4096,
				   .mode = node == FUSE_FILE ? S_IFREG | 0666 : S_IFDIR | 0777 };
}

/* Bytes of the answer or -errno. */
static int fuse_serve(struct fuse_fs *fs, const struct fuse_msg *m, struct fuse_answer *a)
{
	switch (m->in.opcode) {
	case FUSE_INIT:
		a->u.init = (struct fuse_init_out){ .major = 7, .minor = 31, .max_write = 4096,
						    .flags = FUSE_POSIX_LOCKS };
		return sizeof(a->u.init);
	case FUSE_LOOKUP:
		if (strcmp(m->body, "f"))
			return -ENOENT;
		a->u.entry = (struct fuse_entry_out){ .nodeid = FUSE_FILE, .entry_valid = 3600,
						      .attr_valid = 3600,
						      .attr = fuse_attr_of(FUSE_FILE) };
		return sizeof(a->u.entry);
	case FUSE_GETATTR:
		a->u.attr = (struct fuse_attr_out){ .attr_valid = 3600,
						    .attr = fuse_attr_of(m->in.nodeid) };
		return sizeof(a->u.attr);
	case FUSE_OPEN:
		return sizeof(a->u.open);
	case FUSE_RELEASE:
		return 0;
	case FUSE_GETLK:
		a->u.lk.lk = (struct fuse_file_lock){ .end = WHOLE_END, .type = F_WRLCK };
		return sizeof(a->u.lk);
	case FUSE_SETLK:
		check(fs->locks < FUSE_LOCKS, "more locks than are expected");
		memcpy(&fs->lk[fs->locks], m->body, sizeof(fs->lk[0]));
		__atomic_add_fetch(&fs->locks, 1, __ATOMIC_RELEASE);
		return 0;
	default:
		return -ENOSYS;
	}
}

static void *fuse_main(void *arg)
{
	static struct fuse_msg m;
	struct fuse_fs *fs = arg;
	eventfd_t n;

	while (read(fs->fd, &m, sizeof(m)) > 0) {
		struct fuse_answer a = { .out.unique = m.in.unique };
		int len;

		if (m.in.opcode == FUSE_FORGET || m.in.opcode == FUSE_BATCH_FORGET ||
		    m.in.opcode == FUSE_INTERRUPT)
			continue;
		len = fuse_serve(fs, &m, &a);
		a.out.error = len < 0 ? len : 0;
		a.out.len = sizeof(a.out) + (len < 0 ? 0 : len);
		/* Who asked may have given up. */
		check(write(fs->fd, &a, a.out.len) == (ssize_t)a.out.len || errno == ENOENT,
		      "answer %u: %s", m.in.opcode, strerror(errno));
		if (m.in.opcode == FUSE_SETLK && __atomic_load_n(&fs->rest, __ATOMIC_ACQUIRE))
			eventfd_read(fs->go_on, &n);
	}
	return NULL;
}

FIXTURE(fuse) {
	struct fuse_fs fs;
	struct p9 p;
};

FIXTURE_SETUP(fuse)
{
	char options[80];

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	TEST_REQUIRE(!system("PATH=$PATH:/sbin:/usr/sbin; modprobe -q fuse || true"), "no shell");
	self->fs.fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	TEST_REQUIRE(self->fs.fd >= 0, "no /dev/fuse: %s", strerror(errno));
	mkdir(FUSE_PLACE, 0755);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0",
		 self->fs.fd);
	ASSERT_EQ(0, mount("ferry", FUSE_PLACE, "fuse", 0, options));
	self->fs.go_on = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, pthread_create(&self->fs.thread, NULL, fuse_main, &self->fs));
	p9_open(&self->p, FUSE_PLACE, FERRY_9P_MODEL_PASSTHROUGH, 0);
}

FIXTURE_TEARDOWN(fuse)
{
	eventfd_write(self->fs.go_on, 1);
	p9_close(&self->p);
	EXPECT_EQ(0, umount(FUSE_PLACE));
	pthread_join(self->fs.thread, NULL);
	close(self->fs.go_on);
	close(self->fs.fd);
}

static int have(struct p9 *p, uint32_t fid)
{
	int err = p9_walk(p, 0, fid, "f");

	return err ? err : p9_lopen(p, fid, FERRY_P9_O_RDWR);
}

static int lock(struct p9 *p, uint32_t fid, uint8_t type, uint64_t start, uint64_t length,
		uint32_t proc)
{
	int err = p9_call(p, FERRY_P9_TLOCK, "414884s", P9_U64(fid), P9_U64(type), P9_U64(0),
			  P9_U64(start), P9_U64(length), P9_U64(proc), "guest");

	return err ? err : (int)p9_get(p, 1);
}

/* What the file system was told last. */
static const struct fuse_lk_in *told(const struct fuse_fs *fs)
{
	return &fs->lk[__atomic_load_n(&fs->locks, __ATOMIC_ACQUIRE) - 1];
}

TEST_F(fuse, an_owner_stays_the_same_while_it_may_hold_a_lock)
{
	uint64_t owner;

	ASSERT_EQ(0, have(&self->p, 1));
	ASSERT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, WRLCK, 0, 100, 7));
	owner = told(&self->fs)->owner;
	ASSERT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, RDLCK, 200, 100, 8));
	EXPECT_NE(owner, told(&self->fs)->owner);
	ASSERT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, UNLCK, 0, 50, 7));
	EXPECT_EQ(owner, told(&self->fs)->owner);
	ASSERT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, UNLCK, 0, 0, 7));
	EXPECT_EQ(owner, told(&self->fs)->owner);
	EXPECT_EQ((uint32_t)F_UNLCK, told(&self->fs)->lk.type);
}

TEST_F(fuse, locks_go_with_their_fid)
{
	unsigned int before;
	uint64_t owner;

	ASSERT_EQ(0, have(&self->p, 1));
	ASSERT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, WRLCK, 0, 100, 7));
	owner = told(&self->fs)->owner;
	before = self->fs.locks;
	ASSERT_EQ(0, p9_clunk(&self->p, 1));
	ASSERT_EQ(before + 1, self->fs.locks);
	EXPECT_EQ(owner, told(&self->fs)->owner);
	EXPECT_EQ((uint32_t)F_UNLCK, told(&self->fs)->lk.type);
	EXPECT_EQ(0U, told(&self->fs)->lk.start);
	EXPECT_EQ(WHOLE_END, told(&self->fs)->lk.end);
	/* Who has taken back what it locked has nothing left to go. */
	ASSERT_EQ(0, have(&self->p, 1));
	ASSERT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, WRLCK, 10, 10, 7));
	ASSERT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, UNLCK, 10, 10, 7));
	before = self->fs.locks;
	ASSERT_EQ(0, p9_clunk(&self->p, 1));
	EXPECT_EQ(before, self->fs.locks);
}

/* Nobody is told that the lock which is in his way is his own. */
TEST_F(fuse, a_lock_of_nobody_known_has_no_process)
{
	ASSERT_EQ(0, have(&self->p, 1));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TGETLOCK, "41884s", P9_U64(1), P9_U64(WRLCK),
			     P9_U64(0), P9_U64(0), P9_U64(7), "guest"));
	EXPECT_EQ((uint64_t)WRLCK, p9_get(&self->p, 1));
	p9_get(&self->p, 8);
	p9_get(&self->p, 8);
	EXPECT_EQ(0U, p9_get(&self->p, 4));
}

/* What a file system is asked when a file is closed may be given up like all else. */
TEST_F(fuse, a_close_that_is_not_answered_is_flushed)
{
	struct pollfd asked = { .fd = self->fs.fd, .events = POLLIN };

	/* Flushing is what it cannot do, and is not asked for a second time. */
	ASSERT_EQ(0, have(&self->p, 1));
	ASSERT_EQ(0, p9_clunk(&self->p, 1));
	ASSERT_EQ(0, have(&self->p, 2));
	__atomic_store_n(&self->fs.rest, true, __ATOMIC_RELEASE);
	ASSERT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 2, WRLCK, 0, 100, 7));
	self->p.tag = 10;
	p9_send(&self->p, 0, FERRY_P9_TCLUNK, "4", P9_U64(2));
	ASSERT_EQ(1, poll(&asked, 1, DEV_PATIENCE_MS));
	self->p.tag = 11;
	p9_send(&self->p, 1, FERRY_P9_TFLUSH, "2", P9_U64(10));
	EXPECT_EQ(0, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(1, p9_recv(&self->p, DEV_PATIENCE_MS));
}

TEST_HARNESS_MAIN
