// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the table of system calls that each kind of thread makes once the VM runs.
 * Threads: any; nothing here changes.
 * Locks: none.
 */
#include "sandbox_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/vhost.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define K(kind)		(1U << THREAD_##kind)
#define ALL		((1U << THREAD_KINDS) - 1)

/* They build, start and stop devices. */
#define BOTH		(K(MAIN) | K(VCPU))

#define IS(n, val)		{ n, SCMP_CMP_EQ, val, 0 }
#define HAS(n, mask, val)	{ n, SCMP_CMP_MASKED_EQ, mask, val }
#define READ_ONLY	HAS(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)
#define NO_CODE		HAS(2, PROT_EXEC, 0)

/* Of one type, and, unless @dir is 0, that way. The kernel looks at the lower half. */
#define IOC_BLOCK	0x12
#define IOC_TTY		'T'
#define IOC_OF(dir, type)	((u32)(dir) << _IOC_DIRSHIFT | (u32)(type) << _IOC_TYPESHIFT)
#define IOCTLS(dir, type)	{ SCMP_SYS(ioctl), BOTH, 0, HAS(1, \
	IOC_OF(dir, _IOC_TYPEMASK), IOC_OF(dir, type)) }

/* A thread of this program, and no new name spaces. */
#define CLONE_NEW	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
			 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define A_THREAD	HAS(0, CLONE_THREAD | CLONE_VM | CLONE_NEW, CLONE_THREAD | CLONE_VM)

