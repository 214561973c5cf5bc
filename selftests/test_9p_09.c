// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: requests that can be carried out by half. A request that fails has changed
 * nothing, one that changed something says so, and a file gets neither bytes nor another
 * owner while it keeps rights that it is to lose.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <endian.h>
#include <grp.h>
#include <poll.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define CGROUPS		"/tmp/ferry-9p-cgroup"

FIXTURE(whole) {
	struct p9 p;
};

FIXTURE_VARIANT(whole) {
	unsigned int model;
};

FIXTURE_VARIANT_ADD(whole, passthrough) { FERRY_9P_MODEL_PASSTHROUGH };
FIXTURE_VARIANT_ADD(whole, mapped) { FERRY_9P_MODEL_MAPPED };
FIXTURE_VARIANT_ADD(whole, none) { FERRY_9P_MODEL_NONE };

FIXTURE_SETUP(whole)
{
	EXPORT_SERVE(&self->p, "xattrs", variant->model);
}

FIXTURE_TEARDOWN(whole)
{
	export_unserve(&self->p);
}

/* What only one model has. */
FIXTURE(mapped) {
	struct p9 p;
};

FIXTURE_SETUP(mapped)
{
	EXPORT_SERVE(&self->p, "xattrs", FERRY_9P_MODEL_MAPPED);
}

FIXTURE_TEARDOWN(mapped)
{
	export_unserve(&self->p);
}

FIXTURE(passthrough) {
	struct p9 p;
};

FIXTURE_SETUP(passthrough)
{
	EXPORT_SERVE(&self->p, "tmpfs", FERRY_9P_MODEL_PASSTHROUGH);
}

FIXTURE_TEARDOWN(passthrough)
{
	export_unserve(&self->p);
}

/* Serve the same directory once more, otherwise. */
static void serve(struct p9 *p, const struct ferry_9p_backend *how)
{
	struct ferry_9p_backend b = *how;

	p9_close(p);
	memset(p, 0, sizeof(*p));
	b.fd = open(export_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check_ok(__p9_open(p, &b), "serve");
	close(b.fd);
	check_ok(p9_version(p, "9P2000.L", P9_MSIZE), "Tversion");
	check_ok(p9_attach(p, 0, 0), "Tattach");
}

static int mode_of(struct p9 *p, uint32_t fid)
{
	struct p9_stat st;

	return p9_getattr(p, fid, &st) ? -1 : (int)(st.mode & 07777);
}

TEST_F(mapped, a_write_that_keeps_set_id_bits_writes_nothing)
{
	struct ferry_9p_backend b = { .model = FERRY_9P_MODEL_MAPPED, .uid = 1000, .gid = 1000 };
	uint32_t mode = htole32(S_IFREG | 04755);
	const char *f = export_path("export/f");

	ASSERT_EQ(0, chown(export_dir(), 1000, 1000));
	serve(&self->p, &b);
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR, 0755, 0));
	ASSERT_EQ(3, p9_write(&self->p, 1, 0, "old", 3));
	ASSERT_EQ(0, setxattr(f, "user.virtfs.mode", &mode, 4, 0));
	/* The file stays open, but its attributes cannot be changed any more. */
	ASSERT_EQ(0, chmod(f, 0400));
	EXPECT_EQ(-EACCES, p9_write(&self->p, 1, 0, "new", 3));
	EXPECT_EQ(-EACCES, p9_setattr(&self->p, 1, FERRY_P9_SET_SIZE, 0, 0, 0, 0));
	EXPECT_TRUE(export_holds(f, "old"));
	ASSERT_EQ(0, chmod(f, 0600));
	EXPECT_EQ(3, p9_write(&self->p, 1, 0, "new", 3));
	EXPECT_TRUE(export_holds(f, "new"));
	EXPECT_EQ(0755, mode_of(&self->p, 1));
}

