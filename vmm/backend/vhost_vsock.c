// SPDX-License-Identifier: GPL-2.0
/*
 * Role: virtio-vsock on the host's own /dev/vhost-vsock. The device is registers and an
 *	address; connections are the kernel's. Follows the virtio specification 1.3,
 *	"Socket Device".
 * Threads: vCPUs (registers), main (reset).
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include "vhost_vsock.h"

#include <endian.h>
#include <errno.h>
#include <linux/vhost.h>
#include <linux/virtio_ids.h>
#include <string.h>

#define VSOCK_CLASS		0x078000	/* a communication device of no other kind */
#define VSOCK_QUEUE_SIZE	128

/* Receive, transmit, and events, of which there are none: no migration, no new address. */
#define VSOCK_QUEUES		3U
#define VSOCK_VHOST_QUEUES	2U

#define VSOCK_DEVICE_FEATURES	BIT_ULL(VIRTIO_VSOCK_F_SEQPACKET)

static struct vhost_vsock *to_vsock(struct virtio_dev *v)
{
	return container_of(v, struct vhost_vsock, v);
}

static void vsock_config_read(struct virtio_dev *v, u32 off, void *buf, u32 size)
{
	memcpy(buf, (const u8 *)&to_vsock(v)->config + off, size);
}

/* Nothing in it can be written. */
static void vsock_config_write(struct virtio_dev *v, u32 off, const void *buf, u32 size)
{
	(void)v, (void)off, (void)buf, (void)size;
}

static int vsock_set_running(const struct vhost_vsock *s, int running)
{
	return vhost_ioctl(&s->vh, VHOST_VSOCK_SET_RUNNING, &running);
}

static void vsock_stop(struct virtio_dev *v)
{
	struct vhost_vsock *s = to_vsock(v);

	vsock_set_running(s, 0);
	vhost_end(&s->vh, VSOCK_VHOST_QUEUES);
}

/* The kernel keeps where the queues are. */
static void vsock_pause(struct virtio_dev *v)
{
	vsock_set_running(to_vsock(v), 0);
}

static int vsock_resume(struct virtio_dev *v)
{
	return vsock_set_running(to_vsock(v), 1);
}

static int vsock_start(struct virtio_dev *v)
{
	struct vhost_vsock *s = to_vsock(v);
	unsigned int i;
	int ret = vhost_begin(&s->vh, v, v->acked & s->vh.features);

	for (i = 0; i < VSOCK_VHOST_QUEUES && !ret; i++)
		ret = vhost_set_queue(&s->vh, &v->queue[i], i);
	if (!ret)
		ret = vsock_set_running(s, 1);
	if (ret)
		vsock_stop(v);
	return ret;
}

static const struct virtio_ops vsock_ops = {
	.config_read = vsock_config_read,
	.config_write = vsock_config_write,
	.start = vsock_start,
	.stop = vsock_stop,
	.pause = vsock_pause,
	.resume = vsock_resume,
};

/* The address is taken at once, so that one in use is known before the guest runs. */
static int vsock_open(struct vhost_vsock *s, struct machine *m,
		      const struct vhost_vsock_config *cfg, struct error *e)
{
	int fd = vhost_open(cfg->vhostdev, "vhost_vsock", e);
	int ret;

	if (fd < 0) {
		/* There is nobody else to do it. */
		error_hint(e, "Is the module loaded? 'modprobe vhost_vsock'.");
		return fd;
	}
	ret = vhost_init(&s->vh, m, fd, e);
	if (ret)
		return ret;
	ret = vhost_ioctl(&s->vh, VHOST_VSOCK_SET_GUEST_CID, &cfg->cid);
	if (!ret)
		return 0;
	error_errno(e, ret, "vhost-vsock: unable to set guest cid");
	if (ret == -EADDRINUSE)
		error_hint(e, "Another guest of this host has guest-cid=%llu.",
			   (unsigned long long)cfg->cid);
	return ret;
}

int vhost_vsock_init(struct vhost_vsock *s, struct machine *m,
		     const struct vhost_vsock_config *cfg, struct error *e)
{
	static const u16 sizes[VSOCK_QUEUES] = {
		VSOCK_QUEUE_SIZE, VSOCK_QUEUE_SIZE, VSOCK_QUEUE_SIZE,
	};
	int ret;

	*s = (struct vhost_vsock){
		.v = {
			.ops = &vsock_ops,
			.type = VIRTIO_ID_VSOCK,
			.class_code = VSOCK_CLASS,
			.config_size = sizeof(s->config),
		},
		.config.guest_cid = htole64(cfg->cid),
	};
	ret = vsock_open(s, m, cfg, e);
	if (ret)
		return ret;
	s->v.offered = s->vh.features & (cfg->features | VSOCK_DEVICE_FEATURES);
	return virtio_init(&s->v, m, VSOCK_QUEUES, sizes, e);
}

void vhost_vsock_destroy(struct vhost_vsock *s)
{
	virtio_destroy(&s->v);
	vhost_destroy(&s->vh);
}
