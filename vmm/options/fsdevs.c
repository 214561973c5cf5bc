// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the tables of -fsdev and -virtfs, what their words stand for, and which -device
 *	has which directory.
 * Threads: main.
 * Locks: none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "9p/p9_session_core.h"
#include "config.h"

/* -virtfs: a directory and its device in one. The directory comes first: see below. */
struct virtfs_config {
	struct fsdev_config fs;
	char *mount_tag;
	enum tri vhost;
	char *vhostdev;
};

#define FSDEV(field)	offsetof(struct fsdev_config, field)
#define VIRTFS(field)	offsetof(struct virtfs_config, field)

/* Rows of a struct fsdev_config, also at the beginning of a struct virtfs_config. */
#define FSDEV_ROWS							\
	{ "fsdriver", OPT_STRING, FSDEV(driver), .def = "", .help = "local" }, \
	{ "id", OPT_STRING, FSDEV(id), .help = "name that a -device refers to" }, \
	{ "path", OPT_STRING, FSDEV(path), .help = "directory to export" },	\
	{ "security_model", OPT_STRING, FSDEV(security_model),		\
	  .help = "mapped-xattr (or mapped), passthrough or none" },	\
	{ "readonly", OPT_BOOL, FSDEV(readonly), .def = "off", .help = "refuse changes" }, \
	{ "multidevs", OPT_STRING, FSDEV(multidevs), .def = "remap",	\
	  .help = "remap or warn" },					\
	{ "writeout", OPT_STRING, FSDEV(writeout),			\
	  .help = "immediate: a write is answered when it is on stable storage" }, \
	{ "fmode", OPT_UINT, FSDEV(fmode), .def = "0600",		\
	  .help = "mapped: host mode of new files" },			\
	{ "dmode", OPT_UINT, FSDEV(dmode), .def = "0700",		\
	  .help = "mapped: host mode of new directories" },		\
	{ "squash", OPT_STRING, FSDEV(squash), .def = "none",		\
	  .help = "passthrough: none, root or all users become uid and gid" }, \
	{ "uid", OPT_UINT, FSDEV(uid), .def = "4294967295",		\
	  .help = "owner of mapped files; ferry's own; of squashed ones nobody" },	\
	{ "gid", OPT_UINT, FSDEV(gid), .def = "4294967295",		\
	  .help = "group of mapped files; ferry's own; of squashed ones nobody" },	\
	{ "guest_checks", OPT_BOOL, FSDEV(guest_checks), .def = "off",	\
	  .help = "passthrough: the guest judges modes and access lists" }, \
	{ "msize", OPT_SIZE, FSDEV(msize), 4096, 1 << 20, .def = "512K", \
	  .help = "bytes of a message at most" },		\
	{ "fids", OPT_UINT, FSDEV(fids), 1, 65536, .def = "65536",	\
	  .help = "files in use at most" },				\
	{ "xattr_bytes", OPT_SIZE, FSDEV(xattr_bytes), 1, 16 << 20, .def = "16M", \
	  .help = "bytes of extended attributes held at most" },	\
	{ "poll-us", OPT_UINT, FSDEV(poll_us), 0, 1000000, .def = "0",	\
	  .help = "microseconds of busy polling before the kernel sleeps" }

static const struct opt_row fsdev_rows[] = { FSDEV_ROWS };

static const struct opt_row virtfs_rows[] = {
	FSDEV_ROWS,
	{ "mount_tag", OPT_STRING, VIRTFS(mount_tag),
	  .help = "what the guest mounts, at most 31 bytes" },
	{ "vhost", OPT_TRI, VIRTFS(vhost),
	  .help = "on: served in the kernel; left out: if it can" },
	{ "vhostdev", OPT_STRING, VIRTFS(vhostdev), .def = "/dev/ferry-9p",
	  .help = "vhost device" },
};

const struct opt_table fsdev_table = {
	.implied = "fsdriver", .rows = fsdev_rows, .n = ARRAY_SIZE(fsdev_rows),
};

