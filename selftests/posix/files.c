// SPDX-License-Identifier: GPL-2.0
/*
 * What is in files: how they are opened, read, written, cut, mapped, and that they
 * outlive their names. Each case is one process.
 */
#include <sys/mman.h>

#include "posix.h"

#define FILES_BIG	(1 << 20)

static int files_open(const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC, 0644);

	OK(fd);
	return fd;
}

static void flags_say_what_may_be_done(void)
{
	char c;
	int fd;

	posix_put("file", "text", 0644);
	fd = files_open("file", O_RDONLY);
	NO(EBADF, write(fd, "x", 1));
	NO(EINVAL, ftruncate(fd, 0));
	OK(close(fd));
	fd = files_open("file", O_WRONLY);
	NO(EBADF, read(fd, &c, 1));
	OK(close(fd));
}

static void appending_goes_to_the_end(void)
{
	int one = files_open("file", O_WRONLY | O_CREAT | O_APPEND);
	int two = files_open("file", O_WRONLY | O_APPEND);

	IS(write(one, "one", 3) == 3);
	IS(write(two, "two", 3) == 3);
	OK(lseek(one, 0, SEEK_SET));
	IS(write(one, "three", 5) == 5);
	OK(close(one));
	OK(close(two));
	IS(posix_holds("file", "onetwothree"));
}

static void truncating_empties(void)
{
	int fd;

	posix_put("file", "a long text", 0644);
	fd = files_open("file", O_WRONLY | O_TRUNC);
	IS(posix_stat("file").st_size == 0);
	IS(write(fd, "new", 3) == 3);
	OK(close(fd));
	IS(posix_holds("file", "new"));
}

static void made_for_oneself(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0400);

	/* The mode is for those who come later. */
	OK(fd);
	IS(write(fd, "text", 4) == 4);
	OK(close(fd));
	IS(posix_holds("file", "text"));
	if (geteuid())
		NO(EACCES, open("file", O_WRONLY));
}

static void files_outlive_their_names(void)
{
	struct stat st;
	char buf[16] = "";
	int fd = files_open("file", O_RDWR | O_CREAT);

	IS(write(fd, "before", 6) == 6);
	OK(unlink("file"));
	NO(ENOENT, access("file", F_OK));
	OK(fstat(fd, &st));
	IS(st.st_size == 6 && st.st_nlink == 0);
	IS(pwrite(fd, "after", 5, 6) == 5);
	IS(pread(fd, buf, 11, 0) == 11 && !memcmp(buf, "beforeafter", 11));
	OK(ftruncate(fd, 3));
	OK(fchmod(fd, 0600));
	OK(fstat(fd, &st));
	IS(st.st_size == 3 && (st.st_mode & 07777) == 0600);
	posix_put("file", "another", 0644);
	IS(pread(fd, buf, 16, 0) == 3 && !memcmp(buf, "bef", 3));
	OK(close(fd));
	IS(posix_holds("file", "another"));
}

static void replaced_files_stay_open(void)
{
	char buf[16];
	int fd;

	posix_put("old", "old text", 0644);
	posix_put("new", "new", 0644);
	fd = files_open("old", O_RDONLY);
	OK(rename("new", "old"));
	IS(read(fd, buf, sizeof(buf)) == 8 && !memcmp(buf, "old text", 8));
	OK(close(fd));
	IS(posix_holds("old", "new"));
}

static void open_files_are_renamed(void)
{
	int fd = files_open("a", O_RDWR | O_CREAT);

	IS(write(fd, "one", 3) == 3);
	OK(mkdir("dir", 0755));
	OK(rename("a", "dir/b"));
	IS(write(fd, "two", 3) == 3);
	OK(close(fd));
	IS(posix_holds("dir/b", "onetwo"));
}

static void holes_are_zero(void)
{
	static char zero[4096], buf[4096];
	int fd = files_open("file", O_RDWR | O_CREAT);

	IS(pwrite(fd, "end", 3, FILES_BIG) == 3);
	IS(posix_stat("file").st_size == FILES_BIG + 3);
	IS(pread(fd, buf, sizeof(buf), FILES_BIG / 2) == sizeof(buf));
	IS(!memcmp(buf, zero, sizeof(buf)));
	OK(ftruncate(fd, 5000));
	OK(ftruncate(fd, 9000));
	IS(pread(fd, buf, sizeof(buf), 6000) == 3000);
	IS(!memcmp(buf, zero, 3000));
	OK(close(fd));
	IS(posix_stat("file").st_blocks < FILES_BIG / 512);
}

