// SPDX-License-Identifier: GPL-2.0
/*
 * posix_fs [-m MODE,...] DIRECTORY [NAME...]: every case, or those named, in KTAP. What
 * runs as somebody else than root is called NAME.user. With -m what cannot hold for a 9P
 * client of these modes is skipped. One process for each case.
 */
#include <ftw.h>
#include <grp.h>
#include <sys/wait.h>

#include "posix.h"

#define MAIN_PATIENCE	600	/* seconds; a case takes far less than one */

void posix_put(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	OK(fd);
	IS(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	OK(close(fd));
}

bool posix_holds(const char *name, const char *text)
{
	char buf[256];
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	OK(fd);
	n = read(fd, buf, sizeof(buf));
	OK(n);
	OK(close(fd));
	return n == (ssize_t)strlen(text) && !memcmp(buf, text, n);
}

struct stat posix_stat(const char *name)
{
	struct stat st;

	OK(lstat(name, &st));
	return st;
}

static void main_become(uid_t uid, gid_t gid)
{
	OK(setgroups(0, NULL));
	OK(setresgid(gid, gid, gid));
	OK(setresuid(uid, uid, uid));
}

void posix_as(uid_t uid, gid_t gid, void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	OK(pid);
	if (!pid) {
		main_become(uid, gid);
		fn();
		_exit(0);
	}
	OK(waitpid(pid, &status, 0));
	if (status)
		_exit(1);
}

static int main_gone(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Return whether the case held. */
static bool main_run(const struct posix_case *c, const char *place, bool user)
{
	int status;
	pid_t pid;

	umask(0);
	OK(mkdir(place, 0755));
	if (user)
		OK(chown(place, POSIX_UID, POSIX_GID));
	fflush(stdout);
	pid = fork();
	OK(pid);
	if (!pid) {
		alarm(MAIN_PATIENCE);
		OK(chdir(place));
		if (user)
			main_become(POSIX_UID, POSIX_GID);
		c->run();
		_exit(0);
	}
	OK(waitpid(pid, &status, 0));
	nftw(place, main_gone, 16, FTW_DEPTH | FTW_PHYS);
	if (WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
	return !status;
}

/* What is asked for, and how it went so far. */
struct main_plan {
	const char *modes;
	const char *directory;
	char **names;		/* all if there is none */
	unsigned int n, failed;
};

static bool main_wanted(const struct main_plan *p, const char *name)
{
	char **at = p->names;

	while (*at && strcmp(*at, name))
		at++;
	return *at || !*p->names;
}

static void main_case(struct main_plan *p, const char *area, const struct posix_case *c, bool user)
{
	char place[512], whole[128], name[128 + sizeof(".user")];
	const char *why;
	bool held;

	snprintf(whole, sizeof(whole), "%s.%s", area, c->name);
	snprintf(name, sizeof(name), "%s%s", whole, user ? ".user" : "");
	if (!main_wanted(p, name))
		return;
	p->n++;
	why = posix_cannot(p->modes, whole);
	if (why) {
		printf("ok %u %s # SKIP %s\n", p->n, name, why);
		return;
	}
	snprintf(place, sizeof(place), "%s/posix-%u", p->directory, p->n);
	held = main_run(c, place, user);
	p->failed += !held;
	printf("%s %u %s\n", held ? "ok" : "not ok", p->n, name);
}

int main(int argc, char **argv)
{
	static const struct posix_area *const areas[] = {
		&posix_names, &posix_attributes, &posix_files,
	};
	struct main_plan p = { .modes = "" };
	int option;

	while ((option = getopt(argc, argv, "m:")) == 'm')
		p.modes = optarg;
	if (option != -1 || optind == argc || geteuid()) {
		fprintf(stderr, "usage, as root: posix_fs [-m MODE,...] DIRECTORY [NAME...]\n");
		return 2;
	}
	p.directory = argv[optind];
	p.names = argv + optind + 1;
	printf("TAP version 13\n");
	for (unsigned int a = 0; a < sizeof(areas) / sizeof(areas[0]); a++)
		for (unsigned int i = 0; i < areas[a]->nr; i++) {
			const struct posix_case *c = &areas[a]->cases[i];

			main_case(&p, areas[a]->name, c, false);
			if (c->who != POSIX_ROOT)
				main_case(&p, areas[a]->name, c, true);
		}
	printf("1..%u\n", p.n);
	return p.failed || !p.n;
}