/* Who may write to a file may cut it, also if that takes set-id bits off it. */
TEST_F(passthrough, a_set_id_file_is_cut_by_who_may_write_to_it)
{
	export_write(export_path("export/f"), "data");
	ASSERT_EQ(0, chmod(export_path("export/f"), 06777));
	ASSERT_EQ(0, p9_attach(&self->p, 1, 1000));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 2, "f"));
	ASSERT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDWR));
	EXPECT_EQ(-EPERM, p9_setattr(&self->p, 2, FERRY_P9_SET_MODE, 0777, 0, 0, 0));
	EXPECT_EQ(0, p9_setattr(&self->p, 2, FERRY_P9_SET_SIZE, 0, 0, 0, 2));
	EXPECT_TRUE(export_holds(export_path("export/f"), "da"));
	EXPECT_EQ(0777, mode_of(&self->p, 2));
}

TEST_F(whole, mode_and_owner_in_one)
{
	/* CAP_NET_RAW, permitted. */
	static const uint32_t caps[5] = { 0x02000001, 1U << 13 };
	const char *f = export_path("export/f");

	export_write(f, "");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, setxattr(f, "security.capability", caps, sizeof(caps), 0));
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_MODE | FERRY_P9_SET_UID, 06755, 1000, 0,
				0));
	EXPECT_EQ(0755, mode_of(&self->p, 1));
	/* In mapped the owner of the host's file stays the same. */
	if (variant->model != FERRY_9P_MODEL_MAPPED)
		EXPECT_EQ(-1, getxattr(f, "security.capability", NULL, 0));
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_MODE, 06755, 0, 0, 0));
	EXPECT_EQ(06755, mode_of(&self->p, 1));
}

TEST_F(whole, only_files_have_a_size_to_set)
{
	struct p9_stat st;

	ASSERT_EQ(0, p9_symlink(&self->p, 0, "s", "target", 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "s"));
	EXPECT_EQ(-EINVAL, p9_setattr(&self->p, 1, FERRY_P9_SET_SIZE, 0, 0, 0, 2));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TREADLINK, "4", P9_U64(1)));
	EXPECT_EQ(6, (int)p9_get(&self->p, 2));
	ASSERT_EQ(0, p9_mknod(&self->p, 0, "fifo", S_IFIFO | 0666, 0, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "fifo"));
	EXPECT_EQ(-EINVAL, p9_setattr(&self->p, 2, FERRY_P9_SET_SIZE, 0, 0, 0, 100));
	ASSERT_EQ(0, p9_getattr(&self->p, 2, &st));
	EXPECT_EQ(0U, st.size);
	EXPECT_EQ(-EISDIR, p9_setattr(&self->p, 0, FERRY_P9_SET_SIZE, 0, 0, 0, 0));
}

TEST_F(whole, a_create_that_fails_leaves_no_file)
{
	struct ferry_9p_backend b = { .model = variant->model, .uid = FERRY_9P_SELF,
				      .gid = FERRY_9P_SELF, .fids = 2 };

	serve(&self->p, &b);
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	/* The fid that takes the place of the other is one too many. */
	EXPECT_EQ(-EMFILE, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR, 0644, 0));
	EXPECT_NE(0, access(export_path("export/f"), F_OK));
	export_write(export_path("export/g"), "mine");
	EXPECT_EQ(-EMFILE, p9_lcreate(&self->p, 1, "g", FERRY_P9_O_RDWR, 0644, 0));
	EXPECT_TRUE(export_holds(export_path("export/g"), "mine"));
}

/* Whoever asks to open a file of the directory is refused, but it was written to before. */
static void *write_and_deny(void *arg)
{
	struct pollfd *fan = arg, *stop = fan + 1;
	struct fanotify_event_metadata e;

	while (poll(fan, 2, -1) > 0 && !stop->revents) {
		struct fanotify_response r = { .response = FAN_DENY };

		check(read(fan->fd, &e, sizeof(e)) == sizeof(e), "who asks");
		r.fd = e.fd;
		check(write(e.fd, "theirs", 6) == 6, "write to the new file");
		check(write(fan->fd, &r, sizeof(r)) == sizeof(r), "refuse");
		close(e.fd);
	}
	return NULL;
}

