// SPDX-License-Identifier: GPL-2.0
/*
 * A virtio disk in user space: a split ring whose driver is this kernel's own and trusted.
 * Follows Documentation/userspace-api/vduse.rst of the kernel and the virtio specification
 * 1.3, "Split Virtqueues" and "Block Device". One thread serves; it takes no locks.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vduse.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "blk.h"
#include "check.h"
#include "shell.h"
#include "vduse.h"

#define VDUSE_DIR	"/dev/vduse"
#define VDUSE_RING	128
#define VDUSE_SEGS	(VDUSE_RING + 1)

/* Bytes of the configuration, and where the three numbers are that older headers do not have. */
#define VDUSE_CONFIG		72
#define VDUSE_CONFIG_ERASE	60

static int vduse_refuse(struct vduse *v, int err, const char *what)
{
	snprintf(v->why, sizeof(v->why), "%s: %s", what, strerror(-err));
	return err;
}

/* --- the driver's memory ------------------------------------------------------------------ */

static void vduse_forget(struct vduse *v)
{
	for (unsigned int i = 0; i < v->n_maps; i++)
		munmap(v->map[i].at, v->map[i].last - v->map[i].start + 1);
	v->n_maps = 0;
}

static const struct vduse_map *vduse_map(struct vduse *v, uint64_t iova)
{
	struct vduse_iotlb_entry e = { .start = iova, .last = iova };
	struct vduse_map *m = &v->map[v->n_maps];
	int fd = ioctl(v->dev, VDUSE_IOTLB_GET_FD, &e);
	int prot = e.perm == VDUSE_ACCESS_RO ? PROT_READ : PROT_READ | PROT_WRITE;

	check(fd >= 0, "the driver's memory at %#llx: %s", (unsigned long long)iova,
	      strerror(errno));
	check(v->n_maps < VDUSE_MAPS, "many pieces of memory");
	*m = (struct vduse_map){ .start = e.start, .last = e.last };
	m->at = mmap(NULL, e.last - e.start + 1, prot, MAP_SHARED, fd, e.offset);
	check(m->at != MAP_FAILED, "the driver's memory: %s", strerror(errno));
	close(fd);
	v->n_maps++;
	return m;
}

static void *vduse_mem(struct vduse *v, uint64_t iova, uint64_t len)
{
	const struct vduse_map *m = NULL;

	for (unsigned int i = 0; i < v->n_maps && !m; i++)
		if (iova >= v->map[i].start && iova <= v->map[i].last)
			m = &v->map[i];
	if (!m)
		m = vduse_map(v, iova);
	check(!len || iova + len - 1 <= m->last, "a buffer in two pieces of memory");
	return m->at + (iova - m->start);
}

/* --- requests ------------------------------------------------------------------------------ */

