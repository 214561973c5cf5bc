// SPDX-License-Identifier: GPL-2.0
/*
 * Role: "ferry create": options as everywhere, from a file or the command line, and what a
 *	guest needs so that the other verbs find it.
 * Threads: main.
 * Locks: none.
 */
#include "create.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "ctl/rundir.h"
#include "run.h"

/* What precedes the options: whether to stay here, and the file. */
struct create {
	struct config cfg;
	struct rundir dir;
	bool foreground;
	const char *file;	/* NULL: none */
};

static bool is_foreground(const char *word)
{
	return !strcmp(word, "-foreground") || !strcmp(word, "--foreground");
}

/* The words as plain ferry takes them. */
static int create_take(struct create *c, int argc, char **argv, struct error *e)
{
	char **words = calloc(argc + 3, sizeof(*words));
	int i = 1, n = 1, ret;

	if (!words)
		return error_errno(e, ENOMEM, "options");
	words[0] = argv[0];
	for (; i < argc && is_foreground(argv[i]); i++)
		c->foreground = true;
	if (i < argc && argv[i][0] != '-') {
		c->file = argv[i++];
		words[n++] = "-readconfig";
		words[n++] = (char *)c->file;
	}
	for (; i < argc; i++) {
		if (is_foreground(argv[i]))
			c->foreground = true;
		else
			words[n++] = argv[i];
	}
	ret = config_take(&c->cfg, n, words, e);
	free(words);
	return ret;
}

/* -name, or else the file's name without what is behind its last dot. */
static int create_name(struct create *c, struct error *e)
{
	const char *base;

	if (!c->cfg.name && c->file) {
		base = strrchr(c->file, '/') ? strrchr(c->file, '/') + 1 : c->file;
		c->cfg.name = strndup(base, strrchr(base, '.') ? strrchr(base, '.') - base :
				      (ptrdiff_t)strlen(base));
		if (!c->cfg.name)
			return error_errno(e, ENOMEM, "options");
	}
	if (!c->cfg.name) {
		error_set(e, EINVAL, "a guest needs a name");
		error_hint(e, "Use -name NAME, or a FILE with its options.");
		return -EINVAL;
	}
	return rundir_check_name(c->cfg.name, e);
}

/* The lock of the guest's own file would be lost when that is written as another. */
static int create_check_pidfile(struct create *c, const char *own, struct error *e)
{
	struct stat a, b;
	const char *path = c->cfg.pidfile;

	if (!path)
		return 0;
	if (!strcmp(path, own) || (!stat(path, &a) && !stat(own, &b) && a.st_ino == b.st_ino &&
				   a.st_dev == b.st_dev))
		return error_set(e, EINVAL, "-pidfile %s: a guest has that file in any case", path);
	return 0;
}

static int create_serve(struct create *c, struct error *e)
{
	char qmp[RUNDIR_PATH_MAX], console[RUNDIR_PATH_MAX], pid[RUNDIR_PATH_MAX];
	const char *name = c->cfg.name;
	int ret;

	ret = rundir_open(&c->dir, true, e);
	if (!ret)
		ret = rundir_path(&c->dir, name, "qmp", qmp, e) ?:
		      rundir_path(&c->dir, name, "console", console, e) ?:
		      rundir_path(&c->dir, name, "pid", pid, e) ?:
		      create_check_pidfile(c, pid, e);
	return ret ?: config_serve(&c->cfg, qmp, console, e);
}

static int create_prepare(struct create *c, int argc, char **argv, struct error *e)
{
	int ret = create_take(c, argc, argv, e);

	if (ret)
		return ret;
	c->cfg.daemonize = !c->foreground;
	ret = create_name(c, e);
	if (!ret)
		ret = create_serve(c, e);
	return ret ?: config_check(&c->cfg, e);
}

int create_run(int argc, char **argv, struct error *e)
{
	struct create *c = calloc(1, sizeof(*c));
	int ret;

	if (!c)
		return error_errno(e, ENOMEM, "options");
	c->dir.fd = -1;
	ret = create_prepare(c, argc, argv, e);
	if (!ret)
		ret = run(&c->cfg, &c->dir, e);
	if (ret == CONFIG_HELP) {
		command_print_usage();
		config_print_options();
	}
	rundir_close(&c->dir);
	config_free(&c->cfg);
	free(c);
	return ret < 0 ? ret : 0;
}
