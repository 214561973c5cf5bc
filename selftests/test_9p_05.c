// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: security models. Passthrough gives each guest user its own rights; mapped
 * keeps what the guest sees in QEMU's extended attributes, which the guest never sees.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <endian.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

FIXTURE(model) {
	struct p9 p;
};

FIXTURE_SETUP(model)
{
	int err;

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	err = __export_mount_xattrs();
	TEST_REQUIRE(!err, "no file system with attributes here: %s", strerror(-err));
}

FIXTURE_TEARDOWN(model)
{
	p9_close(&self->p);
	export_unmount();
}

static uint32_t virt(const char *path, const char *what)
{
	char name[64];
	uint32_t v = 0;

	snprintf(name, sizeof(name), "user.virtfs.%s", what);
	return lgetxattr(path, name, &v, sizeof(v)) == 4 ? le32toh(v) : ~0U;
}

TEST_F(model, mapped_writes_qemus_format)
{
	const char *f = export_path("export/f");
	struct p9_stat st;
	struct stat host;
	uint64_t rdev = 0;

	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_MAPPED, 0);
	ASSERT_EQ(0, p9_attach(&self->p, 1, 1234));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR, 04640, 567));
	EXPECT_EQ(1234U, virt(f, "uid"));
	EXPECT_EQ(567U, virt(f, "gid"));
	EXPECT_EQ(S_IFREG | 04640U, virt(f, "mode"));
	ASSERT_EQ(0, stat(f, &host));
	EXPECT_EQ(S_IFREG | 0600, (int)host.st_mode);
	EXPECT_EQ(0U, host.st_uid);
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_UID, 0, 42, 0, 0));
	EXPECT_EQ(42U, virt(f, "uid"));
	EXPECT_EQ(S_IFREG | 0640U, virt(f, "mode"));
	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "d", 01777, 9));
	ASSERT_EQ(0, stat(export_path("export/d"), &host));
	EXPECT_EQ(S_IFDIR | 0700, (int)host.st_mode);
	EXPECT_EQ(S_IFDIR | 01777U, virt(export_path("export/d"), "mode"));

	ASSERT_EQ(0, p9_mknod(&self->p, 0, "dev", S_IFBLK | 0660, 8, 300));
	ASSERT_EQ(0, stat(export_path("export/dev"), &host));
	EXPECT_TRUE(S_ISREG(host.st_mode));
	EXPECT_EQ(8, lgetxattr(export_path("export/dev"), "user.virtfs.rdev", &rdev, 8));
	EXPECT_EQ(makedev(8, 300), le64toh(rdev));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "dev"));
	ASSERT_EQ(0, p9_getattr(&self->p, 2, &st));
	EXPECT_EQ(S_IFBLK | 0660, (int)st.mode);
	EXPECT_EQ(makedev(8, 300), st.rdev);
	EXPECT_EQ(-ENXIO, p9_lopen(&self->p, 2, FERRY_P9_O_RDONLY));

	ASSERT_EQ(0, p9_symlink(&self->p, 0, "s", "../target", 0));
	EXPECT_TRUE(export_holds(export_path("export/s"), "../target"));
	EXPECT_EQ(S_IFLNK | 0777U, virt(export_path("export/s"), "mode"));
}

TEST_F(model, mapped_reads_qemus_format)
{
	uint32_t uid = htole32(77), gid = htole32(88), mode = htole32(S_IFSOCK | 0751);
	struct p9_stat st;
	const char *f;

	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_MAPPED, 0);
	export_write(export_path("export/plain"), "p");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "plain"));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(S_IFREG | 0644, (int)st.mode);
	f = export_path("export/qemu");
	export_write(f, "");
	ASSERT_EQ(0, setxattr(f, "user.virtfs.uid", &uid, 4, 0));
	ASSERT_EQ(0, setxattr(f, "user.virtfs.gid", &gid, 4, 0));
	ASSERT_EQ(0, setxattr(f, "user.virtfs.mode", &mode, 4, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "qemu"));
	ASSERT_EQ(0, p9_getattr(&self->p, 2, &st));
	EXPECT_EQ(77U, st.uid);
	EXPECT_EQ(88U, st.gid);
	EXPECT_EQ(S_IFSOCK | 0751, (int)st.mode);
}