/* A file that was made and could not be opened is there: others may use it by then. */
TEST_F(passthrough, a_file_that_others_use_is_not_taken_away)
{
	struct pollfd fds[2] = {
		{ .fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDWR), .events = POLLIN },
		{ .fd = eventfd(0, EFD_CLOEXEC), .events = POLLIN },
	};
	const uint64_t mask = FAN_OPEN_PERM | FAN_EVENT_ON_CHILD;
	int fan = fds[0].fd;
	pthread_t thread;

	TEST_REQUIRE(fan >= 0 && !fanotify_mark(fan, FAN_MARK_ADD, mask, AT_FDCWD, export_dir()),
		     "nobody is asked here: %s", strerror(errno));
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_and_deny, fds));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	EXPECT_EQ(-EPERM, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR, 0644, 0));
	ASSERT_EQ(0, fanotify_mark(fan, FAN_MARK_REMOVE, mask, AT_FDCWD, export_dir()));
	ASSERT_EQ(0, eventfd_write(fds[1].fd, 1));
	pthread_join(thread, NULL);
	EXPECT_TRUE(export_holds(export_path("export/f"), "theirs"));
	close(fds[1].fd);
	close(fan);
}

/* Some file systems make a directory without an inode behind its dentry. */
TEST_F(passthrough, a_directory_without_an_inode_is_looked_up)
{
	struct p9_stat st;
	int err;

	mkdir(CGROUPS, 0755);
	TEST_REQUIRE(!mount("cgroup2", CGROUPS, "cgroup2", 0, NULL), "no cgroup2: %s",
		     strerror(errno));
	p9_close(&self->p);
	p9_open(&self->p, CGROUPS, FERRY_9P_MODEL_PASSTHROUGH, 0);
	err = p9_mkdir(&self->p, 0, "ferry-9p-test", 0755, 0);
	EXPECT_EQ(0, err);
	if (!err) {
		EXPECT_EQ(0, p9_walk(&self->p, 0, 1, "ferry-9p-test"));
		EXPECT_EQ(0, p9_getattr(&self->p, 1, &st));
		EXPECT_TRUE(S_ISDIR(st.mode));
		EXPECT_EQ(0, p9_unlinkat(&self->p, 0, "ferry-9p-test", FERRY_P9_UNLINK_DIR));
	}
	p9_close(&self->p);
	EXPECT_EQ(0, umount(CGROUPS));
	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, 0);
}

TEST_F(whole, an_access_list_is_taken_off)
{
	static const uint8_t acl[] = {
		2, 0, 0, 0,
		1, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, 2, 0, 7, 0, 5, 0, 0, 0,
		4, 0, 5, 0, 0xff, 0xff, 0xff, 0xff, 16, 0, 7, 0, 0xff, 0xff, 0xff, 0xff,
		32, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,
	};
	char buf[256];

	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "d", 0755, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "d"));
	if (variant->model == FERRY_9P_MODEL_NONE) {
		EXPECT_EQ(-EOPNOTSUPP, p9_setxattr(&self->p, 1, 7, "system.posix_acl_access", acl,
						   sizeof(acl), 0));
		return;
	}
	ASSERT_EQ(0, p9_setxattr(&self->p, 1, 7, "system.posix_acl_access", acl, sizeof(acl), 0));
	ASSERT_EQ((ssize_t)sizeof(acl),
		  p9_getxattr(&self->p, 1, 7, "system.posix_acl_access", buf, sizeof(buf)));
	ASSERT_EQ(0, p9_setxattr(&self->p, 1, 7, "system.posix_acl_access", NULL, 0, 0));
	EXPECT_EQ(-ENODATA, p9_getxattr(&self->p, 1, 7, "system.posix_acl_access", buf,
					sizeof(buf)));
	EXPECT_EQ(-1, getxattr(export_path("export/d"), "user.virtfs.system.posix_acl_access", buf,
			       sizeof(buf)));
	EXPECT_EQ(0, p9_setxattr(&self->p, 1, 7, "system.posix_acl_access", NULL, 0, 0));
}