static void cutting_and_growing(void)
{
	posix_put("file", "a text", 0644);
	OK(truncate("file", 3));
	IS(posix_holds("file", "a t"));
	OK(truncate("file", 5));
	IS(posix_stat("file").st_size == 5);
	NO(EINVAL, truncate("file", -1));
	IS(posix_stat("file").st_size == 5);
}

static void positions_beyond_the_end(void)
{
	char c;
	int fd;

	posix_put("file", "text", 0644);
	fd = files_open("file", O_RDONLY);
	IS(pread(fd, &c, 1, 4) == 0);
	IS(pread(fd, &c, 1, 1 << 30) == 0);
	NO(EINVAL, pread(fd, &c, 1, -1));
	IS(lseek(fd, 0, SEEK_END) == 4);
	NO(EINVAL, lseek(fd, -1, SEEK_SET));
	OK(close(fd));
}

static void data_survive(void)
{
	static unsigned char data[FILES_BIG], back[FILES_BIG];
	int fd = files_open("file", O_RDWR | O_CREAT);

	for (unsigned int i = 0; i < FILES_BIG; i++)
		data[i] = i * 7 + i / 4093;
	for (unsigned int at = 0; at < FILES_BIG;) {
		ssize_t n = write(fd, data + at, FILES_BIG - at);

		OK(n);
		at += n;
	}
	OK(fsync(fd));
	OK(fdatasync(fd));
	for (unsigned int at = 0; at < FILES_BIG;) {
		ssize_t n = pread(fd, back + at, FILES_BIG - at, at);

		IS(n > 0);
		at += n;
	}
	OK(close(fd));
	IS(!memcmp(data, back, FILES_BIG));
}

static void mappings_read(void)
{
	char *at;
	int fd;

	posix_put("file", "mapped text", 0644);
	fd = files_open("file", O_RDONLY);
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	IS(at != MAP_FAILED);
	IS(!memcmp(at, "mapped text", 12));
	OK(munmap(at, 4096));
	OK(close(fd));
}

static void shared_mappings_write(void)
{
	char *at, buf[8192];
	int fd = files_open("file", O_RDWR | O_CREAT);

	OK(ftruncate(fd, sizeof(buf)));
	at = mmap(NULL, sizeof(buf), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	IS(at != MAP_FAILED);
	memset(at + 100, 'm', 5000);
	OK(msync(at, sizeof(buf), MS_SYNC));
	OK(munmap(at, sizeof(buf)));
	OK(close(fd));
	fd = files_open("file", O_RDONLY);
	IS(read(fd, buf, sizeof(buf)) == sizeof(buf));
	IS(buf[99] == 0 && buf[100] == 'm' && buf[5099] == 'm' && buf[5100] == 0);
	OK(close(fd));
}

static void writes_are_seen(void)
{
	char buf[8] = "";
	int one = files_open("file", O_RDWR | O_CREAT), two = files_open("file", O_RDONLY);
	struct stat st;

	IS(write(one, "first", 5) == 5);
	IS(pread(two, buf, 8, 0) == 5 && !memcmp(buf, "first", 5));
	IS(pwrite(one, "F", 1, 0) == 1);
	IS(pread(two, buf, 1, 0) == 1 && buf[0] == 'F');
	OK(fstat(two, &st));
	IS(st.st_size == 5);
	OK(close(one));
	OK(close(two));
}

#define CASE(name)	{ #name, name, POSIX_ANYONE }

static const struct posix_case files_cases[] = {
	CASE(flags_say_what_may_be_done), CASE(appending_goes_to_the_end),
	CASE(truncating_empties), CASE(made_for_oneself), CASE(files_outlive_their_names),
	CASE(replaced_files_stay_open), CASE(open_files_are_renamed), CASE(holes_are_zero),
	CASE(cutting_and_growing), CASE(positions_beyond_the_end), CASE(data_survive),
	CASE(mappings_read), CASE(shared_mappings_write), CASE(writes_are_seen),
};

const struct posix_area posix_files = {
	"files", files_cases, sizeof(files_cases) / sizeof(files_cases[0]),
};
