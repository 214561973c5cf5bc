// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the virtio-9p device but for its messages: a queue, and the mount tag that
 *	a driver finds it by. The virtio specification has no more of it than its number;
 *	features and configuration space are those of <linux/virtio_9p.h>.
 * Threads: vCPUs (registers), main (reset).
 * Locks: the machine's lock is held by the caller.
 */
#include "p9.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <string.h>

#define P9_CLASS	0x018000	/* a storage controller of no other kind */

/* Linux asks with up to 128 descriptors at once, and waits when there are no more. */
#define P9_QUEUE_SIZE	128

static struct p9_dev *to_p9(struct virtio_dev *v)
{
	return container_of(v, struct p9_dev, v);
}

static void p9_config_read(struct virtio_dev *v, u32 off, void *buf, u32 size)
{
	memcpy(buf, to_p9(v)->bytes + off, size);
}

/* Nothing in it can be written. */
static void p9_config_write(struct virtio_dev *v, u32 off, const void *buf, u32 size)
{
	(void)v, (void)off, (void)buf, (void)size;
}

static int p9_start(struct virtio_dev *v)
{
	struct p9_dev *p = to_p9(v);

	if (!v->queue[0].enabled)
		return -EINVAL;
	return p->ops->start(p->backend, v);
}

static void p9_stop(struct virtio_dev *v)
{
	struct p9_dev *p = to_p9(v);

	p->ops->stop(p->backend);
}

static const struct virtio_ops p9_ops = {
	.config_read = p9_config_read,
	.config_write = p9_config_write,
	.start = p9_start,
	.stop = p9_stop,
};

int p9_init(struct p9_dev *p, struct machine *m, const struct p9_dev_config *cfg,
	    const struct p9_backend_ops *ops, void *backend, struct error *e)
{
	const u16 size = P9_QUEUE_SIZE;
	size_t len = strlen(cfg->tag);

	if (!len || len > P9_TAG_MAX)
		return error_set(e, EINVAL, "mount tag '%s' (%zu bytes) must have 1 to %d bytes",
				 cfg->tag, len, P9_TAG_MAX);
	*p = (struct p9_dev){
		.v = {
			.ops = &p9_ops,
			.type = VIRTIO_ID_9P,
			.class_code = P9_CLASS,
			.config_size = sizeof(p->config) + len,
			.offered = ops->features(backend, cfg->features) |
				   BIT_ULL(VIRTIO_9P_MOUNT_TAG),
		},
		.ops = ops, .backend = backend,
		.config.tag_len = htole16(len),
	};
	memcpy(p->bytes + sizeof(p->config), cfg->tag, len);
	return virtio_init(&p->v, m, 1, &size, e);
}

void p9_destroy(struct p9_dev *p)
{
	virtio_destroy(&p->v);
}
