// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the life of a virtio device: features, status, queues, reset. Follows the
 *	virtio specification 1.3, "Basic Facilities of a Virtio Device" and "General
 *	Initialization And Device Operation".
 * Threads: vCPUs (registers), main (reset, configuration changes).
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include "virtio.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define VIRTIO_ISR_CONFIG	2

u64 virtio_ring_features(bool packed, bool event_idx, bool indirect)
{
	u64 f = VIRTIO_BIT(F_VERSION_1);

	if (packed)
		f |= VIRTIO_BIT(F_RING_PACKED);
	if (event_idx)
		f |= BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
	if (indirect)
		f |= BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC);
	return f;
}

static int virtio_eventfd(int *fd)
{
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *fd < 0 ? -errno : 0;
}

static void virtio_drain(int fd)
{
	eventfd_t n;

	eventfd_read(fd, &n);
}

static void virtio_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int virtio_init(struct virtio_dev *v, struct machine *m, unsigned int n_queues,
		const u16 *sizes, struct error *e)
{
	unsigned int i;
	int ret;

	v->m = m;
	ret = virtio_eventfd(&v->config_fd);
	v->queue = calloc(n_queues, sizeof(*v->queue));
	if (!v->queue)
		return error_errno(e, ENOMEM, "virtqueues");
	v->n_queues = n_queues;
	for (i = 0; i < n_queues; i++) {
		struct virtq *q = &v->queue[i];

		q->max_size = sizes[i];
		q->size = sizes[i];
		q->kick_fd = -1;
		q->call_fd = -1;
		if (!ret)
			ret = virtio_eventfd(&q->kick_fd);
		if (!ret)
			ret = virtio_eventfd(&q->call_fd);
	}
	return ret ? error_errno(e, ret, "eventfd") : 0;
}

void virtio_destroy(struct virtio_dev *v)
{
	unsigned int i;

	if (!v->queue)
		return;
	if (v->running) {
		v->running = false;
		v->ops->stop(v);
	}
	for (i = 0; i < v->n_queues; i++) {
		virtio_close(&v->queue[i].kick_fd);
		virtio_close(&v->queue[i].call_fd);
	}
	virtio_close(&v->config_fd);
	free(v->queue);
	v->queue = NULL;
	v->n_queues = 0;
}

void virtio_reset(struct virtio_dev *v)
{
	unsigned int i;

	if (v->running) {
		v->running = false;
		v->ops->stop(v);
	}
	if (v->ops->reset)
		v->ops->reset(v);
	v->paused = false;
	v->status = 0;
	v->acked = 0;
	v->isr = 0;
	for (i = 0; i < v->n_queues; i++) {
		struct virtq *q = &v->queue[i];

		q->size = q->max_size;
		q->enabled = false;
		q->desc = 0;
		q->driver = 0;
		q->device = 0;
		virtio_drain(q->kick_fd);
		virtio_drain(q->call_fd);
	}
	virtio_drain(v->config_fd);
}

void virtio_pause(struct virtio_dev *v)
{
	if (!v->running || v->paused)
		return;
	v->paused = true;
	if (v->ops->pause)
		v->ops->pause(v);
}

void virtio_resume(struct virtio_dev *v)
{
	unsigned int i;

	if (!v->paused)
		return;
	v->paused = false;
	if (v->ops->resume && v->ops->resume(v))
		virtio_needs_reset(v);
	/* A notification that came meanwhile may have been taken by nobody. */
	for (i = 0; i < v->n_queues; i++)
		if (v->queue[i].enabled)
			eventfd_write(v->queue[i].kick_fd, 1);
}

static bool virtio_features_ok(const struct virtio_dev *v)
{
	return !(v->acked & ~v->offered) && virtio_has(v, VIRTIO_F_VERSION_1);
}

void virtio_set_status(struct virtio_dev *v, u8 status)
{
	u8 set = status & ~v->status;

	if (!status) {
		virtio_reset(v);
		return;
	}
	if ((set & VIRTIO_CONFIG_S_FEATURES_OK) && !virtio_features_ok(v))
		status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	/* A driver sets bits and takes none away. */
	v->status |= status & ~VIRTIO_CONFIG_S_NEEDS_RESET;
	if (!(set & VIRTIO_CONFIG_S_DRIVER_OK) || v->running)
		return;
	if (!(v->status & VIRTIO_CONFIG_S_FEATURES_OK) || v->ops->start(v))
		virtio_needs_reset(v);
	else
		v->running = true;
}

void virtio_config_changed(struct virtio_dev *v)
{
	v->generation++;
	v->isr |= VIRTIO_ISR_CONFIG;
	if (v->status & VIRTIO_CONFIG_S_DRIVER_OK)
		eventfd_write(v->config_fd, 1);
}

void virtio_needs_reset(struct virtio_dev *v)
{
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	virtio_config_changed(v);
}

void virtq_layout(const struct virtio_dev *v, const struct virtq *q, struct virtq_layout *l)
{
	if (virtio_has(v, VIRTIO_F_RING_PACKED)) {
		l->desc = 16ULL * q->size;
		l->driver = 4;
		l->device = 4;
		return;
	}
	/* Each ring ends with the other side's event index. */
	l->desc = 16ULL * q->size;
	l->driver = 6 + 2ULL * q->size;
	l->device = 6 + 8ULL * q->size;
}

bool virtio_enable_queue(struct virtio_dev *v, unsigned int i)
{
	bool packed = virtio_has(v, VIRTIO_F_RING_PACKED);
	struct virtq *q = &v->queue[i];
	struct virtq_layout l;

	if (q->enabled || !q->size || q->size > q->max_size)
		return false;
	if (!packed && q->size & (q->size - 1))
		return false;
	virtq_layout(v, q, &l);
	if (q->desc & 15 || q->driver & (packed ? 3 : 1) || q->device & 3 ||
	    !ram_ptr(&v->m->ram, q->desc, l.desc) ||
	    !ram_ptr(&v->m->ram, q->driver, l.driver) ||
	    !ram_ptr(&v->m->ram, q->device, l.device))
		return false;
	q->enabled = true;
	return true;
}