/* Bytes between the disk and the pieces from @skip on; whether they lay on the disk. */
static bool vduse_rw(struct vduse *v, const struct iovec *iov, unsigned int n, uint64_t sector,
		     bool in)
{
	uint64_t at = sector << 9;

	for (unsigned int i = 0; i < n; i++) {
		if (at + iov[i].iov_len > v->bytes)
			return false;
		if (in)
			memcpy(iov[i].iov_base, v->data + at, iov[i].iov_len);
		else
			memcpy(v->data + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	return true;
}

/* The driver's ranges are not to be seen: see the top of vduse.h. */
static bool vduse_erase(struct vduse *v, const struct iovec *iov, unsigned int n)
{
	const size_t one = sizeof(struct virtio_blk_discard_write_zeroes);

	__atomic_fetch_add(&v->erases, 1, __ATOMIC_SEQ_CST);
	return n == 1 && iov[0].iov_len == one &&
	       !__atomic_load_n(&v->fail_erase, __ATOMIC_SEQ_CST);
}

/* A chain of header, payload and status, each in pieces of its own; bytes written to it. */
static uint32_t vduse_request(struct vduse *v, const struct iovec *iov, unsigned int n,
			      uint32_t in_len)
{
	const struct virtio_blk_outhdr *h = iov[0].iov_base;
	uint8_t *status = iov[n - 1].iov_base;
	uint32_t type = le32toh(h->type);
	uint64_t sector = le64toh(h->sector);
	bool ok = true;

	iov++;
	n -= 2;
	*status = VIRTIO_BLK_S_OK;
	switch (type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		ok = vduse_rw(v, iov, n, sector, type == VIRTIO_BLK_T_IN);
		break;
	case VIRTIO_BLK_T_FLUSH:
		break;
	case VIRTIO_BLK_T_SECURE_ERASE:
		ok = vduse_erase(v, iov, n);
		break;
	default:
		*status = VIRTIO_BLK_S_UNSUPP;
	}
	if (!ok)
		*status = VIRTIO_BLK_S_IOERR;
	return in_len;
}

static uint32_t vduse_chain(struct vduse *v, uint16_t i)
{
	struct iovec iov[VDUSE_SEGS];
	unsigned int n = 0;
	uint32_t in_len = 0;
	uint16_t flags;

	do {
		const struct vring_desc *d = &v->ring.desc[i];

		check(n < VDUSE_SEGS, "a chain that fits");
		iov[n].iov_len = le32toh(d->len);
		iov[n++].iov_base = vduse_mem(v, le64toh(d->addr), le32toh(d->len));
		flags = le16toh(d->flags);
		if (flags & VRING_DESC_F_WRITE)
			in_len += le32toh(d->len);
		i = le16toh(d->next);
	} while (flags & VRING_DESC_F_NEXT);
	check(n >= 2, "a header and a status");
	return vduse_request(v, iov, n, in_len);
}

static void vduse_serve(struct vduse *v)
{
	struct vring *r = &v->ring;
	uint32_t queue = 0;
	uint16_t used;

	if (!r->num)
		return;
	used = r->used->idx;
	while (__atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE) != v->next) {
		uint16_t head = r->avail->ring[v->next++ % r->num];

		r->used->ring[used % r->num].len = vduse_chain(v, head);
		r->used->ring[used++ % r->num].id = head;
		__atomic_store_n(&r->used->idx, used, __ATOMIC_SEQ_CST);
		if (!(__atomic_load_n(&r->avail->flags, __ATOMIC_SEQ_CST) &
		      VRING_AVAIL_F_NO_INTERRUPT))
			check(!ioctl(v->dev, VDUSE_VQ_INJECT_IRQ, &queue), "an interrupt");
	}
}

/* --- control ------------------------------------------------------------------------------- */

static void vduse_reset(struct vduse *v)
{
	v->ring.num = 0;
	vduse_forget(v);
}

static void vduse_driver_ok(struct vduse *v)
{
	struct vduse_vq_info q = { .index = 0 };
	struct vduse_vq_eventfd kick = { .index = 0, .fd = v->kick };

	check(!ioctl(v->dev, VDUSE_VQ_GET_INFO, &q), "the queue: %s", strerror(errno));
	check(q.ready && q.num && q.num <= VDUSE_RING, "a queue of %u", q.num);
	v->ring.desc = vduse_mem(v, q.desc_addr, q.num * sizeof(*v->ring.desc));
	v->ring.avail = vduse_mem(v, q.driver_addr, 6 + q.num * 2);
	v->ring.used = vduse_mem(v, q.device_addr, 6 + q.num * sizeof(*v->ring.used->ring));
	v->ring.num = q.num;
	v->next = q.split.avail_index;
	check(!ioctl(v->dev, VDUSE_VQ_SETUP_KICKFD, &kick), "its kick: %s", strerror(errno));
	vduse_serve(v);
}

/* Answer first: the driver waits, and what it starts may ask for more. */
static void vduse_control(struct vduse *v)
{
	struct vduse_dev_request req;
	struct vduse_dev_response res = { .result = VDUSE_REQ_RESULT_OK };

	if (read(v->dev, &req, sizeof(req)) != sizeof(req))
		return;
	res.request_id = req.request_id;
	if (req.type == VDUSE_GET_VQ_STATE)
		res.vq_state.split.avail_index = v->next;
	else if (req.type == VDUSE_UPDATE_IOTLB)
		vduse_forget(v);
	else if (!req.s.status)
		vduse_reset(v);
	check(write(v->dev, &res, sizeof(res)) == sizeof(res), "an answer: %s", strerror(errno));
	if (req.type == VDUSE_SET_STATUS && (req.s.status & VIRTIO_CONFIG_S_DRIVER_OK) &&
	    !v->ring.num)
		vduse_driver_ok(v);
}

static void *vduse_thread(void *arg)
{
	struct vduse *v = arg;
	struct pollfd p[] = {
		{ v->dev, POLLIN, 0 }, { v->kick, POLLIN, 0 }, { v->end, POLLIN, 0 },
	};
	eventfd_t count;

	while (poll(p, 3, -1) >= 0 || errno == EINTR) {
		if (p[2].revents)
			break;
		if (p[0].revents)
			vduse_control(v);
		if (p[1].revents && !eventfd_read(v->kick, &count))
			vduse_serve(v);
	}
	return NULL;
}

/* --- what the kernel sent ------------------------------------------------------------------ */

#define TRACING		"/sys/kernel/tracing"
#define TRACE_ISSUE	TRACING "/events/block/block_rq_issue"

static int vduse_trace(void)
{
	if (access(TRACING "/trace", F_OK))
		shell("mount -t tracefs tracefs " TRACING);
	if (shell("echo 'rwbs ~ \"DE*\"' >" TRACE_ISSUE "/filter && echo 1 >" TRACE_ISSUE
		  "/enable && echo >" TRACING "/trace"))
		return -ENODEV;
	return 0;
}

static void vduse_untrace(void)
{
	shell("echo 0 >" TRACE_ISSUE "/enable; echo 0 >" TRACE_ISSUE "/filter; echo >" TRACING
	      "/trace");
}

void vduse_issued(char *text, size_t room)
{
	FILE *trace = fopen(TRACING "/trace", "re");
	unsigned long long sector;
	unsigned int sectors;
	char line[256], *at;
	size_t used = 0;

	check(trace, TRACING "/trace: %s", strerror(errno));
	text[0] = 0;
	while (fgets(line, sizeof(line), trace)) {
		at = strstr(line, "() ");
		if (line[0] == '#' || !at || sscanf(at, "() %llu + %u", &sector, &sectors) != 2)
			continue;
		used += snprintf(text + used, room - used, "%llu + %u ", sector, sectors);
		check(used < room, "few ranges");
	}
	fclose(trace);
	check(!shell("echo >" TRACING "/trace"), "the trace to be forgotten");
}

/* --- begin and end ------------------------------------------------------------------------- */

static int vduse_open(const char *name, int flags)
{
	char path[64];
	int fd = -1;

	snprintf(path, sizeof(path), VDUSE_DIR "/%s", name);
	for (int i = 0; i < 100 && fd < 0; i++) {
		fd = open(path, flags | O_CLOEXEC);
		if (fd < 0)
			usleep(20000);
	}
	return fd < 0 ? -errno : fd;
}

static int vduse_create(struct vduse *v, uint32_t erase_sectors)
{
	/* max_secure_erase_sectors, max_secure_erase_seg, secure_erase_sector_alignment */
	const uint32_t erase[] = { htole32(erase_sectors), htole32(1), htole32(1) };
	const struct virtio_blk_config disk = {
		.capacity = htole64(v->bytes >> 9), .blk_size = htole32(512),
	};
	struct {
		struct vduse_dev_config dev;
		uint8_t config[VDUSE_CONFIG];
	} c = {
		.dev.device_id = VIRTIO_ID_BLOCK,
		.dev.features = BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |
				BLK_F(FLUSH) | BLK_F(BLK_SIZE) | BLK_F(SECURE_ERASE),
		.dev.vq_num = 1,
		.dev.vq_align = 4096,
		.dev.config_size = VDUSE_CONFIG,
	};
	int control = vduse_open("control", O_RDWR);
	uint64_t version = VDUSE_API_VERSION;
	int err = 0;

	if (control < 0)
		return control;
	memcpy(c.config, &disk, VDUSE_CONFIG_ERASE);
	memcpy(c.config + VDUSE_CONFIG_ERASE, erase, sizeof(erase));
	memcpy(c.dev.name, v->name, sizeof(v->name));
	if (ioctl(control, VDUSE_SET_API_VERSION, &version) ||
	    ioctl(control, VDUSE_CREATE_DEV, &c))
		err = -errno;
	close(control);
	return err;
}

/* Put it on the bus, where the kernel's driver finds it, and learn its node. */
static int vduse_attach(struct vduse *v)
{
	struct vduse_vq_config q = { .index = 0, .max_size = VDUSE_RING };
	char line[32] = "", command[96];
	FILE *names;

	if (ioctl(v->dev, VDUSE_VQ_SETUP, &q))
		return -errno;
	check(!pthread_create(&v->thread, NULL, vduse_thread, v), "a thread");
	v->serving = true;
	if (shell("vdpa dev add name %s mgmtdev vduse", v->name))
		return -ENODEV;
	v->attached = true;
	snprintf(command, sizeof(command), "ls /sys/bus/vdpa/devices/%s/virtio*/block", v->name);
	for (int i = 0; i < 100 && !line[0]; i++, usleep(20000)) {
		names = popen(command, "re");
		if (names && !fgets(line, sizeof(line), names))
			line[0] = 0;
		if (names)
			pclose(names);
	}
	line[strcspn(line, "\n")] = 0;
	snprintf(v->path, sizeof(v->path), "/dev/%s", line);
	for (int i = 0; i < 100 && access(v->path, R_OK | W_OK); i++)
		usleep(20000);
	return line[0] && !access(v->path, F_OK) ? 0 : -ENODEV;
}

int __vduse_init(struct vduse *v, unsigned int mb, uint32_t erase_sectors)
{
	int err;

	*v = (struct vduse){ .dev = -1, .kick = -1, .end = -1 };
	if (geteuid())
		return vduse_refuse(v, -EPERM, "not root");
	if (shell("command -v vdpa && modprobe -a vduse virtio_vdpa virtio_blk"))
		return vduse_refuse(v, -ENODEV, "no VDUSE in this kernel, or no vdpa command");
	v->bytes = (uint64_t)mb << 20;
	v->data = calloc(1, v->bytes);
	v->kick = eventfd(0, EFD_CLOEXEC);
	v->end = eventfd(0, EFD_CLOEXEC);
	check(v->data && v->kick >= 0 && v->end >= 0, "memory and eventfds");
	snprintf(v->name, sizeof(v->name), "vduse%d", getpid());
	err = vduse_create(v, erase_sectors);
	if (err) {
		v->name[0] = 0;
		vduse_destroy(v);
		return vduse_refuse(v, err, "a VDUSE device");
	}
	v->dev = vduse_open(v->name, O_RDWR);
	err = v->dev < 0 ? v->dev : vduse_attach(v);
	if (!err)
		err = vduse_trace();
	if (!err)
		return 0;
	vduse_destroy(v);
	return vduse_refuse(v, err, "a virtio disk on VDUSE");
}

void vduse_destroy(struct vduse *v)
{
	char name[VDUSE_NAME_MAX] = "";
	int control;

	if (!v->data)
		return;
	if (v->attached)
		check(!shell("vdpa dev del %s", v->name), "vdpa dev del");
	if (v->serving) {
		eventfd_write(v->end, 1);
		pthread_join(v->thread, NULL);
	}
	vduse_untrace();
	vduse_reset(v);
	if (v->dev >= 0)
		close(v->dev);
	if (v->name[0]) {
		control = vduse_open("control", O_RDWR);
		memcpy(name, v->name, sizeof(v->name));
		check(!ioctl(control, VDUSE_DESTROY_DEV, name), "destroy %s: %s", name,
		      strerror(errno));
		close(control);
	}
	close(v->kick);
	close(v->end);
	free(v->data);
	v->data = NULL;
}
