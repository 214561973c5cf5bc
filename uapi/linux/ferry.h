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

/*
 * FERRY_BLK_SET_BACKEND - give /dev/ferry-blk a disk, change it, or take it away
 *
 * For the whole device. With fd >= 0 the device takes the open file, and every
 * queue whose addresses are set (VHOST_SET_VRING_ADDR) starts; queues that run
 * already finish the requests that they have and go on with the new parameters,
 * which is how a disk is resized or its cache mode changed. fd -1 finishes the
 * requests, then stops every queue. What the fields marked "out" say is filled
 * in on success.
 *
 * The file is a block device or a regular file, open for writing unless
 * FERRY_BLK_F_READ_ONLY is set. Open with O_DIRECT it is reached past the page
 * cache, a block device by bios; otherwise through it.
 *
 * With FERRY_BLK_F_PROBE nothing changes: the file is judged and the out fields
 * say what it could do. Works before any memory table or queue is set.
 */
#define FERRY_BLK_SET_BACKEND	_IOWR(VHOST_VIRTIO, 0xf1, struct ferry_blk_backend)

/* Queues that one open of /dev/ferry-blk has. */
#define FERRY_BLK_QUEUES	16

/* Bytes of a serial number; shorter ones end with a 0. */
#define FERRY_BLK_SERIAL	20

#define FERRY_BLK_F_PROBE		(1U << 0)
#define FERRY_BLK_F_READ_ONLY		(1U << 1)	/* every write is IOERR */
#define FERRY_BLK_F_WRITETHROUGH	(1U << 2)	/* a completed write is stable */
#define FERRY_BLK_F_NO_FLUSH		(1U << 3)	/* FLUSH does nothing: data may be lost */
#define FERRY_BLK_F_NO_UNMAP		(1U << 4)	/* zeroes are written, not unmapped */
#define FERRY_BLK_F_LIFETIME		(1U << 5)	/* `lifetime` is known */
#define FERRY_BLK_F_ALL			((1U << 6) - 1)

/* Limits of one kind of range request; max_sectors 0: not supported. */
struct ferry_blk_range_info {
	__u32 max_sectors;	/* of one range, in 512-byte sectors */
	__u32 max_ranges;	/* of one request */
	__u32 align;		/* granularity, in 512-byte sectors */
	__u32 reserved;
};

/*
 * How worn a flash device is, as its standard (JESD84-B50 and later) and the virtio
 * specification count it. The block layer does not tell; sysfs does for eMMC and UFS.
 */
struct ferry_blk_lifetime {
	__u16 pre_eol_info;	/* 1 to 3: normal, warning, urgent; 0: undefined */
	__u16 typ_a;		/* 1 to 11: life time used up, in tenths; 0: undefined */
	__u16 typ_b;
	__u16 reserved;		/* 0; others: EINVAL */
};

struct ferry_blk_backend {
	__s32 fd;		/* in: the file, or -1 */
	__u32 flags;		/* in: FERRY_BLK_F_*; others: EINVAL */
	__u64 capacity;		/* in: 512-byte sectors, 0: all; out: in use */
	__u32 block_size;	/* in: logical, 0: the file's; out: in use, bytes */
	__u8 serial[FERRY_BLK_SERIAL];	/* in: what GET_ID answers */

	/* out */
	__u64 features;		/* VIRTIO_BLK_F_* bits that the file can serve */
	__u32 seg_max;		/* segments of one request */
	__u32 size_max;		/* bytes of one segment */
	__u32 max_bytes;	/* payload of one request */
	__u32 io_min;		/* bytes: smallest good transfer size */
	__u32 io_opt;		/* bytes: best transfer size, 0: unknown */
	__u32 phys_block_size;	/* bytes */
	__u32 align_offset;	/* bytes to the first aligned physical block */
	__u32 polled;		/* 1: the device has poll queues */
	struct ferry_blk_range_info discard;
	struct ferry_blk_range_info write_zeroes;
	struct ferry_blk_range_info secure_erase;
	struct ferry_blk_lifetime lifetime;	/* in: what GET_LIFETIME answers */
	__u64 reserved[3];	/* in: 0; others: EINVAL */
};

/* What requests are counted by. */
enum ferry_blk_stat {
	FERRY_BLK_STAT_READ,
	FERRY_BLK_STAT_WRITE,	/* WRITE_ZEROES among them */
	FERRY_BLK_STAT_FLUSH,
	FERRY_BLK_STAT_UNMAP,	/* DISCARD and SECURE_ERASE */
	FERRY_BLK_STAT_OTHER,
	FERRY_BLK_STATS = 8,	/* room for more, 0 until then */
};

