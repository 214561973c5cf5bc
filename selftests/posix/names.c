// SPDX-License-Identifier: GPL-2.0
/*
 * Names: making, linking, renaming and removing them, and what is refused. Each case
 * is one process.
 */
#include <dirent.h>
#include <limits.h>
#include <sys/sysmacros.h>

#include "posix.h"

#define NAMES_MANY	200

static const char *names_long(unsigned int len)
{
	static char name[512];

	memset(name, 'n', len);
	name[len] = 0;
	return name;
}

static void names_of_255_bytes(void)
{
	posix_put(names_long(255), "long", 0644);
	IS(posix_holds(names_long(255), "long"));
	NO(ENAMETOOLONG, open(names_long(256), O_WRONLY | O_CREAT, 0644));
	NO(ENAMETOOLONG, mkdir(names_long(256), 0755));
	NO(ENAMETOOLONG, symlink("x", names_long(256)));
	NO(ENAMETOOLONG, access(names_long(256), F_OK));
	OK(rename(names_long(255), "short"));
	NO(ENAMETOOLONG, rename("short", names_long(256)));
	NO(ENAMETOOLONG, link("short", names_long(256)));
	IS(posix_holds("short", "long"));
}

static void missing_names(void)
{
	NO(ENOENT, open("none", O_RDONLY));
	NO(ENOENT, open("none/below", O_WRONLY | O_CREAT, 0644));
	NO(ENOENT, unlink("none"));
	NO(ENOENT, rmdir("none"));
	NO(ENOENT, rename("none", "other"));
	NO(ENOENT, link("none", "other"));
	NO(ENOENT, mkdir("none/below", 0755));
	NO(ENOENT, open("", O_RDONLY));
	NO(ENOENT, chmod("none", 0644));
	NO(ENOENT, truncate("none", 0));
}

static void files_are_no_directories(void)
{
	posix_put("file", "", 0644);
	NO(ENOTDIR, open("file/x", O_RDONLY));
	NO(ENOTDIR, mkdir("file/x", 0755));
	NO(ENOTDIR, rmdir("file"));
	NO(ENOTDIR, unlink("file/x"));
	NO(ENOTDIR, rename("file", "file/x"));
	NO(ENOTDIR, open("file", O_RDONLY | O_DIRECTORY));
	NO(ENOTDIR, open("file/", O_RDONLY));
	NO(ENOTDIR, chdir("file"));
}

static void directories_are_no_files(void)
{
	OK(mkdir("dir", 0755));
	NO(EISDIR, open("dir", O_WRONLY));
	NO(EISDIR, open("dir", O_RDWR));
	NO(EISDIR, open("dir", O_WRONLY | O_CREAT, 0644));
	NO(EISDIR, unlink("dir"));
	NO(EISDIR, truncate("dir", 0));
	NO(EPERM, link("dir", "other"));
}

static void existing_names(void)
{
	posix_put("file", "", 0644);
	OK(mkdir("dir", 0755));
	OK(symlink("nowhere", "link"));
	NO(EEXIST, mkdir("file", 0755));
	NO(EEXIST, mkdir("dir", 0755));
	NO(EEXIST, mkdir("link", 0755));
	NO(EEXIST, symlink("x", "file"));
	NO(EEXIST, link("file", "dir"));
	NO(EEXIST, link("file", "link"));
	NO(EEXIST, mkfifo("file", 0644));
	NO(EEXIST, open("file", O_WRONLY | O_CREAT | O_EXCL, 0644));
	NO(EEXIST, open("link", O_WRONLY | O_CREAT | O_EXCL, 0644));
}

static void full_directories_stay(void)
{
	OK(mkdir("dir", 0755));
	posix_put("dir/file", "", 0644);
	OK(mkdir("empty", 0755));
	NO(ENOTEMPTY, rmdir("dir"));
	/* Either errno is allowed, and XFS takes the other one. */
	IS(rename("empty", "dir") == -1 && (errno == ENOTEMPTY || errno == EEXIST));
	NO(EINVAL, rmdir("dir/."));
	OK(unlink("dir/file"));
	OK(rename("empty", "dir"));
	OK(rmdir("dir"));
}

static void links_are_counted(void)
{
	struct stat one, two;

	posix_put("a", "text", 0644);
	IS(posix_stat("a").st_nlink == 1);
	OK(link("a", "b"));
	one = posix_stat("a");
	two = posix_stat("b");
	IS(one.st_nlink == 2 && two.st_nlink == 2 && one.st_ino == two.st_ino);
	posix_put("b", "more", 0644);
	IS(posix_holds("a", "more"));
	OK(unlink("a"));
	IS(posix_stat("b").st_nlink == 1);
	IS(posix_holds("b", "more"));
}

static void symlinks_keep_their_text(void)
{
	char buf[PATH_MAX];

	OK(symlink("some/where", "link"));
	IS(S_ISLNK(posix_stat("link").st_mode));
	IS(readlink("link", buf, sizeof(buf)) == 10 && !memcmp(buf, "some/where", 10));
	IS(posix_stat("link").st_size == 10);
	IS(readlink("link", buf, 4) == 4);
	posix_put("file", "text", 0644);
	NO(EINVAL, readlink("file", buf, sizeof(buf)));
	OK(symlink("file", "good"));
	IS(posix_holds("good", "text"));
	OK(unlink("good"));
	IS(posix_holds("file", "text"));
	NO(ENOENT, symlink("", "nothing"));
}

