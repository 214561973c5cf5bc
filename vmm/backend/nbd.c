// SPDX-License-Identifier: GPL-2.0
/*
 * Role: make a block device of a connection, by the generic netlink family of the kernel's nbd.
 * Threads: main, and children of it, see nbd_attach().
 * Locks: none.
 */
#include "nbd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/nbd-netlink.h>
#include <linux/nbd.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../program.h"

struct nbd_netlink {
	struct nl_sock *sk;
	int family;
};

/* What the kernel answers to a request. */
struct nbd_answer {
	bool done;
	int err;		/* positive */
	int index;
};

static int nbd_on_valid(struct nl_msg *msg, void *arg)
{
	struct nlattr *attrs[NBD_ATTR_MAX + 1];
	struct nbd_answer *answer = arg;

	if (!genlmsg_parse(nlmsg_hdr(msg), 0, attrs, NBD_ATTR_MAX, NULL) &&
	    attrs[NBD_ATTR_INDEX] && nla_len(attrs[NBD_ATTR_INDEX]) >= (int)sizeof(u32))
		answer->index = nla_get_u32(attrs[NBD_ATTR_INDEX]);
	return NL_OK;
}

static int nbd_on_ack(struct nl_msg *msg, void *arg)
{
	struct nbd_answer *answer = arg;

	(void)msg;
	answer->done = true;
	return NL_STOP;
}

static int nbd_on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	struct nbd_answer *answer = arg;

	(void)from;
	answer->done = true;
	answer->err = -err->error;
	return NL_STOP;
}

/*
 * Load the module before the kernel does so by itself: without its partitions, as the host has no
 * business with those of a guest's disk.
 */
static void nbd_load_module(void)
{
	static const char *const argv[] = { "/sbin/modprobe", "-q", "nbd", "max_part=0", NULL };

	if (access("/sys/module/nbd", F_OK))
		program_run(argv, -1, -1);
}

static void nbd_netlink_close(struct nbd_netlink *nl)
{
	nl_socket_free(nl->sk);
}

static int nbd_netlink_open(struct nbd_netlink *nl, struct error *e)
{
	int nle;

	nl->sk = nl_socket_alloc();
	if (!nl->sk)
		return error_errno(e, ENOMEM, "netlink");
	nle = genl_connect(nl->sk);
	if (nle) {
		nbd_netlink_close(nl);
		return error_set(e, EIO, "could not open netlink: %s", nl_geterror(nle));
	}
	nl->family = genl_ctrl_resolve(nl->sk, NBD_GENL_FAMILY_NAME);
	if (nl->family >= 0)
		return 0;
	nbd_netlink_close(nl);
	error_set(e, ENODEV, "the kernel has no network block device");
	error_hint(e, "Load its module with 'modprobe nbd max_part=0', as root.");
	return -ENODEV;
}

static struct nl_msg *nbd_request(const struct nbd_netlink *nl, int cmd)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (msg && genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl->family, 0, NLM_F_ACK, cmd,
			       NBD_GENL_VERSION))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/* Send @msg, which is consumed, and wait for the end of the kernel's answer. */
static int nbd_call(const struct nbd_netlink *nl, struct nl_msg *msg, struct nbd_answer *answer)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int nle = -NLE_NOMEM;

	*answer = (struct nbd_answer){ .index = -1 };
	if (cb) {
		nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, nbd_on_valid, answer);
		nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, nbd_on_ack, answer);
		nl_cb_err(cb, NL_CB_CUSTOM, nbd_on_error, answer);
		nle = nl_send_auto(nl->sk, msg);
	}
	while (nle >= 0 && !answer->done)
		nle = nl_recvmsgs(nl->sk, cb);
	nl_cb_put(cb);
	nlmsg_free(msg);
	if (answer->done)
		return -answer->err;
	return nle == -NLE_NOMEM ? -ENOMEM : -EIO;
}

static int nbd_put_socket(struct nl_msg *msg, int sock)
{
	struct nlattr *all = nla_nest_start(msg, NBD_ATTR_SOCKETS), *one;

	if (!all)
		return -NLE_NOMEM;
	one = nla_nest_start(msg, NBD_SOCK_ITEM);
	if (!one || nla_put_u32(msg, NBD_SOCK_FD, sock))
		return -NLE_NOMEM;
	nla_nest_end(msg, one);
	nla_nest_end(msg, all);
	return 0;
}

