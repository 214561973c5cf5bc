/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The newest kernel's API on older kernels. Force-included into every file of
 * the modules; probe.mk decides what is needed. Each shim names the release
 * that ends it.
 */
#ifndef FERRY_COMPAT_H
#define FERRY_COMPAT_H

#include <linux/kconfig.h>
#include <linux/types.h>

/* Until 6.8: eventfd_signal() takes a count. */
#ifdef FERRY_EVENTFD_SIGNAL_COUNTS
#include <linux/eventfd.h>
#define eventfd_signal(ctx) ((void)(eventfd_signal)((ctx), 1))
#endif

/* Until 6.2: iov_iter directions have the names of block requests. */
#ifdef FERRY_LACKS_ITER_SOURCE
#include <linux/kernel.h>
#define ITER_SOURCE	1
#define ITER_DEST	0
#endif

/* Until 6.5: vhost has no worker ioctls. */
#ifdef FERRY_LACKS_WORKER_IOCTLS
#include <linux/vhost.h>
struct vhost_worker_state {
	unsigned int worker_id;
};

struct vhost_vring_worker {
	unsigned int index;
	unsigned int worker_id;
};

#define VHOST_NEW_WORKER	_IOR(VHOST_VIRTIO, 0x8, struct vhost_worker_state)
#define VHOST_FREE_WORKER	_IOW(VHOST_VIRTIO, 0x9, struct vhost_worker_state)
#define VHOST_ATTACH_VRING_WORKER _IOW(VHOST_VIRTIO, 0x15, struct vhost_vring_worker)
#define VHOST_GET_VRING_WORKER	_IOWR(VHOST_VIRTIO, 0x16, struct vhost_vring_worker)
#endif

/* Until 6.18: feature bits come in one word only. */
#ifdef FERRY_LACKS_FEATURES_ARRAY
#include <linux/vhost.h>
struct vhost_features_array {
	__u64 count;
	__u64 features[];
};

#define VHOST_GET_FEATURES_ARRAY _IOR(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#define VHOST_SET_FEATURES_ARRAY _IOW(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#endif

/* Until 6.17: nobody asks whether a worker is forked from its owner. */
#ifdef FERRY_LACKS_FORK_FROM_OWNER
#include <linux/vhost.h>
#define VHOST_FORK_OWNER_KTHREAD	0
#define VHOST_FORK_OWNER_TASK		1
#define VHOST_SET_FORK_FROM_OWNER	_IOW(VHOST_VIRTIO, 0x84, __u8)
#define VHOST_GET_FORK_FROM_OWNER	_IOR(VHOST_VIRTIO, 0x85, __u8)
#endif

/* What a worker is: before 6.10 a kernel thread, see vhost_task.c. */
#ifdef FERRY_KTHREAD_WORKERS
#define FERRY_FORK_OWNER	VHOST_FORK_OWNER_KTHREAD
#else
#define FERRY_FORK_OWNER	VHOST_FORK_OWNER_TASK
#endif

/* Until 6.13: a timer and what it calls are set in two steps. */
#ifdef FERRY_LACKS_HRTIMER_SETUP
#include <linux/hrtimer.h>
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* Until 7.0: a tap never stops its queue for want of room in the ring. */
#ifdef FERRY_LACKS_TUN_WAKE_QUEUE
struct file;
static inline void tun_wake_queue(struct file *file, int consumed)
{
}
#endif

#endif /* FERRY_COMPAT_H */