TEST_F(model, mapped_hides_its_attributes)
{
	static const uint8_t acl[] = { 2, 0, 0, 0, 1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff };
	char buf[256];
	ssize_t n;

	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_MAPPED, 0);
	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "d", 0755, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "d"));
	EXPECT_EQ(0, p9_getxattr(&self->p, 1, 7, "", buf, sizeof(buf)));
	EXPECT_EQ(-EOPNOTSUPP, p9_getxattr(&self->p, 1, 7, "user.virtfs.uid", buf, sizeof(buf)));
	EXPECT_EQ(-EOPNOTSUPP, p9_setxattr(&self->p, 1, 7, "user.virtfs.uid", "0000", 4, 0));
	EXPECT_EQ(-EOPNOTSUPP, p9_setxattr(&self->p, 1, 7, "user.virtfs.mode", NULL, 0, 2));
	EXPECT_EQ(-EOPNOTSUPP, p9_setxattr(&self->p, 1, 7, "security.x", "0", 1, 0));
	/* An access control list is kept beside them, as QEMU does. */
	ASSERT_EQ(0, p9_setxattr(&self->p, 1, 7, "system.posix_acl_access", acl, sizeof(acl), 0));
	n = p9_getxattr(&self->p, 1, 7, "system.posix_acl_access", buf, sizeof(buf));
	EXPECT_EQ((ssize_t)sizeof(acl), n);
	EXPECT_EQ(0, memcmp(buf, acl, sizeof(acl)));
	n = getxattr(export_path("export/d"), "user.virtfs.system.posix_acl_access", buf,
		     sizeof(buf));
	EXPECT_EQ((ssize_t)sizeof(acl), n);
	n = p9_getxattr(&self->p, 1, 7, "", buf, sizeof(buf));
	EXPECT_EQ(24, n);
	EXPECT_STREQ("system.posix_acl_access", buf);
}

TEST_F(model, passthrough_gives_users_their_own_rights)
{
	struct stat host;

	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, 0);
	export_write(export_path("export/root"), "r");
	ASSERT_EQ(0, chmod(export_path("export/root"), 0600));
	ASSERT_EQ(0, mkdir(export_path("export/open"), 0777));
	ASSERT_EQ(0, p9_attach(&self->p, 1, 1000));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 2, "root"));
	EXPECT_EQ(-EACCES, p9_lopen(&self->p, 2, FERRY_P9_O_RDONLY));
	/* Who may not even read does not hear what only the owner may. */
	EXPECT_EQ(-EACCES, p9_lopen(&self->p, 2, FERRY_P9_O_RDONLY | FERRY_P9_O_NOATIME));
	EXPECT_EQ(-EPERM, p9_setattr(&self->p, 2, FERRY_P9_SET_MODE, 0666, 0, 0, 0));
	EXPECT_EQ(-EPERM, p9_setattr(&self->p, 2, FERRY_P9_SET_UID, 0, 1000, 0, 0));
	EXPECT_EQ(-EACCES, p9_setattr(&self->p, 2, FERRY_P9_SET_SIZE, 0, 0, 0, 0));
	EXPECT_EQ(-EACCES, p9_mkdir(&self->p, 1, "no", 0777, 1000));
	EXPECT_EQ(-EACCES, p9_unlinkat(&self->p, 1, "root", 0));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 3, "open"));
	EXPECT_EQ(-EPERM, p9_mknod(&self->p, 3, "dev", S_IFCHR | 0666, 1, 3));
	ASSERT_EQ(0, p9_lcreate(&self->p, 3, "mine", FERRY_P9_O_RDWR, 0644, 1001));
	ASSERT_EQ(0, stat(export_path("export/open/mine"), &host));
	EXPECT_EQ(1000U, host.st_uid);
	EXPECT_EQ(1001U, host.st_gid);
	EXPECT_EQ(-EPERM, p9_setattr(&self->p, 3, FERRY_P9_SET_UID, 0, 0, 0, 0));
	EXPECT_EQ(0, p9_setattr(&self->p, 3, FERRY_P9_SET_MODE, 0600, 0, 0, 0));
}

