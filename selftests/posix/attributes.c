// SPDX-License-Identifier: GPL-2.0
/*
 * Owners, modes and times, and who may change and use them. Each case is one process,
 * with children that become other users.
 */
#include <sys/time.h>
#include <utime.h>

#include "posix.h"

static mode_t attr_mode(const char *name)
{
	return posix_stat(name).st_mode & 07777;
}

static void modes_are_kept(void)
{
	static const mode_t modes[] = { 0000, 0400, 0644, 0777, 01777, 0600 };

	posix_put("file", "", 0600);
	OK(mkdir("dir", 0700));
	for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		OK(chmod("file", modes[i] & 0777));
		IS(attr_mode("file") == (modes[i] & 0777));
		OK(chmod("dir", modes[i]));
		IS(attr_mode("dir") == modes[i]);
	}
	OK(chmod("file", 04711));
	IS(attr_mode("file") == 04711);
}

static void masks_apply(void)
{
	umask(027);
	posix_put("file", "", 0666);
	OK(mkdir("dir", 0777));
	OK(mkfifo("fifo", 0666));
	IS(attr_mode("file") == 0640);
	IS(attr_mode("dir") == 0750);
	IS(attr_mode("fifo") == 0640);
}

static void makers_own(void)
{
	struct stat st;

	posix_put("file", "", 0644);
	OK(mkdir("dir", 0755));
	OK(symlink("x", "link"));
	st = posix_stat("file");
	IS(st.st_uid == geteuid() && st.st_gid == getegid());
	st = posix_stat("dir");
	IS(st.st_uid == geteuid() && st.st_gid == getegid());
	st = posix_stat("link");
	IS(st.st_uid == geteuid() && st.st_gid == getegid());
}

static void root_gives_files_away(void)
{
	struct stat st;

	posix_put("file", "", 0644);
	OK(chown("file", POSIX_UID, POSIX_GID));
	st = posix_stat("file");
	IS(st.st_uid == POSIX_UID && st.st_gid == POSIX_GID);
	OK(chown("file", -1, 7));
	st = posix_stat("file");
	IS(st.st_uid == POSIX_UID && st.st_gid == 7);
	OK(symlink("file", "link"));
	OK(lchown("link", 5, 6));
	st = posix_stat("link");
	IS(st.st_uid == 5 && st.st_gid == 6);
	IS(posix_stat("file").st_uid == POSIX_UID);
}

static void owners_lose_set_ids(void)
{
	posix_put("file", "text", 0644);
	OK(chmod("file", 06755));
	OK(chown("file", POSIX_UID, POSIX_GID));
	IS(attr_mode("file") == 0755);
}

static void attr_stranger(void)
{
	NO(EPERM, chmod("file", 0777));
	NO(EPERM, chown("file", POSIX_OTHER, -1));
	NO(EPERM, utimes("file", (struct timeval[2]){ { 1, 0 }, { 2, 0 } }));
	NO(EACCES, open("file", O_RDWR));
	NO(EACCES, open("file", O_WRONLY | O_TRUNC));
	NO(EACCES, truncate("file", 0));
	NO(EACCES, unlink("file"));
	NO(EACCES, open("new", O_WRONLY | O_CREAT, 0644));
	NO(EACCES, mkdir("new", 0755));
	NO(EACCES, rename("file", "new"));
	IS(posix_holds("file", "text"));
	NO(EACCES, open("secret", O_RDONLY));
	NO(EACCES, access("private/file", F_OK));
	NO(EACCES, open("private/file", O_RDONLY));
}

static void strangers_are_kept_out(void)
{
	posix_put("file", "text", 0644);
	posix_put("secret", "text", 0600);
	OK(mkdir("private", 0700));
	posix_put("private/file", "text", 0666);
	posix_as(POSIX_UID, POSIX_GID, attr_stranger);
}

static void attr_owner(void)
{
	OK(chmod("file", 0600));
	OK(utimes("file", (struct timeval[2]){ { 1, 0 }, { 2, 0 } }));
	NO(EPERM, chown("file", POSIX_OTHER, -1));
	NO(EPERM, chown("file", -1, POSIX_OTHER));
	OK(chown("file", -1, POSIX_GID));
	IS(posix_holds("file", "text"));
}

static void owners_may(void)
{
	posix_put("file", "text", 0644);
	OK(chown("file", POSIX_UID, 0));
	posix_as(POSIX_UID, POSIX_GID, attr_owner);
	IS(posix_stat("file").st_gid == POSIX_GID);
}

static void attr_put_sticky(void)
{
	posix_put("sticky/file", "", 0666);
	OK(mkdir("sticky/dir", 0777));
}

static void attr_take_sticky(void)
{
	NO(EPERM, unlink("sticky/file"));
	NO(EPERM, rename("sticky/file", "sticky/other"));
	NO(EPERM, rmdir("sticky/dir"));
	posix_put("sticky/mine", "", 0644);
	NO(EPERM, rename("sticky/mine", "sticky/file"));
	OK(unlink("sticky/mine"));
}

static void attr_take_own(void)
{
	OK(unlink("sticky/file"));
	OK(rmdir("sticky/dir"));
}

