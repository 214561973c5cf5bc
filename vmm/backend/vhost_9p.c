// SPDX-License-Identifier: GPL-2.0
/*
 * Role: start and stop the queue of a directory on /dev/ferry-9p.
 * Threads: main, and vCPUs (a driver becomes ready, or resets).
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include "vhost_9p.h"

#include <errno.h>
#include <linux/vhost.h>
#include <sys/mman.h>

/* A ring that no guest has, for a trial: its three areas are a page apart. */
#define TRIAL_PAGE	4096U
#define TRIAL_SIZE	2U

/* What is asked is left as it is, whatever the kernel fills in. */
static int vhost_9p_set_backend(const struct vhost *vh, struct ferry_9p_backend b)
{
	return vhost_ioctl(vh, FERRY_9P_SET_BACKEND, &b);
}

static int vhost_9p_serve(const struct vhost *vh, const struct ferry_9p_backend *export, u32 how)
{
	struct ferry_9p_backend b = *export;

	b.flags |= how;
	return vhost_9p_set_backend(vh, b);
}

static void vhost_9p_off(const struct vhost *vh)
{
	vhost_9p_set_backend(vh, (struct ferry_9p_backend){ .fd = -1 });
}

/*
 * The kernel judges an export when it starts: start it, on a ring that stays empty. It keeps the
 * directory, which to take over may want a right that is gone when the guest's driver starts.
 */
static int vhost_9p_try(struct vhost *vh, const struct ferry_9p_backend *export, u8 *mem)
{
	struct vhost_vring_state num = { .num = TRIAL_SIZE }, base = { 0 };
	struct vhost_vring_addr addr = {
		.desc_user_addr = (uintptr_t)mem,
		.avail_user_addr = (uintptr_t)mem + TRIAL_PAGE,
		.used_user_addr = (uintptr_t)mem + 2 * TRIAL_PAGE,
	};
	int ret = vhost_begin(vh, NULL, VIRTIO_BIT(F_VERSION_1));

	if (!ret)
		ret = vhost_ioctl(vh, VHOST_SET_VRING_NUM, &num);
	if (!ret)
		ret = vhost_ioctl(vh, VHOST_SET_VRING_BASE, &base);
	if (!ret)
		ret = vhost_ioctl(vh, VHOST_SET_VRING_ADDR, &addr);
	if (!ret)
		ret = vhost_9p_serve(vh, export, FERRY_9P_F_KEEP);
	vhost_9p_off(vh);
	return ret;
}

int vhost_9p_probe(struct vhost *vh, const struct ferry_9p_backend *export, struct error *e)
{
	const size_t len = 3 * TRIAL_PAGE;
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (mem == MAP_FAILED)
		return error_errno(e, errno, "vhost: trial ring");
	ret = vhost_9p_try(vh, export, mem);
	munmap(mem, len);
	if (!ret)
		return 0;
	error_errno(e, ret, "vhost: the device refused the directory");
	if (ret == -EPERM)
		error_hint(e, "security_model=passthrough, uid= and gid= of others take "
			   "CAP_SETUID, CAP_SETGID and CAP_CHOWN; newer kernels want "
			   "CAP_SYS_ADMIN for any directory.");
	return ret;
}

int vhost_9p_start(struct vhost *vh, struct virtio_dev *v,
		   const struct ferry_9p_backend *export)
{
	int ret = vhost_begin(vh, v, v->acked & vh->features);

	if (!ret)
		ret = vhost_set_queue(vh, &v->queue[0], 0);
	if (!ret)
		ret = vhost_9p_serve(vh, export, FERRY_9P_F_KEPT);
	if (ret)
		vhost_9p_stop(vh);
	return ret;
}

void vhost_9p_stop(struct vhost *vh)
{
	vhost_9p_off(vh);
	vhost_end(vh, 1);
}
