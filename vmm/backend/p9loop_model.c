// SPDX-License-Identifier: GPL-2.0
/*
 * Role: security models, as drivers/9p/model.c has them. In mapped every file is a plain
 *	file or directory of one host user; owner, mode, type and device as the guest
 *	sees them stand in extended attributes, in the format of QEMU's mapped-xattr.
 * Threads: those that serve requests, with the rights of the request.
 * Locks: mode_lock, where a mode is read and then set.
 */
#include <endian.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "p9loop_server.h"

#define MODEL_VIRTFS	"user.virtfs."
#define MODEL_UID	MODEL_VIRTFS "uid"
#define MODEL_GID	MODEL_VIRTFS "gid"
#define MODEL_MODE	MODEL_VIRTFS "mode"
#define MODEL_RDEV	MODEL_VIRTFS "rdev"

#define MODEL_BITS	07777

u32 p9loop_encode_dev(u32 major, u32 minor)
{
	return (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
}

/* The guest never sees these. */
bool p9loop_hidden(const char *name)
{
	return !strncmp(name, MODEL_VIRTFS, strlen(MODEL_VIRTFS)) || !strcmp(name, "user.virtfs");
}

/* Only these carry attributes in mapped. */
static bool model_maps(const struct p9loop_node *node)
{
	return S_ISDIR(node->type) || S_ISREG(node->type);
}

/*
 * An attribute of @size bytes. Return: 1, 0 if the file has none that can be had, or
 * -errno if that cannot be told: to take the host's for it would be wrong.
 */
static int model_get(const struct p9loop_node *node, const char *name, u64 *v, size_t size)
{
	u64 raw = 0;
	ssize_t n = getxattr(p9loop_name(node->fd).s, name, &raw, sizeof(raw));

	if (n < 0) {
		switch (errno) {
		case ENODATA:
		case EOPNOTSUPP:
		case ERANGE:
		case EACCES:
		case EPERM:
			return 0;
		}
		return -errno;
	}
	if ((size_t)n != size)
		return 0;
	*v = le64toh(raw);
	return 1;
}

static int model_set(const struct p9loop_node *node, const char *name, u64 v, size_t size)
{
	u64 raw = htole64(v);

	return setxattr(p9loop_name(node->fd).s, name, &raw, size, 0) ? -errno : 0;
}

static mode_t model_mode(mode_t host, mode_t mode)
{
	mode_t type = mode & S_IFMT;

	if (S_ISDIR(host))
		return (mode & MODEL_BITS) | S_IFDIR;
	if (!type || S_ISDIR(mode))
		type = S_IFREG;
	return (mode & MODEL_BITS) | type;
}

static int model_stat(const struct p9loop_node *node, struct statx *st)
{
	u64 v;
	int has;

	if (!model_maps(node))
		return 0;
	has = model_get(node, MODEL_UID, &v, sizeof(u32));
	if (has > 0)
		st->stx_uid = v;
	if (has >= 0)
		has = model_get(node, MODEL_GID, &v, sizeof(u32));
	if (has > 0)
		st->stx_gid = v;
	if (has >= 0)
		has = model_get(node, MODEL_MODE, &v, sizeof(u32));
	if (has > 0)
		st->stx_mode = model_mode(st->stx_mode, v);
	if (has >= 0 && (S_ISBLK(st->stx_mode) || S_ISCHR(st->stx_mode))) {
		has = model_get(node, MODEL_RDEV, &v, sizeof(u64));
		if (has > 0) {
			st->stx_rdev_major = (v & 0xfff00) >> 8;
			st->stx_rdev_minor = (v & 0xff) | ((v >> 12) & 0xfff00);
		}
	}
	return has < 0 ? has : 0;
}

/* Attributes as the guest sees them. */
int p9loop_stat(struct p9loop_server *s, const struct p9loop_node *node, struct statx *st)
{
	if (statx(node->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, st))
		return -errno;
	return p9loop_mapped(s) ? model_stat(node, st) : 0;
}

/* The version changes whenever data do that a client may have cached. */
void p9loop_put_qid(struct p9loop_server *s, struct ferry_p9_enc *e, const struct statx *st)
{
	u32 dev = p9loop_encode_dev(st->stx_dev_major, st->stx_dev_minor);
	u8 type = FERRY_P9_QTFILE;

	if (S_ISDIR(st->stx_mode))
		type = FERRY_P9_QTDIR;
	else if (S_ISLNK(st->stx_mode))
		type = FERRY_P9_QTSYMLINK;
	ferry_p9_put_qid(e, type, (u32)st->stx_mtime.tv_sec ^ st->stx_mtime.tv_nsec ^
			 (u32)(st->stx_size << 8),
			 ferry_p9_qid_path(st->stx_ino, dev, s->ex.root->dev));
}

/* Attributes of a new file in mapped. */
static int model_map_made(const struct p9loop_node *node, const struct p9loop_new *new)
{
	int err = model_set(node, MODEL_UID, new->uid, sizeof(u32));

	if (!err)
		err = model_set(node, MODEL_GID, new->gid, sizeof(u32));
	if (!err)
		err = model_set(node, MODEL_MODE, new->mode, sizeof(u32));
	if (!err && (S_ISBLK(new->mode) || S_ISCHR(new->mode)))
		err = model_set(node, MODEL_RDEV, p9loop_encode_dev(new->major, new->minor),
				sizeof(u64));
	return err;
}

/* In none: give the new file to its owner, if that can be done. */
static void model_try_chown(const struct p9loop_node *node, const struct p9loop_new *new)
{
	if (new->uid == FERRY_9P_SELF || new->gid == FERRY_9P_SELF)
		return;
	if (fchownat(node->fd, "", new->uid, new->gid, AT_EMPTY_PATH))
		return;
	/* That takes set-id bits off, which are meant here; mkdir() takes none. */
	if (new->mode & (S_ISUID | S_ISGID) && !S_ISLNK(new->mode) && !p9loop_is_dir(node))
		fchmodat(AT_FDCWD, p9loop_name(node->fd).s, new->mode & MODEL_BITS, 0);
}

/* A file was just made: give it what the model wants it to have. */
int p9loop_made(struct p9loop_server *s, const struct p9loop_node *node,
		const struct p9loop_new *new)
{
	if (p9loop_mapped(s))
		return model_map_made(node, new);
	if (s->ex.model == FERRY_9P_MODEL_NONE)
		model_try_chown(node, new);
	return 0;
}

/* What a mode becomes when the file is written or gets another owner. */
mode_t p9loop_mode_killed(mode_t mode)
{
	if (S_ISDIR(mode))
		return mode;
	if (mode & S_IXGRP)
		mode &= ~S_ISGID;
	return mode & ~S_ISUID;
}

/* The mode goes first: no file that keeps its set-id bits gets another owner. */
static int model_change(struct p9loop_server *s, const struct p9loop_node *node,
			const struct p9loop_change *c)
{
	struct statx st;
	mode_t mode;
	int err = p9loop_stat(s, node, &st);

	if (err)
		return err;
	if (c->valid & FERRY_P9_SET_MODE)
		mode = (st.stx_mode & S_IFMT) | (c->mode & MODEL_BITS);
	else
		mode = p9loop_mode_killed(st.stx_mode);
	if (c->valid & FERRY_P9_SET_MODE || mode != st.stx_mode)
		err = model_set(node, MODEL_MODE, mode, sizeof(u32));
	if (!err && (c->valid & FERRY_P9_SET_UID))
		err = model_set(node, MODEL_UID, c->uid, sizeof(u32));
	if (!err && (c->valid & FERRY_P9_SET_GID))
		err = model_set(node, MODEL_GID, c->gid, sizeof(u32));
	return err;
}

/* chmod and chown in mapped. */
int p9loop_map_change(struct p9loop_server *s, const struct p9loop_node *node,
		      const struct p9loop_change *c)
{
	int err;

	if (!model_maps(node))
		return -EPERM;
	pthread_mutex_lock(&s->mode_lock);
	err = model_change(s, node, c);
	pthread_mutex_unlock(&s->mode_lock);
	return err;
}

/* Take set-id bits off a mode that has any. */
static int model_strip(const struct p9loop_node *node)
{
	u64 v;
	int has = model_get(node, MODEL_MODE, &v, sizeof(u32));
	mode_t mode;

	if (has <= 0)
		return has;
	mode = p9loop_mode_killed(v);
	return mode == (mode_t)v ? 0 : model_set(node, MODEL_MODE, mode, sizeof(u32));
}

/* The guest is about to write to a file: its set-id bits go, as the kernel has the host's go. */
int p9loop_map_strip(struct p9loop_server *s, const struct p9loop_node *node)
{
	int err;

	if (!p9loop_mapped(s) || !S_ISREG(node->type))
		return 0;
	pthread_mutex_lock(&s->mode_lock);
	err = model_strip(node);
	pthread_mutex_unlock(&s->mode_lock);
	return err;
}