static void sticky_directories_protect(void)
{
	OK(mkdir("sticky", 01777));
	posix_as(POSIX_UID, POSIX_GID, attr_put_sticky);
	posix_as(POSIX_OTHER, POSIX_OTHER, attr_take_sticky);
	posix_as(POSIX_UID, POSIX_GID, attr_take_own);
}

static void attr_make_below(void)
{
	posix_put("shared/file", "", 0644);
	OK(mkdir("shared/dir", 0755));
}

static void groups_are_inherited(void)
{
	OK(mkdir("shared", 0777));
	OK(chown("shared", -1, 77));
	OK(chmod("shared", 02777));
	attr_make_below();
	IS(posix_stat("shared/file").st_gid == 77);
	IS(posix_stat("shared/dir").st_gid == 77);
	IS(attr_mode("shared/dir") == 02755);
	OK(unlink("shared/file"));
	OK(rmdir("shared/dir"));
	posix_as(POSIX_UID, POSIX_GID, attr_make_below);
	IS(posix_stat("shared/file").st_gid == 77);
	IS(posix_stat("shared/file").st_uid == POSIX_UID);
	IS(attr_mode("shared/dir") == 02755);
}

static void attr_write(void)
{
	int fd = open("file", O_WRONLY);

	OK(fd);
	IS(write(fd, "x", 1) == 1);
	OK(close(fd));
}

static void writers_take_set_ids(void)
{
	posix_put("file", "text", 0666);
	OK(chmod("file", 06777));
	posix_as(POSIX_UID, POSIX_GID, attr_write);
	IS(attr_mode("file") == 0777);
}

static void times_are_set(void)
{
	struct timespec t[2] = { { 1000000000, 123456789 }, { 1100000000, 987654321 } };
	struct stat before, after;

	posix_put("file", "", 0644);
	before = posix_stat("file");
	OK(utimensat(AT_FDCWD, "file", t, 0));
	after = posix_stat("file");
	IS(after.st_atim.tv_sec == t[0].tv_sec && after.st_atim.tv_nsec == t[0].tv_nsec);
	IS(after.st_mtim.tv_sec == t[1].tv_sec && after.st_mtim.tv_nsec == t[1].tv_nsec);
	IS(after.st_ctim.tv_sec >= before.st_ctim.tv_sec);
	t[0].tv_nsec = UTIME_OMIT;
	t[1] = (struct timespec){ 5, 0 };
	OK(utimensat(AT_FDCWD, "file", t, 0));
	after = posix_stat("file");
	IS(after.st_atim.tv_sec == 1000000000 && after.st_mtim.tv_sec == 5);
	OK(utimensat(AT_FDCWD, "file", NULL, 0));
	IS(posix_stat("file").st_mtim.tv_sec >= before.st_mtim.tv_sec);
}

static bool attr_later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static void changes_leave_times(void)
{
	const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	struct stat st;

	posix_put("file", "", 0644);
	OK(mkdir("dir", 0755));
	OK(utimensat(AT_FDCWD, "file", old, 0));
	OK(utimensat(AT_FDCWD, "dir", old, 0));
	OK(chmod("file", 0600));
	st = posix_stat("file");
	IS(st.st_mtim.tv_sec == 1000 && attr_later(st.st_ctim, old[0]));
	OK(truncate("file", 10));
	IS(attr_later(posix_stat("file").st_mtim, old[0]));
	posix_put("dir/file", "", 0644);
	IS(attr_later(posix_stat("dir").st_mtim, old[0]));
	OK(utimensat(AT_FDCWD, "dir", old, 0));
	OK(unlink("dir/file"));
	IS(attr_later(posix_stat("dir").st_mtim, old[0]));
	OK(utimensat(AT_FDCWD, "file", old, 0));
	posix_put("file", "text", 0644);
	IS(attr_later(posix_stat("file").st_mtim, old[0]));
}

static void attr_refused(void)
{
	NO(EACCES, access("file", W_OK));
	NO(EACCES, access("file", X_OK));
	OK(access("file", R_OK));
}

static void access_is_told(void)
{
	posix_put("file", "", 0644);
	OK(access("file", R_OK | W_OK));
	NO(EACCES, access("file", X_OK));
	posix_as(POSIX_OTHER, POSIX_OTHER, attr_refused);
}

#define CASE(name, who)	{ #name, name, who }

static const struct posix_case attr_cases[] = {
	CASE(modes_are_kept, POSIX_ANYONE), CASE(masks_apply, POSIX_ANYONE),
	CASE(makers_own, POSIX_ANYONE), CASE(root_gives_files_away, POSIX_ROOT),
	CASE(owners_lose_set_ids, POSIX_ROOT), CASE(strangers_are_kept_out, POSIX_ROOT),
	CASE(owners_may, POSIX_ROOT), CASE(sticky_directories_protect, POSIX_ROOT),
	CASE(groups_are_inherited, POSIX_ROOT), CASE(writers_take_set_ids, POSIX_ROOT),
	CASE(times_are_set, POSIX_ANYONE), CASE(changes_leave_times, POSIX_ANYONE),
	CASE(access_is_told, POSIX_ROOT),
};

const struct posix_area posix_attributes = {
	"attributes", attr_cases, sizeof(attr_cases) / sizeof(attr_cases[0]),
};