/* The group that a message names is that of the file it makes. */
TEST_F(model, a_named_group_opens_nothing)
{
	struct stat host;
	char byte;

	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, 0);
	export_write(export_path("export/group"), "g");
	ASSERT_EQ(0, chown(export_path("export/group"), 0, 777));
	ASSERT_EQ(0, chmod(export_path("export/group"), 0660));
	export_write(export_path("export/all"), "a");
	ASSERT_EQ(0, chmod(export_path("export"), 0777));
	ASSERT_EQ(0, p9_attach(&self->p, 1, 1000));
	EXPECT_EQ(-EACCES, p9_lcreate(&self->p, 1, "group", FERRY_P9_O_RDONLY, 0, 777));
	EXPECT_EQ(-EACCES, p9_lcreate(&self->p, 1, "group", FERRY_P9_O_RDWR, 0, 777));
	EXPECT_EQ(-EACCES, p9_lcreate(&self->p, 1, "group", FERRY_P9_O_WRONLY | FERRY_P9_O_TRUNC,
				      0, 777));
	EXPECT_TRUE(export_holds(export_path("export/group"), "g"));
	/* Nor does it lead through a directory. */
	ASSERT_EQ(0, mkdir(export_path("export/d"), 0755));
	export_write(export_path("export/d/f"), "f");
	ASSERT_EQ(0, chmod(export_path("export/d/f"), 0666));
	ASSERT_EQ(0, chown(export_path("export/d"), 0, 777));
	ASSERT_EQ(0, chmod(export_path("export/d"), 0710));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 3, "d"));
	EXPECT_EQ(-EACCES, p9_walk(&self->p, 3, 4, "f"));
	EXPECT_EQ(-EACCES, p9_lcreate(&self->p, 3, "f", FERRY_P9_O_RDWR, 0, 777));
	/* What is there for all is opened, and what is not there is made so. */
	ASSERT_EQ(0, p9_walk(&self->p, 1, 2, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 2, "all", FERRY_P9_O_RDONLY, 0, 777));
	EXPECT_EQ(1, p9_read(&self->p, 2, 0, &byte, 1));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "new", FERRY_P9_O_RDWR, 0600, 777));
	ASSERT_EQ(0, stat(export_path("export/new"), &host));
	EXPECT_EQ(777U, host.st_gid);
}

/* The guest knows his groups; on the host he is in none. */
TEST_F(model, an_owner_sets_the_group_id_bit)
{
	struct stat host;

	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, 0);
	export_write(export_path("export/f"), "f");
	ASSERT_EQ(0, chown(export_path("export/f"), 1000, 4242));
	ASSERT_EQ(0, p9_attach(&self->p, 1, 1000));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 2, "f"));
	ASSERT_EQ(0, p9_setattr(&self->p, 2, FERRY_P9_SET_MODE, 02750, 0, 0, 0));
	ASSERT_EQ(0, stat(export_path("export/f"), &host));
	EXPECT_EQ(S_IFREG | 02750, (int)host.st_mode);
	/* Others are in its group no more than before, and he in no other. */
	ASSERT_EQ(0, p9_attach(&self->p, 3, 1001));
	ASSERT_EQ(0, p9_walk(&self->p, 3, 4, "f"));
	EXPECT_EQ(-EPERM, p9_setattr(&self->p, 4, FERRY_P9_SET_MODE, 02777, 0, 0, 0));
	EXPECT_EQ(-EACCES, p9_lopen(&self->p, 4, FERRY_P9_O_RDONLY));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 5, "f"));
	EXPECT_EQ(-EPERM, p9_setattr(&self->p, 5, FERRY_P9_SET_GID, 0, 0, 4243, 0));
}

TEST_F(model, guest_checks_leave_rights_to_the_guest)
{
	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_PASSTHROUGH, FERRY_9P_F_GUEST_CHECKS);
	export_write(export_path("export/root"), "r");
	ASSERT_EQ(0, chmod(export_path("export/root"), 0640));
	ASSERT_EQ(0, p9_attach(&self->p, 1, 1000));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 2, "root"));
	EXPECT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDONLY));
	EXPECT_EQ(-EPERM, p9_setattr(&self->p, 2, FERRY_P9_SET_UID, 0, 1000, 0, 0));
	EXPECT_EQ(-EPERM, p9_setattr(&self->p, 2, FERRY_P9_SET_MODE, 0666, 0, 0, 0));
}