const struct opt_table virtfs_table = {
	.implied = "fsdriver", .rows = virtfs_rows, .n = ARRAY_SIZE(virtfs_rows),
};

static int fsdev_check_driver(const struct fsdev_config *f, struct error *e)
{
	if (!f->id)
		return error_set(e, EINVAL, "fsdev: No id specified");
	if (!*f->driver)
		return error_set(e, EINVAL, "fsdev: No fsdriver specified");
	if (!strcmp(f->driver, "proxy") || !strcmp(f->driver, "synth"))
		return error_set(e, EINVAL, "fsdev: fsdriver %s is not supported: use local",
				 f->driver);
	if (strcmp(f->driver, "local"))
		return error_set(e, EINVAL, "fsdev: fsdriver %s not found", f->driver);
	return 0;
}

static int fsdev_check_model(struct fsdev_config *f, struct error *e)
{
	static const struct {
		const char *name;
		enum ferry_9p_model model;
	} models[] = {
		{ "passthrough", FERRY_9P_MODEL_PASSTHROUGH },
		{ "mapped-xattr", FERRY_9P_MODEL_MAPPED },
		{ "mapped", FERRY_9P_MODEL_MAPPED },
		{ "none", FERRY_9P_MODEL_NONE },
	};
	const char *name = f->security_model;
	size_t i;

	for (i = 0; name && i < ARRAY_SIZE(models); i++)
		if (!strcmp(name, models[i].name))
			f->model = models[i].model;
	if (f->model)
		return 0;
	if (!name)
		error_set(e, EINVAL, "security_model property not set");
	else if (!strcmp(name, "mapped-file"))
		error_set(e, EINVAL, "security_model=mapped-file is not supported: a guest could "
			  "reach the files that hold its attributes");
	else
		error_set(e, EINVAL, "invalid security_model property '%s'", name);
	error_hint(e, "Valid options are: security_model=[passthrough|mapped-xattr|none]");
	return -EINVAL;
}

static int fsdev_check_multidevs(const struct fsdev_config *f, struct error *e)
{
	if (!strcmp(f->multidevs, "remap") || !strcmp(f->multidevs, "warn"))
		return 0;
	if (!strcmp(f->multidevs, "forbid"))
		error_set(e, EINVAL, "multidevs=forbid is not supported: subvolumes are served, "
			  "and what is mounted below the directory never is");
	else
		error_set(e, EINVAL, "invalid multidevs property '%s'", f->multidevs);
	error_hint(e, "Valid options are: multidevs=[remap|warn]");
	return -EINVAL;
}

static int fsdev_check_writeout(struct fsdev_config *f, struct error *e)
{
	if (!f->writeout)
		return 0;
	if (strcmp(f->writeout, "immediate"))
		return error_set(e, EINVAL, "invalid writeout property '%s': there is immediate, "
				 "or leave it out", f->writeout);
	f->flags |= FERRY_9P_F_WRITEOUT;
	return 0;
}

/* Host modes must leave the files to us. */
static int fsdev_check_mode(const char *key, u32 mode, u32 own, struct error *e)
{
	if (!(mode & ~0777U) && (mode & own) == own)
		return 0;
	error_set(e, EINVAL, "invalid %s 0%o: wanted is 0%o or more, up to 0777", key, mode, own);
	error_hint(e, "Octal numbers begin with 0.");
	return -EINVAL;
}