struct ferry_blk_stats {
	struct {
		__u64 done;	/* requests answered with OK */
		__u64 bytes;	/* that these moved, zeroed or unmapped */
		__u64 failed;	/* requests answered with anything else */
	} op[FERRY_BLK_STATS];
};

/*
 * FERRY_BLK_GET_STATS - what the device has answered since it was opened
 *
 * All queues together, whatever disks they had. For anybody who has the device open;
 * requests that are answered meanwhile may be counted in part.
 */
#define FERRY_BLK_GET_STATS	_IOR(VHOST_VIRTIO, 0xf3, struct ferry_blk_stats)

/*
 * FERRY_9P_SET_BACKEND - give /dev/ferry-9p a directory, or take it away
 *
 * fd >= 0: the queue starts and serves the open directory and what lies below it, on
 * its own file system and mount. On a running queue requests under way are answered
 * first, then the session ends with all its fids, and the new directory is served.
 * fd -1 does the same and stops the queue. A field that is 0 where 0 makes no sense
 * means the default, and the value in use is filled in.
 */
#define FERRY_9P_SET_BACKEND	_IOWR(VHOST_VIRTIO, 0xf2, struct ferry_9p_backend)

enum ferry_9p_model {
	/* Files belong to whom the guest says; each request has that user's rights. */
	FERRY_9P_MODEL_PASSTHROUGH = 1,
	/* Files belong to `uid` and `gid`; what the guest sees stands in user.virtfs.*. */
	FERRY_9P_MODEL_MAPPED = 2,
	/* As passthrough, but with one's own rights, and chown may fail unnoticed. */
	FERRY_9P_MODEL_NONE = 3,
};

#define FERRY_9P_F_READ_ONLY	(1U << 0)	/* every change is EROFS */
#define FERRY_9P_F_ROOT_SQUASH	(1U << 1)	/* passthrough: 0 becomes uid and gid */
#define FERRY_9P_F_ALL_SQUASH	(1U << 2)	/* passthrough: everyone becomes uid and gid */
/*
 * Passthrough: mode bits and ACLs are judged by the guest, which alone knows in what
 * groups its users are. Its users keep the owner's right to read and write any file.
 */
#define FERRY_9P_F_GUEST_CHECKS	(1U << 3)
/*
 * To take a directory over wants more rights than to serve it. With KEEP its mount stays
 * with the device, whether it is served or not, until another one is kept, VHOST_RESET_OWNER
 * or the last close. With KEPT that directory is served and fd is not looked at, also if
 * it is -1; all else is as with an open one, and the caller's rights are those of now.
 */
#define FERRY_9P_F_KEEP		(1U << 4)
#define FERRY_9P_F_KEPT		(1U << 5)
/*
 * What a Twrite put into a file is on stable storage when it is answered, as if the guest
 * had opened each file with O_DSYNC. Dirty pages of the guest's own stay its affair.
 */
#define FERRY_9P_F_WRITEOUT	(1U << 6)
#define FERRY_9P_F_ALL		((1U << 7) - 1)

#define FERRY_9P_SELF		0xffffffffU

struct ferry_9p_backend {
	__s32 fd;		/* a directory open for reading, or -1 */
	__u32 flags;		/* FERRY_9P_F_*; others: EINVAL */
	__u32 model;		/* enum ferry_9p_model */
	__u32 msize;		/* largest message, 4096 to 1 MiB; default 512 KiB */
	__u32 fids;		/* most that a session may have; default and limit 65536 */
	__u32 uid;		/* of squashed users, or of mapped files; FERRY_9P_SELF: own */
	__u32 gid;
	__u16 fmode;		/* mapped: host mode of new files, default 0600 */
	__u16 dmode;		/* mapped: host mode of new directories, default 0700 */
	__u64 xattr_bytes;	/* most that a session may hold; default and limit 16 MiB */
	__u64 reserved[4];	/* 0; others: EINVAL */
};

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
	FERRY_A_KIND,		/* string: "net", "blk", "9p", "null" */
	FERRY_A_OWNER,		/* u32: pid of the owner, 0 if none */
	FERRY_A_QUEUE,		/* u32: queue index in the device */
	FERRY_A_NAME,		/* string: "rx", "tx", "blk", "9p", "null" */
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
	FERRY_A_ERRORS,		/* u64: times the queue was stopped for what the guest did */
	FERRY_A_AT_KICK,	/* u64: turns in the thread that kicked */
	__FERRY_A_MAX,
};

#define FERRY_A_MAX (__FERRY_A_MAX - 1)

enum ferry_queue_state {
	FERRY_QUEUE_STOPPED,	/* no back end */
	FERRY_QUEUE_RUNNING,
	FERRY_QUEUE_BROKEN,	/* stopped by a guest error until set up again */
};

#endif /* _UAPI_LINUX_FERRY_H */