static const struct sandbox_rule rules[] = {
	/* Memory, locks, time, and the way out. */
	{ SCMP_SYS(futex), ALL },
	{ SCMP_SYS(mmap), ALL, 0, NO_CODE },
	{ SCMP_SYS(mprotect), ALL, 0, NO_CODE },
	{ SCMP_SYS(munmap), ALL }, { SCMP_SYS(mremap), ALL }, { SCMP_SYS(madvise), ALL },
	{ SCMP_SYS(brk), ALL }, { SCMP_SYS(rt_sigreturn), ALL },
	{ SCMP_SYS(rt_sigprocmask), ALL }, { SCMP_SYS(restart_syscall), ALL },
	{ SCMP_SYS(clock_gettime), ALL }, { SCMP_SYS(gettimeofday), ALL },
	{ SCMP_SYS(time), ALL },
	{ SCMP_SYS(clock_nanosleep), ALL }, { SCMP_SYS(sched_yield), ALL },
	{ SCMP_SYS(getpid), ALL }, { SCMP_SYS(gettid), ALL }, { SCMP_SYS(tgkill), ALL },
	{ SCMP_SYS(prctl), ALL, 0, IS(0, PR_SET_NAME) },
	{ SCMP_SYS(exit), ALL }, { SCMP_SYS(exit_group), ALL },

	/* Descriptors that are open. */
	{ SCMP_SYS(read), ALL }, { SCMP_SYS(write), ALL }, { SCMP_SYS(close), ALL },
	{ SCMP_SYS(poll), ALL }, { SCMP_SYS(ppoll), ALL },
	{ SCMP_SYS(readv), BOTH | K(NET) | K(9P) }, { SCMP_SYS(writev), BOTH | K(NET) | K(9P) },
	{ SCMP_SYS(fcntl), BOTH | K(USER_NET) | K(9P) },
	/* fstat() */
	{ SCMP_SYS(newfstatat), ALL, 0, IS(3, AT_EMPTY_PATH) }, { SCMP_SYS(fstat), ALL },
	{ SCMP_SYS(lseek), BOTH | K(USER_NET) | K(9P) },

	/* Devices come and go with their drivers. */
	IOCTLS(0, KVMIO), IOCTLS(0, VHOST_VIRTIO), IOCTLS(0, IOC_BLOCK),
	/* Taps, and terminals but for typing into one. */
	IOCTLS(_IOC_READ, IOC_TTY), IOCTLS(_IOC_WRITE, IOC_TTY),
	{ SCMP_SYS(ioctl), BOTH, 0, IS(1, TCGETS) }, { SCMP_SYS(ioctl), BOTH, 0, IS(1, TCSETS) },
	{ SCMP_SYS(ioctl), BOTH, 0, IS(1, TCSETSW) }, { SCMP_SYS(ioctl), BOTH, 0, IS(1, TCSETSF) },
	{ SCMP_SYS(eventfd2), BOTH }, { SCMP_SYS(epoll_ctl), BOTH },
	{ SCMP_SYS(getrandom), ALL },
	{ SCMP_SYS(fdatasync), BOTH },
	{ SCMP_SYS(statx), BOTH, 0, IS(2, AT_EMPTY_PATH) },

	{ SCMP_SYS(timerfd_settime), BOTH },
	/* What the C library asks before it sorts much, as a balloon wants. */
	{ SCMP_SYS(sysinfo), BOTH },

	/* Monitors: clients come, are told things, and go; descriptors 0 to 2 of a daemon. */
	{ SCMP_SYS(accept4), K(MAIN) }, { SCMP_SYS(getsockopt), K(MAIN) },
	{ SCMP_SYS(dup2), K(MAIN) },
	{ SCMP_SYS(sendto), BOTH, 0, IS(4, 0) }, { SCMP_SYS(shutdown), BOTH },

	/* The main loop, reset, and the end. */
	{ SCMP_SYS(epoll_wait), K(MAIN) }, { SCMP_SYS(epoll_pwait), K(MAIN) },
	{ SCMP_SYS(pread64), K(MAIN) }, { SCMP_SYS(unlink), K(MAIN) },
	{ SCMP_SYS(openat), K(MAIN), 0, READ_ONLY },
	{ SCMP_SYS(newfstatat), K(MAIN) }, { SCMP_SYS(readlink), K(MAIN) },

	/* Programs that read images are told to end and waited for; scripts are waited for. */
	{ SCMP_SYS(kill), K(MAIN), SANDBOX_IMAGE },
	{ SCMP_SYS(wait4), K(MAIN), SANDBOX_IMAGE | SANDBOX_SCRIPT },
	{ SCMP_SYS(pidfd_open), K(MAIN), SANDBOX_IMAGE },
	{ SCMP_SYS(socket), K(MAIN), SANDBOX_IMAGE, IS(0, AF_NETLINK) },
	{ SCMP_SYS(bind), K(MAIN), SANDBOX_IMAGE },
	{ SCMP_SYS(setsockopt), K(MAIN), SANDBOX_IMAGE },
	{ SCMP_SYS(getsockname), K(MAIN), SANDBOX_IMAGE },
	{ SCMP_SYS(sendmsg), K(MAIN), SANDBOX_IMAGE },
	{ SCMP_SYS(recvmsg), K(MAIN), SANDBOX_IMAGE },

	/* A disk in user space. What it does is done by io_uring, on the disk alone. */
	{ SCMP_SYS(io_uring_setup), BOTH, SANDBOX_BLK },
	/* Looking at a disk anew tries whether a hole can be punched beyond its end. */
	{ SCMP_SYS(fallocate), BOTH, SANDBOX_BLK },
	{ SCMP_SYS(io_uring_register), BOTH | K(BLK), SANDBOX_BLK },
	{ SCMP_SYS(io_uring_enter), BOTH | K(BLK), SANDBOX_BLK },
	{ SCMP_SYS(pread64), K(BLK) }, { SCMP_SYS(pwrite64), K(BLK) },
	{ SCMP_SYS(pwritev), K(BLK) }, { SCMP_SYS(preadv), K(BLK) },
	{ SCMP_SYS(fdatasync), K(BLK) }, { SCMP_SYS(fallocate), K(BLK) },
	{ SCMP_SYS(ioctl), K(BLK), 0, IS(1, BLKDISCARD) },
	{ SCMP_SYS(ioctl), K(BLK), 0, IS(1, BLKZEROOUT) },
	{ SCMP_SYS(ioctl), K(BLK), 0, IS(1, BLKSECDISCARD) },
	{ SCMP_SYS(eventfd2), K(BLK) },
	{ SCMP_SYS(ftruncate), K(MAIN), SANDBOX_RESIZE },

	/* A network in user space. */
	{ SCMP_SYS(socket), K(USER_NET), 0, IS(0, AF_INET) },
	{ SCMP_SYS(socket), K(USER_NET), 0, IS(0, AF_INET6) },
	{ SCMP_SYS(bind), K(USER_NET) }, { SCMP_SYS(listen), K(USER_NET) },
	{ SCMP_SYS(accept), K(USER_NET) }, { SCMP_SYS(accept4), K(USER_NET) },
	{ SCMP_SYS(connect), K(USER_NET) }, { SCMP_SYS(shutdown), K(USER_NET) },
	{ SCMP_SYS(setsockopt), K(USER_NET) }, { SCMP_SYS(getsockopt), K(USER_NET) },
	{ SCMP_SYS(getsockname), K(USER_NET) }, { SCMP_SYS(getpeername), K(USER_NET) },
	{ SCMP_SYS(sendto), K(USER_NET) }, { SCMP_SYS(recvfrom), K(USER_NET) },
	{ SCMP_SYS(sendmsg), K(USER_NET) }, { SCMP_SYS(recvmsg), K(USER_NET) },
	{ SCMP_SYS(ioctl), K(USER_NET), 0, IS(1, FIONREAD) },
	{ SCMP_SYS(ioctl), K(USER_NET), 0, IS(1, FIONBIO) },
	/* The interface of a name server, "fe80::1%eth0": the C library asks on any socket. */
	{ SCMP_SYS(socket), K(USER_NET), 0, IS(0, AF_UNIX), EAFNOSUPPORT },
	{ SCMP_SYS(ioctl), K(USER_NET), 0, IS(1, SIOCGIFINDEX) },
	/* resolv.conf, and files of tftp=. */
	{ SCMP_SYS(openat), K(USER_NET), 0, READ_ONLY },
	{ SCMP_SYS(newfstatat), K(USER_NET) }, { SCMP_SYS(sysinfo), K(USER_NET) },
	/* How many descriptors there may be. */
	{ SCMP_SYS(prlimit64), K(USER_NET), 0, IS(2, 0) },

	/* A directory in user space begins with its root and its limits. */
	{ SCMP_SYS(open_tree), BOTH, SANDBOX_9P }, { SCMP_SYS(prlimit64), BOTH, SANDBOX_9P },
	{ SCMP_SYS(prlimit64), K(9P), 0, IS(2, 0) },
	{ SCMP_SYS(capget), BOTH | K(9P), SANDBOX_9P },
	{ SCMP_SYS(setfsuid), BOTH | K(9P), SANDBOX_9P },
	{ SCMP_SYS(setfsgid), BOTH | K(9P), SANDBOX_9P },
	{ SCMP_SYS(openat2), BOTH | K(9P), SANDBOX_9P },
	{ SCMP_SYS(statx), BOTH | K(9P), SANDBOX_9P },
	{ SCMP_SYS(newfstatat), BOTH | K(9P), SANDBOX_9P },
	{ SCMP_SYS(fstatfs), BOTH | K(9P), SANDBOX_9P },
	{ SCMP_SYS(openat), K(9P) }, { SCMP_SYS(readlinkat), K(9P) },
	{ SCMP_SYS(readlink), K(9P) }, { SCMP_SYS(getdents64), K(9P) },
	{ SCMP_SYS(statfs), K(9P) }, { SCMP_SYS(stat), K(9P) },
	{ SCMP_SYS(pread64), K(9P) }, { SCMP_SYS(pwrite64), K(9P) },
	{ SCMP_SYS(preadv), K(9P) }, { SCMP_SYS(pwritev), K(9P) },
	{ SCMP_SYS(preadv2), K(9P) }, { SCMP_SYS(pwritev2), K(9P) },
	{ SCMP_SYS(fsync), K(9P) }, { SCMP_SYS(fdatasync), K(9P) },
	{ SCMP_SYS(ftruncate), K(9P) }, { SCMP_SYS(truncate), K(9P) },
	{ SCMP_SYS(fallocate), K(9P) }, { SCMP_SYS(mkdirat), K(9P) },
	{ SCMP_SYS(mknodat), K(9P) }, { SCMP_SYS(symlinkat), K(9P) },
	{ SCMP_SYS(linkat), K(9P) }, { SCMP_SYS(unlinkat), K(9P) },
	{ SCMP_SYS(renameat), K(9P) }, { SCMP_SYS(renameat2), K(9P) },
	{ SCMP_SYS(fchmod), K(9P) }, { SCMP_SYS(fchmodat), K(9P) }, { SCMP_SYS(chmod), K(9P) },
	{ SCMP_SYS(fchown), K(9P) }, { SCMP_SYS(fchownat), K(9P) },
	{ SCMP_SYS(utimensat), K(9P) }, { SCMP_SYS(umask), K(9P) | K(VCPU) },
	{ SCMP_SYS(getxattr), K(9P) }, { SCMP_SYS(setxattr), K(9P) },
	{ SCMP_SYS(listxattr), K(9P) }, { SCMP_SYS(removexattr), K(9P) },
	{ SCMP_SYS(fgetxattr), K(9P) }, { SCMP_SYS(fsetxattr), K(9P) },
	{ SCMP_SYS(flistxattr), K(9P) }, { SCMP_SYS(fremovexattr), K(9P) },
	{ SCMP_SYS(fchdir), K(9P) },
	{ SCMP_SYS(unshare), K(9P) | K(VCPU), 0, IS(0, CLONE_FS) },
	{ SCMP_SYS(setgroups), K(9P), 0, IS(0, 0) }, { SCMP_SYS(capset), K(9P) },
	{ SCMP_SYS(eventfd2), K(9P) },

	/* Making threads, and confining them. */
	{ SCMP_SYS(clone), K(MAKER), 0, A_THREAD },
	{ SCMP_SYS(set_robust_list), K(MAKER) }, { SCMP_SYS(rseq), K(MAKER) },
	{ SCMP_SYS(seccomp), K(MAKER) }, { SCMP_SYS(sched_getaffinity), K(MAKER) },
};

const struct sandbox_rule *sandbox_rule_at(size_t i)
{
	return i < ARRAY_SIZE(rules) ? &rules[i] : NULL;
}