static int fsdev_check_squash(struct fsdev_config *f, struct error *e)
{
	if (!strcmp(f->squash, "root"))
		f->flags |= FERRY_9P_F_ROOT_SQUASH;
	else if (!strcmp(f->squash, "all"))
		f->flags |= FERRY_9P_F_ALL_SQUASH;
	else if (strcmp(f->squash, "none"))
		return error_set(e, EINVAL, "invalid squash property '%s': there are none, root "
				 "and all", f->squash);
	/* Ferry's own, which is mostly root's, would squash nothing. */
	if (strcmp(f->squash, "none")) {
		if (f->uid == FERRY_9P_SELF)
			f->uid = FERRY_P9_NOBODY;
		if (f->gid == FERRY_9P_SELF)
			f->gid = FERRY_P9_NOBODY;
	}
	if (f->guest_checks)
		f->flags |= FERRY_9P_F_GUEST_CHECKS;
	if (f->readonly)
		f->flags |= FERRY_9P_F_READ_ONLY;
	if (f->model != FERRY_9P_MODEL_PASSTHROUGH && (f->flags & FERRY_P9_PASSTHROUGH_FLAGS))
		return error_set(e, EINVAL, "%s is only valid for security_model=passthrough",
				 f->guest_checks ? "guest_checks" : "squash");
	return 0;
}

/* Keys that say something only with some models. */
static int fsdev_check_use(const struct fsdev_config *f, const char *arg, struct error *e)
{
	bool mapped = f->model == FERRY_9P_MODEL_MAPPED;
	char buf[2];

	if (!mapped && opt_peek(arg, NULL, "fmode", buf, sizeof(buf)))
		return error_set(e, EINVAL, "fmode is only valid for mapped security modes");
	if (!mapped && opt_peek(arg, NULL, "dmode", buf, sizeof(buf)))
		return error_set(e, EINVAL, "dmode is only valid for mapped security modes");
	if (f->uid == FERRY_9P_SELF && f->gid == FERRY_9P_SELF)
		return 0;
	if (!mapped && !(f->flags & (FERRY_9P_F_ROOT_SQUASH | FERRY_9P_F_ALL_SQUASH)))
		return error_set(e, EINVAL, "uid and gid are only valid for mapped security modes "
				 "and with squash=root or all");
	return 0;
}

static int fsdev_check(struct config *c, struct fsdev_config *f, const char *arg,
		       struct error *e)
{
	int ret = fsdev_check_driver(f, e);

	if (!ret && config_find_fsdev(c, f->id))
		ret = error_set(e, EEXIST, "Duplicate ID '%s' for fsdev", f->id);
	if (!ret)
		ret = fsdev_check_model(f, e);
	if (!ret && (!f->path || !*f->path))
		ret = error_set(e, EINVAL, "path property not set");
	if (!ret)
		ret = fsdev_check_multidevs(f, e);
	if (!ret)
		ret = fsdev_check_writeout(f, e);
	if (!ret)
		ret = fsdev_check_mode("fmode", f->fmode, 0600, e);
	if (!ret)
		ret = fsdev_check_mode("dmode", f->dmode, 0700, e);
	if (!ret)
		ret = fsdev_check_squash(f, e);
	return ret ?: fsdev_check_use(f, arg, e);
}

struct fsdev_config *config_find_fsdev(const struct config *c, const char *id)
{
	unsigned int i;

	for (i = 0; i < c->n_fsdevs; i++)
		if (!strcmp(c->fsdev[i]->id, id))
			return c->fsdev[i];
	return NULL;
}

void config_free_fsdev(struct fsdev_config *f)
{
	opt_free(&fsdev_table, f);
	free(f);
}

void config_remove_fsdev(struct config *c, struct fsdev_config *f)
{
	config_remove(c->fsdev, &c->n_fsdevs, f);
	config_free_fsdev(f);
}

/* Keep a directory that was parsed, or what is wrong with it; @f is moved. */
static int fsdev_add(struct config *c, struct fsdev_config *f, const char *arg, struct error *e)
{
	struct fsdev_config *own;
	int ret;

	if (c->n_fsdevs == CONFIG_DEVICES_MAX)
		return error_set(e, ENOSPC, "too many -fsdev");
	ret = fsdev_check(c, f, arg, e);
	if (ret)
		return ret;
	own = malloc(sizeof(*own));
	if (!own)
		return error_errno(e, ENOMEM, "options");
	*own = *f;
	c->fsdev[c->n_fsdevs++] = own;
	*f = (struct fsdev_config){ 0 };
	return 0;
}

