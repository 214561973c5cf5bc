/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What Ferry adds to <linux/vhost.h>: back-end ioctls of devices that have none
 * there, and the generic netlink family that shows every queue's counters.
 */
#ifndef _UAPI_LINUX_FERRY_H
#define _UAPI_LINUX_FERRY_H

#include <linux/types.h>
#include <linux/vhost.h>

/*
 * FERRY_NULL_SET_BACKEND - start or stop one queue of /dev/ferry-null
 *
 * num 1 starts queue `index`, which from then on hands every chain back with a
 * used length of 0; num 0 stops it. Errors as VHOST_NET_SET_BACKEND; any other
 * num is EINVAL.
 */
#define FERRY_NULL_SET_BACKEND	_IOW(VHOST_VIRTIO, 0xf0, struct vhost_vring_state)

/* Queues that one open of /dev/ferry-null has. */
#define FERRY_NULL_QUEUES	8

/* The generic netlink family. */
#define FERRY_GENL_NAME		"ferry"
#define FERRY_GENL_VERSION	1

/*
 * FERRY_CMD_GET_QUEUE, dump only: one message a queue of every open device of
 * the host, devices in order of FERRY_A_DEV, then queues in order of
 * FERRY_A_QUEUE. Needs CAP_NET_ADMIN in the initial user namespace; pids are
 * those of the initial pid namespace. Unknown attributes are to be skipped.
 */
enum ferry_cmd {
	FERRY_CMD_UNSPEC,
	FERRY_CMD_GET_QUEUE,
	__FERRY_CMD_MAX,
};

#define FERRY_CMD_MAX (__FERRY_CMD_MAX - 1)

enum ferry_attr {
	FERRY_A_UNSPEC,
	FERRY_A_PAD,
	FERRY_A_DEV,		/* u32: device number, never reused while loaded */
	FERRY_A_KIND,		/* string: "net", "null" */
	FERRY_A_OWNER,		/* u32: pid of the owner, 0 if none */
	FERRY_A_QUEUE,		/* u32: queue index in the device */
	FERRY_A_NAME,		/* string: "rx", "tx", "null" */
	FERRY_A_STATE,		/* u8: enum ferry_queue_state */
	FERRY_A_PACKED,		/* u8: 1 if the ring is packed */
	FERRY_A_WORKER,		/* u32: pid of the worker, 0 if none */
	FERRY_A_KICKS,		/* u64: driver notifications taken */
	FERRY_A_SIGNALS,	/* u64: call eventfd signals sent */
	FERRY_A_CHAINS,		/* u64: chains completed */
	FERRY_A_BYTES,		/* u64: payload bytes moved */
	FERRY_A_BATCHES,	/* u64: ring fetches that found chains */
	FERRY_A_FETCHED,	/* u64: chains that those fetched */
	FERRY_A_POLLS,		/* u64: busy polls begun */
	FERRY_A_POLLS_PAID,	/* u64: busy polls that found work */
	FERRY_A_DROPS,		/* u64: packets or requests dropped */
	FERRY_A_ERRORS,		/* u64: times the guest broke the protocol */
	__FERRY_A_MAX,
};

#define FERRY_A_MAX (__FERRY_A_MAX - 1)

enum ferry_queue_state {
	FERRY_QUEUE_STOPPED,	/* no back end */
	FERRY_QUEUE_RUNNING,
	FERRY_QUEUE_BROKEN,	/* stopped by a guest error until set up again */
};

#endif /* _UAPI_LINUX_FERRY_H */