static int nbd_connect(const struct nbd_netlink *nl, const struct nbd_link *link, int *index)
{
	struct nl_msg *msg = nbd_request(nl, NBD_CMD_CONNECT);
	struct nbd_answer answer;
	int ret;

	if (!msg)
		return -ENOMEM;
	if (nla_put_u64(msg, NBD_ATTR_SIZE_BYTES, link->export.size) ||
	    nla_put_u64(msg, NBD_ATTR_BLOCK_SIZE_BYTES, link->export.block_min) ||
	    nla_put_u64(msg, NBD_ATTR_SERVER_FLAGS, link->export.flags) ||
	    nla_put_u64(msg, NBD_ATTR_TIMEOUT, link->request_timeout) ||
	    nla_put_u64(msg, NBD_ATTR_DEAD_CONN_TIMEOUT, link->dead_timeout) ||
	    nbd_put_socket(msg, link->sock)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	ret = nbd_call(nl, msg, &answer);
	*index = answer.index;
	return !ret && answer.index < 0 ? -EIO : ret;
}

/* Let the device go with its last user; and give it a new socket for a dead one, if there is. */
static int nbd_reconfigure(const struct nbd_netlink *nl, int index, const struct nbd_link *link)
{
	struct nl_msg *msg = nbd_request(nl, NBD_CMD_RECONFIGURE);
	struct nbd_answer answer;

	if (!msg)
		return -ENOMEM;
	if (nla_put_u32(msg, NBD_ATTR_INDEX, index) ||
	    nla_put_u64(msg, NBD_ATTR_CLIENT_FLAGS, NBD_CFLAG_DISCONNECT_ON_CLOSE) ||
	    (link && nbd_put_socket(msg, link->sock))) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return nbd_call(nl, msg, &answer);
}

static int nbd_disconnect(const struct nbd_netlink *nl, int index)
{
	struct nl_msg *msg = nbd_request(nl, NBD_CMD_DISCONNECT);
	struct nbd_answer answer;

	if (!msg)
		return -ENOMEM;
	if (nla_put_u32(msg, NBD_ATTR_INDEX, index)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return nbd_call(nl, msg, &answer);
}

/* Whether @fd has become what was asked for. */
static int nbd_check_size(int fd, u64 size)
{
	u64 bytes = 0;

	if (ioctl(fd, BLKGETSIZE64, &bytes))
		return -errno;
	return bytes == ALIGN_DOWN(size, 512) ? 0 : -ENODEV;
}

/* A node of a device that is new may take its time. */
static int nbd_open(int index, const struct nbd_link *link, struct error *e)
{
	int flags = (link->readonly ? O_RDONLY : O_RDWR) | O_DIRECT | O_EXCL | O_CLOEXEC;
	const struct timespec pause = { .tv_nsec = 10000000 };
	int fd, tries, ret = -ENODEV;
	char path[32];

	snprintf(path, sizeof(path), "/dev/nbd%d", index);
	for (tries = 0; tries < 500; tries++) {
		fd = open(path, flags);
		if (fd >= 0) {
			ret = nbd_check_size(fd, link->export.size);
			if (!ret)
				return fd;
			close(fd);
		} else {
			ret = -errno;
			if (errno != ENOENT && errno != EBUSY)
				break;
		}
		nanosleep(&pause, NULL);
	}
	return error_errno(e, ret, "could not open '%s'", path);
}

static int nbd_set_up(const struct nbd_netlink *nl, struct nbd_device *dev,
		      const struct nbd_link *link, struct error *e)
{
	int ret = nbd_connect(nl, link, &dev->index);

	if (ret == -EPERM) {
		error_set(e, EPERM, "may not set up a network block device");
		error_hint(e, "That takes CAP_SYS_ADMIN.");
		return ret;
	}
	if (ret)
		return error_errno(e, ret, "could not set up a network block device");
	dev->fd = nbd_open(dev->index, link, e);
	ret = dev->fd < 0 ? dev->fd : nbd_reconfigure(nl, dev->index, NULL);
	if (!ret)
		return 0;
	if (dev->fd >= 0) {
		error_errno(e, ret, "could not set up '/dev/nbd%d'", dev->index);
		close(dev->fd);
		dev->fd = -1;
	}
	nbd_disconnect(nl, dev->index);
	return ret;
}

/* --- attaching, in a child ------------------------------------------------------------ */

/* What the child tells; the descriptor comes with it. */
struct nbd_report {
	int ret, index;
	struct error error;
};

union nbd_control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static void nbd_send_report(int sock, const struct nbd_report *report, int fd)
{
	struct iovec iov = { .iov_base = (void *)report, .iov_len = sizeof(*report) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union nbd_control control = { 0 };
	struct cmsghdr *cmsg;

	if (fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	/* Nobody listens if the VMM is dead: the device goes with this process' descriptor. */
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
		_exit(1);
}

static int nbd_take_report(int sock, struct nbd_device *dev, struct error *e)
{
	struct nbd_report report;
	union nbd_control control;
	struct iovec iov = { .iov_base = &report, .iov_len = sizeof(report) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *cmsg;
	ssize_t n;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(report))
		return error_set(e, EIO, "could not set up a network block device: "
				 "the child ended without a word");
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!report.ret && cmsg && cmsg->cmsg_type == SCM_RIGHTS) {
		memcpy(&dev->fd, CMSG_DATA(cmsg), sizeof(dev->fd));
		dev->index = report.index;
		return 0;
	}
	if (e)
		*e = report.error;
	return report.ret ? report.ret : -EIO;
}

/* Leave two files open: what else the VMM has is the VMM's alone. */
static void nbd_keep_files(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;

	if (low > 0)
		close_range(0, low - 1, 0);
	if (low + 1 < high)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
}

/*
 * Stay until the server ends, then fail what it left unanswered: the kernel would wait for it, and
 * everyone with a request under way, even a VMM that was killed, for the kernel. As long as the
 * device is open here nobody else can get it, so it is the right one.
 */
static void nbd_keep(const struct nbd_device *dev, int server)
{
	struct pollfd pfd = { .fd = server, .events = POLLIN };
	struct nbd_netlink nl;

	prctl(PR_SET_NAME, "ferry-nbd");
	nbd_keep_files(dev->fd, server);
	while (poll(&pfd, 1, -1) != 1)
		;
	if (!nbd_netlink_open(&nl, NULL)) {
		nbd_disconnect(&nl, dev->index);
		nbd_netlink_close(&nl);
	}
}

static void nbd_child(int sock, const struct nbd_link *link)
{
	struct nbd_device dev = { .index = -1, .fd = -1 };
	struct nbd_report report = { 0 };
	struct nbd_netlink nl;
	int server = -1;
	sigset_t all;

	/* Nothing but SIGKILL, to this very process, ends it half way. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setpgid(0, 0);
	nbd_load_module();
	report.ret = nbd_netlink_open(&nl, &report.error);
	if (!report.ret && link->server) {
		server = pidfd_open(link->server, 0);
		if (server < 0)
			report.ret = error_errno(&report.error, errno,
						 "could not watch the NBD server");
	}
	if (!report.ret)
		report.ret = nbd_set_up(&nl, &dev, link, &report.error);
	report.index = dev.index;
	nbd_send_report(sock, &report, dev.fd);
	if (!report.ret && link->server)
		nbd_keep(&dev, server);
	_exit(0);
}

static void nbd_end_child(pid_t pid, int sig)
{
	if (sig)
		kill(pid, sig);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/*
 * Only an open descriptor makes a device vanish with its process. The moment between connecting
 * and opening belongs to a child, which the death of the VMM does not hit: when it has come
 * through, the device is either the VMM's or gone.
 */
int nbd_attach(struct nbd_device *dev, const struct nbd_link *link, struct error *e)
{
	int pair[2], ret;
	pid_t pid;

	*dev = (struct nbd_device){ .index = -1, .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return error_errno(e, errno, "could not make a socket pair");
	pid = fork();
	if (!pid) {
		close(pair[0]);
		nbd_child(pair[1], link);
	}
	ret = pid < 0 ? error_errno(e, errno, "could not fork") : 0;
	close(pair[1]);
	if (!ret) {
		ret = nbd_take_report(pair[0], dev, e);
		if (!ret && link->server)
			dev->keeper = pid;
		else
			nbd_end_child(pid, 0);
	}
	close(pair[0]);
	return ret;
}

int nbd_reconnect(const struct nbd_device *dev, const struct nbd_link *link, struct error *e)
{
	struct nbd_netlink nl;
	int ret;

	ret = nbd_netlink_open(&nl, e);
	if (ret)
		return ret;
	ret = nbd_reconfigure(&nl, dev->index, link);
	if (ret)
		error_errno(e, ret, "could not reconnect '/dev/nbd%d'", dev->index);
	nbd_netlink_close(&nl);
	return ret;
}

void nbd_detach(struct nbd_device *dev)
{
	struct nbd_netlink nl;
	bool gone = false;

	if (dev->fd < 0)
		return;
	/* Others may have it open, a udev that looks at it: closing would then not be enough. */
	if (!nbd_netlink_open(&nl, NULL)) {
		gone = !nbd_disconnect(&nl, dev->index);
		nbd_netlink_close(&nl);
	}
	/* Who has no right to by now leaves it to the keeper, once the server has ended. */
	if (dev->keeper && gone)
		nbd_end_child(dev->keeper, SIGKILL);
	if (gone)
		dev->keeper = 0;
	close(dev->fd);
	dev->fd = -1;
}

void nbd_forget(struct nbd_device *dev)
{
	if (dev->keeper)
		nbd_end_child(dev->keeper, 0);
	dev->keeper = 0;
}