int config_add_fsdev(struct config *c, const char *arg, struct error *e)
{
	struct fsdev_config f = { 0 };
	int ret = opt_defaults(&fsdev_table, &f, e);

	if (!ret)
		ret = opt_parse(&fsdev_table, arg, &f, e);
	if (!ret)
		ret = fsdev_add(c, &f, arg, e);
	opt_free(&fsdev_table, &f);
	return ret;
}

/* The device that a -virtfs stands for; its strings are moved there. */
static int virtfs_fill_device(struct device_config *d, struct virtfs_config *v, const char *arg,
			      struct error *e)
{
	free(d->p9.vhostdev);
	d->p9.vhostdev = v->vhostdev;
	d->p9.mount_tag = v->mount_tag;
	v->vhostdev = NULL;
	v->mount_tag = NULL;
	d->p9.vhost = v->vhost;
	d->p9.fsdev = strdup(v->fs.id);
	if (!d->p9.fsdev || asprintf(&d->where, "-virtfs %s", arg) < 0) {
		d->where = NULL;
		return error_errno(e, ENOMEM, "options");
	}
	return config_check_p9(&d->p9, e);
}

static int virtfs_add(struct config *c, struct virtfs_config *v, const char *arg, struct error *e)
{
	struct device_config *d;
	int ret;

	if (!*v->fs.driver || !v->mount_tag)
		return error_set(e, EINVAL, "Usage: -virtfs fsdriver,mount_tag=tag");
	if (!v->fs.id)
		v->fs.id = strdup(v->mount_tag);
	if (!v->fs.id)
		return error_errno(e, ENOMEM, "options");
	ret = config_new_device(c, "virtio-9p-pci", &d, e);
	if (ret)
		return ret;
	ret = virtfs_fill_device(d, v, arg, e);
	if (!ret)
		ret = fsdev_add(c, &v->fs, arg, e);
	if (!ret)
		c->device[c->n_devices++] = d;
	else
		config_free_device(d);
	return ret;
}

int config_add_virtfs(struct config *c, const char *arg, struct error *e)
{
	struct virtfs_config v = { .fs.id = NULL };
	int ret = opt_defaults(&virtfs_table, &v, e);

	if (!ret)
		ret = opt_parse(&virtfs_table, arg, &v, e);
	if (!ret)
		ret = virtfs_add(c, &v, arg, e);
	opt_free(&virtfs_table, &v);
	return ret;
}

int config_check_p9(const struct p9_config *p, struct error *e)
{
	size_t len = p->mount_tag ? strlen(p->mount_tag) : 0;

	if (!p->fsdev)
		return error_set(e, EINVAL, "fsdev property not set");
	if (!len)
		return error_set(e, EINVAL, "fsdev with id %s needs mount_tag arguments",
				 p->fsdev);
	if (len > P9_TAG_MAX)
		return error_set(e, ERANGE, "mount tag '%s' (%zu bytes) is longer than maximum "
				 "(%d bytes)", p->mount_tag, len, P9_TAG_MAX);
	return 0;
}

int config_check_fsdev(struct config *c, struct device_config *d, struct error *e)
{
	struct fsdev_config *f = config_find_fsdev(c, d->p9.fsdev);
	const struct device_config *other;
	unsigned int i;

	if (!f)
		return error_set(e, ENODEV, "9pfs device couldn't find fsdev with the id = %s",
				 d->p9.fsdev);
	for (i = 0; c->device[i] != d; i++) {
		other = c->device[i];
		if (other->type->kind != DEVICE_9P)
			continue;
		if (!strcmp(other->p9.fsdev, f->id))
			return error_set(e, EBUSY, "fsdev '%s' is already in use by another "
					 "device", f->id);
		if (!strcmp(other->p9.mount_tag, d->p9.mount_tag))
			return error_set(e, EBUSY, "mount tag '%s' is already in use by another "
					 "device", d->p9.mount_tag);
	}
	f->vhost = d->p9.vhost;
	f->vhostdev = d->p9.vhostdev;
	d->p9.export = f;
	return 0;
}