TEST_F(whole, an_attribute_of_what_was_moved_out_is_not_set)
{
	export_write(export_path("export/f"), "");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TXATTRCREATE, "4s84", P9_U64(1), "user.a",
			     P9_U64(1), P9_U64(0)));
	ASSERT_EQ(1, p9_write(&self->p, 1, 0, "x", 1));
	ASSERT_EQ(0, rename(export_path("export/f"), export_path("outside/f")));
	EXPECT_EQ(-ESTALE, p9_clunk(&self->p, 1));
	EXPECT_EQ(-1, getxattr(export_path("outside/f"), "user.a", NULL, 0));
}

TEST_F(mapped, another_user_is_not_in_the_owners_groups)
{
	struct ferry_9p_backend b = { .model = FERRY_9P_MODEL_MAPPED, .uid = 1000, .gid = 1000 };
	const gid_t group = 4242;

	ASSERT_EQ(0, setgroups(1, &group));
	serve(&self->p, &b);
	export_write(export_path("export/f"), "theirs");
	ASSERT_EQ(0, chown(export_path("export/f"), 0, group));
	ASSERT_EQ(0, chmod(export_path("export/f"), 0640));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	EXPECT_EQ(-EACCES, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
}

/* On tmpfs, which takes a target of any length. */
TEST_F(passthrough, an_answer_is_no_longer_than_msize)
{
	static char target[4096];

	memset(target, 'x', 4095);
	ASSERT_EQ(0, p9_symlink(&self->p, 0, "s", target, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "s"));
	ASSERT_EQ(0, p9_call(&self->p, FERRY_P9_TREADLINK, "4", P9_U64(1)));
	EXPECT_EQ(4095, (int)p9_get(&self->p, 2));
	ASSERT_EQ(0, p9_version(&self->p, "9P2000.L", 4096));
	ASSERT_EQ(0, p9_attach(&self->p, 0, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "s"));
	EXPECT_EQ(-EMSGSIZE, p9_call(&self->p, FERRY_P9_TREADLINK, "4", P9_U64(1)));
}

static int lock(struct p9 *p, uint32_t fid, uint8_t type, uint32_t proc)
{
	int err = p9_call(p, FERRY_P9_TLOCK, "414884s", P9_U64(fid), P9_U64(type), P9_U64(0),
			  P9_U64(0), P9_U64(10), P9_U64(proc), "guest");

	return err ? err : (int)p9_get(p, 1);
}

/* Type and process of the lock that is in @proc's way. */
static int holder(struct p9 *p, uint32_t fid, uint32_t proc, uint32_t *who)
{
	int err = p9_call(p, FERRY_P9_TGETLOCK, "41884s", P9_U64(fid), P9_U64(1), P9_U64(0),
			  P9_U64(0), P9_U64(proc), "guest");
	int type;

	if (err)
		return err;
	type = p9_get(p, 1);
	p9_get(p, 8);
	p9_get(p, 8);
	*who = p9_get(p, 4);
	return type;
}

TEST_F(whole, locks_of_processes_that_come_and_go)
{
	struct flock fl = { .l_type = F_WRLCK };
	uint32_t who = 0;
	int fd;

	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR, 0644, 0));
	/* Far more than may hold one at a time; half of them do not get theirs. */
	for (uint32_t proc = 1; proc < 3000; proc++) {
		ASSERT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, 1, proc));
		ASSERT_EQ(FERRY_P9_LOCK_BLOCKED, lock(&self->p, 1, 1, proc + 10000));
		ASSERT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, 2, proc));
	}
	ASSERT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, 1, 100));
	EXPECT_EQ(FERRY_P9_LOCK_WRLCK, holder(&self->p, 1, 200, &who));
	EXPECT_EQ(100U, who);
	EXPECT_EQ(FERRY_P9_LOCK_UNLCK, holder(&self->p, 1, 100, &who));
	EXPECT_EQ(FERRY_P9_LOCK_SUCCESS, lock(&self->p, 1, 2, 100));
	/* The host's processes are none of the guest's. */
	fd = open(export_path("export/f"), O_RDWR | O_CLOEXEC);
	ASSERT_EQ(0, fcntl(fd, F_SETLK, &fl));
	EXPECT_EQ(FERRY_P9_LOCK_WRLCK, holder(&self->p, 1, 200, &who));
	EXPECT_EQ(0U, who);
	close(fd);
}

TEST_HARNESS_MAIN