static void loops_end(void)
{
	OK(symlink("two", "one"));
	OK(symlink("one", "two"));
	NO(ELOOP, open("one", O_RDONLY));
	NO(ELOOP, chmod("one", 0644));
	NO(ELOOP, open("one/x", O_RDONLY));
	OK(symlink("file", "link"));
	NO(ELOOP, open("link", O_RDONLY | O_NOFOLLOW));
}

static void renames_replace(void)
{
	posix_put("a", "first", 0644);
	posix_put("b", "second", 0644);
	OK(rename("a", "b"));
	NO(ENOENT, access("a", F_OK));
	IS(posix_holds("b", "first"));
	OK(link("b", "c"));
	/* Two names of one file: nothing happens. */
	OK(rename("b", "c"));
	IS(posix_stat("b").st_nlink == 2);
	OK(mkdir("dir", 0755));
	NO(EISDIR, rename("b", "dir"));
	NO(ENOTDIR, rename("dir", "b"));
	OK(rename("b", "dir/b"));
	IS(posix_holds("dir/b", "first"));
}

static void directories_move(void)
{
	struct stat before, after;

	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(mkdir("c", 0755));
	posix_put("a/b/file", "text", 0644);
	before = posix_stat("a/b");
	NO(EINVAL, rename("a", "a/b/a"));
	NO(EINVAL, rename("a", "a/x"));
	OK(rename("a/b", "c/d"));
	after = posix_stat("c/d");
	IS(before.st_ino == after.st_ino);
	IS(posix_holds("c/d/file", "text"));
	IS(posix_stat("c/d/..").st_ino == posix_stat("c").st_ino);
	IS(posix_stat("a").st_nlink <= 2);
}

static void other_file_systems_are_apart(void)
{
	posix_put("file", "", 0644);
	NO(EXDEV, rename("file", "/dev/posix"));
	NO(EXDEV, link("file", "/dev/posix"));
}

static void special_files_have_types(void)
{
	OK(mkfifo("fifo", 0640));
	IS(S_ISFIFO(posix_stat("fifo").st_mode));
	IS((posix_stat("fifo").st_mode & 07777) == 0640);
	OK(unlink("fifo"));
}

static void devices_have_numbers(void)
{
	struct stat st;

	OK(mknod("char", S_IFCHR | 0600, makedev(1, 3)));
	st = posix_stat("char");
	IS(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	OK(mknod("block", S_IFBLK | 0600, makedev(259, 300)));
	st = posix_stat("block");
	IS(S_ISBLK(st.st_mode) && st.st_rdev == makedev(259, 300));
}

static unsigned int names_list(bool seen[NAMES_MANY])
{
	DIR *dir = opendir(".");
	struct dirent *e;
	unsigned int i, n = 0;

	IS(dir);
	while ((e = readdir(dir))) {
		if (sscanf(e->d_name, "entry%u", &i) != 1)
			continue;
		IS(i < NAMES_MANY && !seen[i]);
		seen[i] = true;
		n++;
	}
	closedir(dir);
	return n;
}

static void many_entries(void)
{
	static bool seen[NAMES_MANY];
	char name[32];

	for (unsigned int i = 0; i < NAMES_MANY; i++) {
		snprintf(name, sizeof(name), "entry%u", i);
		posix_put(name, "", 0644);
	}
	IS(names_list(seen) == NAMES_MANY);
	for (unsigned int i = 0; i < NAMES_MANY; i += 2) {
		snprintf(name, sizeof(name), "entry%u", i);
		OK(unlink(name));
	}
	memset(seen, 0, sizeof(seen));
	IS(names_list(seen) == NAMES_MANY / 2);
	IS(!seen[0] && seen[1]);
}

/* Whoever removes what is read goes on to find each of the others once. */
static void removed_while_read(void)
{
	DIR *dir = opendir(".");
	struct dirent *e;
	unsigned int n = 0;
	char name[32];

	for (unsigned int i = 0; i < NAMES_MANY / 2; i++) {
		snprintf(name, sizeof(name), "entry%u", i);
		posix_put(name, "", 0644);
	}
	IS(dir);
	while ((e = readdir(dir)))
		if (!strncmp(e->d_name, "entry", 5)) {
			OK(unlink(e->d_name));
			n++;
		}
	closedir(dir);
	IS(n == NAMES_MANY / 2);
	OK(chdir(".."));
}

#define CASE(name, who)	{ #name, name, who }

static const struct posix_case names_cases[] = {
	CASE(names_of_255_bytes, POSIX_ANYONE), CASE(missing_names, POSIX_ANYONE),
	CASE(files_are_no_directories, POSIX_ANYONE),
	CASE(directories_are_no_files, POSIX_ANYONE), CASE(existing_names, POSIX_ANYONE),
	CASE(full_directories_stay, POSIX_ANYONE), CASE(links_are_counted, POSIX_ANYONE),
	CASE(symlinks_keep_their_text, POSIX_ANYONE), CASE(loops_end, POSIX_ANYONE),
	CASE(renames_replace, POSIX_ANYONE), CASE(directories_move, POSIX_ANYONE),
	CASE(other_file_systems_are_apart, POSIX_ROOT),
	CASE(special_files_have_types, POSIX_ANYONE), CASE(devices_have_numbers, POSIX_ROOT),
	CASE(many_entries, POSIX_ANYONE), CASE(removed_while_read, POSIX_ANYONE),
};

const struct posix_area posix_names = {
	"names", names_cases, sizeof(names_cases) / sizeof(names_cases[0]),
};
