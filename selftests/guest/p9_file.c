// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what a shell cannot do to a file, done inside a guest on a mounted directory:
 *	p9_file unlinked|map|lock|xattr FILE, p9_file as UID GID COMMAND...
 *	Ends with status 0, or says what went wrong.
 * Threads: one, and a child for locks.
 * Locks: none.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAP_BYTES	(300 * 1024 + 17)

static void must(int ok, const char *what)
{
	if (!ok)
		err(1, "%s", what);
}

static void expect(int ok, const char *what)
{
	if (!ok)
		errx(1, "%s", what);
}

/* A file that has no name any more is as good as any. */
static void unlinked(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	char buf[8] = "";
	struct stat st;

	must(fd >= 0, "open");
	must(write(fd, "before", 6) == 6, "write");
	must(!unlink(path), "unlink");
	expect(access(path, F_OK) && errno == ENOENT, "the name is still there");
	must(!fstat(fd, &st), "fstat");
	expect(st.st_size == 6, "another size");
	must(pwrite(fd, "after", 5, 6) == 5, "write after unlink");
	must(!ftruncate(fd, 9), "ftruncate");
	must(!fchmod(fd, 0640), "fchmod");
	must(!fstat(fd, &st), "fstat");
	expect(st.st_size == 9 && (st.st_mode & 0777) == 0640, "another size or mode");
	must(pread(fd, buf, 8, 3) == 6, "read after unlink");
	expect(!memcmp(buf, "oreaft", 6), "other bytes");
	must(!close(fd), "close");
}

static unsigned char byte_at(size_t i)
{
	return i * 31 + (i >> 8) + (i >> 16);
}

/* Through a shared mapping, then read like a file. */
static void map(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	unsigned char *p, *back = malloc(MAP_BYTES);
	size_t i;

	must(fd >= 0, "open");
	must(!ftruncate(fd, MAP_BYTES), "ftruncate");
	p = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(p != MAP_FAILED, "mmap");
	for (i = 0; i < MAP_BYTES; i++)
		p[i] = byte_at(i);
	must(!msync(p, MAP_BYTES, MS_SYNC), "msync");
	must(!munmap(p, MAP_BYTES) && !fsync(fd) && !close(fd), "close");
	fd = open(path, O_RDONLY);
	must(fd >= 0 && back, "open again");
	for (i = 0; i < MAP_BYTES;) {
		ssize_t n = read(fd, back + i, MAP_BYTES - i);

		must(n > 0, "read");
		i += n;
	}
	for (i = 0; i < MAP_BYTES; i++)
		expect(back[i] == byte_at(i), "other bytes");
	free(back);
}

static int try_lock(const char *path, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10 };
	int fd = open(path, O_RDWR);

	must(fd >= 0, "open");
	return fcntl(fd, F_SETLK, &l) ? errno : 0;
}

/* What another process gets when it tries. */
static int other_gets(const char *path, short type)
{
	int status;
	pid_t pid = fork();

	must(pid >= 0, "fork");
	if (!pid)
		_exit(try_lock(path, type));
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	return WEXITSTATUS(status);
}

/* The lock that is in the way of one of @type. */
static short in_the_way(int fd, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_len = 5 };

	must(!fcntl(fd, F_GETLK, &l), "F_GETLK");
	return l.l_type;
}

static void lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600), reader = open(path, O_RDONLY);

	must(fd >= 0 && reader >= 0, "open");
	expect(in_the_way(fd, F_WRLCK) == F_UNLCK, "a lock where there is none");
	expect(!flock(reader, LOCK_EX) && !flock(reader, LOCK_UN), "no flock by a reader");
	must(!close(reader), "close");
	expect(!try_lock(path, F_RDLCK), "a read lock was refused");
	expect(!other_gets(path, F_RDLCK), "a second read lock was refused");
	expect(other_gets(path, F_WRLCK) == EAGAIN, "a read lock does not keep writers out");
	expect(!try_lock(path, F_WRLCK), "the lock cannot become a write lock");
	expect(other_gets(path, F_RDLCK) == EAGAIN, "a write lock does not keep readers out");
	must(!close(fd), "close");
	expect(!other_gets(path, F_WRLCK), "closing does not unlock");
}

static void xattr(const char *path)
{
	char big[3000], buf[4096];
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	must(fd >= 0 && !close(fd), "open");
	memset(big, 'x', sizeof(big));
	must(!setxattr(path, "user.small", "one", 3, XATTR_CREATE), "setxattr");
	expect(setxattr(path, "user.small", "two", 3, XATTR_CREATE) && errno == EEXIST,
	       "an attribute was created twice");
	must(!setxattr(path, "user.big", big, sizeof(big), 0), "setxattr of much");
	expect(getxattr(path, "user.small", buf, sizeof(buf)) == 3 && !memcmp(buf, "one", 3),
	       "another value");
	expect(getxattr(path, "user.big", buf, sizeof(buf)) == sizeof(big) &&
	       !memcmp(buf, big, sizeof(big)), "another value of much");
	expect(listxattr(path, buf, sizeof(buf)) == sizeof("user.small") + sizeof("user.big"),
	       "another list");
	must(!removexattr(path, "user.big"), "removexattr");
	expect(getxattr(path, "user.big", buf, sizeof(buf)) < 0 && errno == ENODATA,
	       "a removed attribute is there");
}

static void as(char **argv)
{
	gid_t gid = atoi(argv[1]);

	must(!setgroups(0, NULL) && !setresgid(gid, gid, gid), "setgid");
	must(!setuid(atoi(argv[0])), "setuid");
	execvp(argv[2], argv + 2);
	err(127, "%s", argv[2]);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(const char *path);
	} verbs[] = {
		{ "unlinked", unlinked }, { "map", map }, { "lock", lock }, { "xattr", xattr },
	};
	size_t i;

	if (argc >= 5 && !strcmp(argv[1], "as"))
		as(argv + 2);
	for (i = 0; argc == 3 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(argv[1], verbs[i].name)) {
			verbs[i].run(argv[2]);
			return 0;
		}
	errx(2, "unlinked|map|lock|xattr FILE, or as UID GID COMMAND...");
}