static void open_squashed(struct p9 *p, uint32_t flags)
{
	struct ferry_9p_backend b = { .model = FERRY_9P_MODEL_PASSTHROUGH, .flags = flags,
				      .uid = 65534, .gid = 65533 };

	b.fd = open(export_dir(), O_RDONLY | O_DIRECTORY);
	memset(p, 0, sizeof(*p));
	check_ok(__p9_open(p, &b), "serve");
	close(b.fd);
	check_ok(p9_version(p, "9P2000.L", P9_MSIZE), "Tversion");
	check_ok(p9_attach(p, 0, 0), "Tattach");
}

TEST_F(model, root_is_squashed)
{
	struct stat host;

	open_squashed(&self->p, FERRY_9P_F_ROOT_SQUASH);
	export_write(export_path("export/root"), "r");
	ASSERT_EQ(0, chmod(export_path("export/root"), 0600));
	ASSERT_EQ(0, mkdir(export_path("export/open"), 0777));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "root"));
	EXPECT_EQ(-EACCES, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	EXPECT_EQ(-EPERM, p9_setattr(&self->p, 1, FERRY_P9_SET_MODE, 0666, 0, 0, 0));
	EXPECT_EQ(-EACCES, p9_mkdir(&self->p, 0, "no", 0777, 0));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "open"));
	ASSERT_EQ(0, p9_mkdir(&self->p, 2, "d", 0755, 0));
	ASSERT_EQ(0, stat(export_path("export/open/d"), &host));
	EXPECT_EQ(65534U, host.st_uid);
	EXPECT_EQ(65533U, host.st_gid);
	/* Root's group is none that anybody is in. */
	ASSERT_EQ(0, chown(export_path("export/root"), 1000, 0));
	ASSERT_EQ(0, p9_attach(&self->p, 3, 1000));
	ASSERT_EQ(0, p9_walk(&self->p, 3, 4, "root"));
	EXPECT_EQ(0, p9_setattr(&self->p, 4, FERRY_P9_SET_MODE, 02755, 0, 0, 0));
	ASSERT_EQ(0, stat(export_path("export/root"), &host));
	EXPECT_EQ(S_IFREG | 0755, (int)host.st_mode);
}

TEST_F(model, all_are_squashed)
{
	struct stat host;

	open_squashed(&self->p, FERRY_9P_F_ALL_SQUASH);
	ASSERT_EQ(0, mkdir(export_path("export/open"), 0777));
	ASSERT_EQ(0, p9_attach(&self->p, 1, 1000));
	ASSERT_EQ(0, p9_walk(&self->p, 1, 2, "open"));
	ASSERT_EQ(0, p9_mkdir(&self->p, 2, "d", 0755, 1000));
	ASSERT_EQ(0, stat(export_path("export/open/d"), &host));
	EXPECT_EQ(65534U, host.st_uid);
	EXPECT_EQ(65533U, host.st_gid);
}

TEST_F(model, none_gives_files_away_if_it_can)
{
	struct stat host;

	p9_open(&self->p, export_dir(), FERRY_9P_MODEL_NONE, 0);
	ASSERT_EQ(0, p9_attach(&self->p, 1, 1000));
	ASSERT_EQ(0, p9_mkdir(&self->p, 1, "d", 0750, 1001));
	ASSERT_EQ(0, stat(export_path("export/d"), &host));
	EXPECT_EQ(1000U, host.st_uid);
	EXPECT_EQ(1001U, host.st_gid);
	EXPECT_EQ(S_IFDIR | 0750, (int)host.st_mode);
	/* An id that the host has not is nobody's fault. */
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "d"));
	EXPECT_EQ(0, p9_setattr(&self->p, 2, FERRY_P9_SET_UID | FERRY_P9_SET_MODE, 0700, 55, 0, 0));
	ASSERT_EQ(0, stat(export_path("export/d"), &host));
	EXPECT_EQ(S_IFDIR | 0700, (int)host.st_mode);
}

