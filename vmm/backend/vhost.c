// SPDX-License-Identifier: GPL-2.0
/*
 * Role: hand queues to a vhost device: ring addresses, memory table, eventfds. The
 *	queue's kick eventfd is the one that KVM signals at the guest's notification,
 *	and its call eventfd the one that KVM watches, so that no packet and no request
 *	comes near this program.
 * Threads: main, and vCPUs (a driver becomes ready, or resets).
 * Locks: the machine's lock is held by the caller.
 */
#include "vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Index and wrap counter at which a packed ring starts, twice. */
#define VHOST_PACKED_BASE	0x80008000U

int vhost_ioctl(const struct vhost *vh, unsigned long req, const void *arg)
{
	return ioctl(vh->fd, req, arg) < 0 ? -errno : 0;
}

int vhost_set_poll(const struct vhost *vh, unsigned int n, u32 us, struct error *e)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < n && us && !ret; i++) {
		struct vhost_vring_state s = { .index = i, .num = us };

		ret = vhost_ioctl(vh, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, &s);
	}
	return ret ? error_errno(e, ret, "vhost: poll-us=%u was refused", us) : 0;
}

int vhost_set_file(const struct vhost *vh, unsigned long req, unsigned int i, int fd)
{
	struct vhost_vring_file f = { .index = i, .fd = fd };

	return vhost_ioctl(vh, req, &f);
}

int vhost_open(const char *path, const char *module, struct error *e)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK), err = errno;

	if (fd >= 0)
		return fd;
	error_errno(e, err, "vhost: could not open '%s'", path);
	if (err == ENOENT || err == ENODEV || err == ENXIO)
		error_hint(e, "Is the module loaded? 'modprobe %s', or vhost=off to do without.",
			   module);
	return -err;
}

static void vhost_err(void *opaque, u32 events)
{
	struct vhost *vh = opaque;
	eventfd_t n;

	(void)events;
	if (!eventfd_read(vh->err_fd, &n) && vh->v)
		virtio_needs_reset(vh->v);
}

int vhost_init(struct vhost *vh, struct machine *m, int fd, struct error *e)
{
	int ret;

	*vh = (struct vhost){ .m = m, .fd = fd, .err_fd = -1 };
	ret = vhost_ioctl(vh, VHOST_SET_OWNER, NULL);
	if (ret)
		return error_errno(e, ret, "vhost: could not become the device's owner");
	ret = vhost_ioctl(vh, VHOST_GET_FEATURES, &vh->features);
	if (ret)
		return error_errno(e, ret, "vhost: could not read the device's features");
	vh->err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vh->err_fd < 0)
		return error_errno(e, errno, "eventfd");
	vh->err = (struct loop_source){ vh->err_fd, vhost_err, vh, false };
	ret = loop_add(&m->loop, &vh->err, EPOLLIN);
	return ret ? error_errno(e, ret, "event loop") : 0;
}

void vhost_destroy(struct vhost *vh)
{
	if (!vh->m)
		return;
	loop_del(&vh->m->loop, &vh->err);
	if (vh->err_fd >= 0)
		close(vh->err_fd);
	if (vh->fd >= 0)
		close(vh->fd);
	*vh = (struct vhost){ .fd = -1, .err_fd = -1 };
}

static int vhost_set_memory(const struct vhost *vh)
{
	const struct ram *ram = &vh->m->ram;
	struct vhost_memory *mem;
	unsigned int i;
	int ret;

	mem = calloc(1, sizeof(*mem) + ram->n * sizeof(mem->regions[0]));
	if (!mem)
		return -ENOMEM;
	mem->nregions = ram->n;
	for (i = 0; i < ram->n; i++)
		mem->regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = ram->region[i].gpa,
			.memory_size = ram->region[i].size,
			.userspace_addr = (uintptr_t)ram->region[i].hva,
		};
	ret = vhost_ioctl(vh, VHOST_SET_MEM_TABLE, mem);
	free(mem);
	return ret;
}

int vhost_begin(struct vhost *vh, struct virtio_dev *v, u64 features)
{
	int ret;

	vh->v = v;
	ret = vhost_ioctl(vh, VHOST_SET_FEATURES, &features);
	return ret ?: vhost_set_memory(vh);
}

static int vhost_set_addresses(const struct vhost *vh, const struct virtq *q, unsigned int i)
{
	const struct ram *ram = &vh->m->ram;
	struct vhost_vring_addr a = { .index = i };
	struct virtq_layout l;

	virtq_layout(vh->v, q, &l);
	a.desc_user_addr = (uintptr_t)ram_ptr(ram, q->desc, l.desc);
	a.avail_user_addr = (uintptr_t)ram_ptr(ram, q->driver, l.driver);
	a.used_user_addr = (uintptr_t)ram_ptr(ram, q->device, l.device);
	if (!a.desc_user_addr || !a.avail_user_addr || !a.used_user_addr)
		return -EFAULT;
	return vhost_ioctl(vh, VHOST_SET_VRING_ADDR, &a);
}

int vhost_set_queue(const struct vhost *vh, const struct virtq *q, unsigned int i)
{
	bool packed = virtio_has(vh->v, VIRTIO_F_RING_PACKED);
	struct vhost_vring_state num = { .index = i, .num = q->size };
	struct vhost_vring_state base = { .index = i, .num = packed ? VHOST_PACKED_BASE : 0 };
	int ret;

	if (!q->enabled)
		return -EINVAL;
	ret = vhost_ioctl(vh, VHOST_SET_VRING_NUM, &num);
	if (!ret)
		ret = vhost_ioctl(vh, VHOST_SET_VRING_BASE, &base);
	if (!ret)
		ret = vhost_set_addresses(vh, q, i);
	if (!ret)
		ret = vhost_set_file(vh, VHOST_SET_VRING_KICK, i, q->kick_fd);
	if (!ret)
		ret = vhost_set_file(vh, VHOST_SET_VRING_CALL, i, q->call_fd);
	if (!ret)
		ret = vhost_set_file(vh, VHOST_SET_VRING_ERR, i, vh->err_fd);
	return ret;
}

void vhost_end(struct vhost *vh, unsigned int queues)
{
	unsigned int i;
	eventfd_t n;

	for (i = 0; i < queues; i++) {
		vhost_set_file(vh, VHOST_SET_VRING_KICK, i, -1);
		vhost_set_file(vh, VHOST_SET_VRING_CALL, i, -1);
	}
	/* The next driver has not erred. */
	eventfd_read(vh->err_fd, &n);
	vh->v = NULL;
}