TEST_F(model, another_user_owns_mapped_files)
{
	struct ferry_9p_backend b = { .model = FERRY_9P_MODEL_MAPPED, .uid = 1000, .gid = 1000,
				      .fmode = 0640, .dmode = 0750 };
	struct stat host;

	ASSERT_EQ(0, chown(export_dir(), 1000, 1000));
	b.fd = open(export_dir(), O_RDONLY | O_DIRECTORY);
	ASSERT_EQ(0, __p9_open(&self->p, &b));
	close(b.fd);
	ASSERT_EQ(0, p9_version(&self->p, "9P2000.L", P9_MSIZE));
	ASSERT_EQ(0, p9_attach(&self->p, 0, 0));
	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "d", 0777, 0));
	ASSERT_EQ(0, stat(export_path("export/d"), &host));
	EXPECT_EQ(1000U, host.st_uid);
	EXPECT_EQ(S_IFDIR | 0750, (int)host.st_mode);
	export_write(export_path("export/root"), "r");
	ASSERT_EQ(0, chmod(export_path("export/root"), 0600));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "root"));
	EXPECT_EQ(-EACCES, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
}

#define NS_ROOT		5000
#define NS_USER		6000

/* The ids 0 and 1000 of its user namespace are to be those. */
static int map_ids(pid_t pid)
{
	static const char map[] = "0 5000 1\n1000 6000 1\n";
	static const char *const files[] = { "uid_map", "gid_map" };
	char path[64];
	int err = 0;

	for (int i = 0; i < 2 && !err; i++) {
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		err = fd < 0 || write(fd, map, strlen(map)) < 0 ? -errno : 0;
		close(fd);
	}
	return err;
}

/* What the child finds: 0, or 1 + which step went wrong. */
static int serve_in_namespace(int go)
{
	struct p9 p = { 0 };
	struct ferry_9p_backend b = { .model = FERRY_9P_MODEL_MAPPED, .uid = 0, .gid = 0 };
	char byte;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) || write(go, "u", 1) != 1 ||
	    read(go, &byte, 1) != 1 || byte != 'g')
		return 1;
	if (setresgid(0, 0, 0) || setresuid(0, 0, 0))
		return 2;
	b.fd = open(export_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (__p9_open(&p, &b) || p9_version(&p, "9P2000.L", P9_MSIZE) || p9_attach(&p, 0, 0))
		return 3;
	if (p9_walk(&p, 0, 1, "f") || p9_lopen(&p, 1, FERRY_P9_O_RDONLY))
		return 4;
	if (p9_read(&p, 1, 0, &byte, 1) != 1 || byte != 'f')
		return 5;
	p9_close(&p);
	return 0;
}

/* Root there has the rights that root has there. */
TEST_F(model, root_of_a_namespace_serves_mapped)
{
	int go[2], status, err = -ENOSYS;
	struct stat node = { 0 };
	char byte = 'n';
	pid_t pid;

	export_write(export_path("export/f"), "f");
	ASSERT_EQ(0, chown(export_path("export/f"), NS_USER, NS_USER));
	ASSERT_EQ(0, chmod(export_path("export/f"), 0600));
	ASSERT_EQ(0, chown(export_dir(), NS_ROOT, NS_ROOT));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, go));
	/* In user space there is none. */
	if (!stat(DEV_9P_PATH, &node))
		ASSERT_EQ(0, chmod(DEV_9P_PATH, 0666));
	pid = fork();
	if (!pid) {
		close(go[0]);
		_exit(serve_in_namespace(go[1]));
	}
	close(go[1]);
	if (pid > 0 && read(go[0], &byte, 1) == 1 && byte == 'u')
		err = map_ids(pid);
	if (!err)
		EXPECT_EQ(1, write(go[0], "g", 1));
	close(go[0]);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	if (node.st_mode)
		EXPECT_EQ(0, chmod(DEV_9P_PATH, node.st_mode & 07777));
	if (err)
		SKIP(return, "no user namespaces here: %s", strerror(-err));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
