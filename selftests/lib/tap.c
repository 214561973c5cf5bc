// SPDX-License-Identifier: GPL-2.0
/*
 * Taps, XDP programs and packet sockets by plain system calls. Stateless; safe
 * from any thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include "check.h"
#include "tap.h"

#define TAP_PATIENCE_MS	10000

static int tap_ioctl_ifr(unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = ioctl(fd, request, ifr) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static void tap_name_ifr(struct ifreq *ifr, const char *name)
{
	memset(ifr, 0, sizeof(*ifr));
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
}

static int tap_configure(struct tap *t, const struct tap_options *o)
{
	int hdr = o->vnet_hdr_len ? o->vnet_hdr_len : (int)sizeof(struct virtio_net_hdr_mrg_rxbuf);
	int sndbuf = INT_MAX;

	/* Without this tun builds every packet by itself and never in batches. */
	if (ioctl(t->fd, TUNSETSNDBUF, &sndbuf))
		return -errno;
	if (!o->no_vnet_hdr && ioctl(t->fd, TUNSETVNETHDRSZ, &hdr))
		return -errno;
	if (o->offload && ioctl(t->fd, TUNSETOFFLOAD, (unsigned long)o->offload))
		return -errno;
	return 0;
}

int __tap_open(struct tap *t, const char *name, const struct tap_options *o)
{
	static const struct tap_options usual;
	struct ifreq ifr;
	int err;

	if (!o)
		o = &usual;
	tap_name_ifr(&ifr, name ? name : "");
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (!o->no_vnet_hdr)
		ifr.ifr_flags |= IFF_VNET_HDR;
	if (o->multi_queue)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (t->fd < 0)
		return -errno;
	err = ioctl(t->fd, TUNSETIFF, &ifr) ? -errno : tap_configure(t, o);
	memcpy(t->name, ifr.ifr_name, sizeof(t->name));
	if (!err)
		err = tap_ioctl_ifr(SIOCGIFINDEX, &ifr);
	if (err)
		close(t->fd);
	t->ifindex = ifr.ifr_ifindex;
	return err;
}

void tap_open(struct tap *t, const char *name, const struct tap_options *o)
{
	check_ok(__tap_open(t, name, o), "open tap %s", name ? name : "");
}

void tap_close(struct tap *t)
{
	close(t->fd);
	t->fd = -1;
}

void tap_up(const char *name, bool up)
{
	struct ifreq ifr;

	tap_name_ifr(&ifr, name);
	check_ok(tap_ioctl_ifr(SIOCGIFFLAGS, &ifr), "flags of %s", name);
	if (up)
		ifr.ifr_flags |= IFF_UP | IFF_PROMISC;
	else
		ifr.ifr_flags &= ~IFF_UP;
	check_ok(tap_ioctl_ifr(SIOCSIFFLAGS, &ifr), "set %s %s", name, up ? "up" : "down");
}

void tap_wait_running(const char *name)
{
	struct ifreq ifr;

	tap_name_ifr(&ifr, name);
	for (int ms = 0; ms < TAP_PATIENCE_MS; ms++) {
		check_ok(tap_ioctl_ifr(SIOCGIFFLAGS, &ifr), "flags of %s", name);
		if (ifr.ifr_flags & IFF_RUNNING)
			break;
		usleep(1000);
	}
	check(ifr.ifr_flags & IFF_RUNNING, "%s runs", name);
	/* Whoever sets it running holds the lock of all links until it can send. */
	tap_up(name, true);
}

void tap_set_mtu(const char *name, int mtu)
{
	struct ifreq ifr;

	tap_name_ifr(&ifr, name);
	ifr.ifr_mtu = mtu;
	check_ok(tap_ioctl_ifr(SIOCSIFMTU, &ifr), "set mtu of %s", name);
}

void tap_set_mac(const char *name, const uint8_t mac[6])
{
	struct ifreq ifr;

	tap_name_ifr(&ifr, name);
	ifr.ifr_hwaddr.sa_family = 1; /* ARPHRD_ETHER */
	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	check_ok(tap_ioctl_ifr(SIOCSIFHWADDR, &ifr), "set mac of %s", name);
}

void tap_set_addr(const char *name, const char *addr, const char *mask)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct ifreq ifr;

	tap_name_ifr(&ifr, name);
	inet_pton(AF_INET, addr, &sin.sin_addr);
	memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
	check_ok(tap_ioctl_ifr(SIOCSIFADDR, &ifr), "set address of %s", name);
	inet_pton(AF_INET, mask, &sin.sin_addr);
	memcpy(&ifr.ifr_netmask, &sin, sizeof(sin));
	check_ok(tap_ioctl_ifr(SIOCSIFNETMASK, &ifr), "set mask of %s", name);
}

static int tap_bpf(int cmd, union bpf_attr *attr)
{
	long ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

/* Load @n instructions and link them to @ifindex. */
static int tap_xdp_attach(int ifindex, const struct bpf_insn *insn, unsigned int n)
{
	union bpf_attr load, link;
	int prog, fd;

	memset(&load, 0, sizeof(load));
	load.prog_type = BPF_PROG_TYPE_XDP;
	load.insns = (uintptr_t)insn;
	load.insn_cnt = n;
	load.license = (uintptr_t)"GPL";
	prog = tap_bpf(BPF_PROG_LOAD, &load);
	if (prog < 0)
		return prog;
	memset(&link, 0, sizeof(link));
	link.link_create.prog_fd = prog;
	link.link_create.target_ifindex = ifindex;
	link.link_create.attach_type = BPF_XDP;
	link.link_create.flags = 1U << 2; /* XDP_FLAGS_DRV_MODE */
	fd = tap_bpf(BPF_LINK_CREATE, &link);
	close(prog);
	return fd;
}

int __tap_xdp_drop(int ifindex)
{
	const struct bpf_insn insn[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return tap_xdp_attach(ifindex, insn, 2);
}

int __tap_xdp_redirect(int ifindex, int to)
{
	const struct bpf_insn insn[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = to },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return tap_xdp_attach(ifindex, insn, 4);
}

int packet_open(int ifindex, bool vnet_hdr)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int one = 1, size = 8 << 20;

	check(fd >= 0, "packet socket: %s", strerror(errno));
	if (vnet_hdr)
		check_ok(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ?
			 -errno : 0, "PACKET_VNET_HDR");
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	check_ok(bind(fd, (struct sockaddr *)&sll, sizeof(sll)) ? -errno : 0, "bind to %d",
		 ifindex);
	return fd;
}

/* An interface that went down in between leaves an error behind, once. */
static bool packet_was_down(ssize_t n)
{
	return n < 0 && errno == ENETDOWN;
}

ssize_t packet_recv(int fd, void *buf, size_t len, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	do {
		if (poll(&p, 1, ms) <= 0)
			return 0;
		n = recv(fd, buf, len, MSG_DONTWAIT);
	} while (packet_was_down(n));
	return n < 0 ? 0 : n;
}

void packet_send(int fd, const void *buf, size_t len)
{
	ssize_t n = send(fd, buf, len, 0);

	if (packet_was_down(n))
		n = send(fd, buf, len, 0);
	check(n == (ssize_t)len, "send %zu bytes: %zd, %s", len, n, n < 0 ? strerror(errno) : "");
}

/* Columns of /proc/net/dev after the name. */
static const char *const link_columns[] = {
	"rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "rx_fifo", "rx_frame",
	"rx_compressed", "multicast", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped",
};

static uint64_t link_column(const char *columns, const char *counter)
{
	char *at = (char *)columns;

	for (size_t i = 0; i < sizeof(link_columns) / sizeof(*link_columns); i++) {
		uint64_t v = strtoull(at, &at, 10);

		if (!strcmp(link_columns[i], counter))
			return v;
	}
	check_fail("no counter named %s", counter);
}

uint64_t link_stat(const char *ifname, const char *counter)
{
	FILE *f = fopen("/proc/thread-self/net/dev", "re");
	char line[512];
	size_t n = strlen(ifname);

	check(f, "open /proc/net/dev: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		char *name = line + strspn(line, " ");

		if (!strncmp(name, ifname, n) && name[n] == ':') {
			fclose(f);
			return link_column(name + n + 1, counter);
		}
	}
	check_fail("no interface %s", ifname);
}

/* Keep the host from talking on its own, where it would. */
static void netns_silence(const char *which)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", which);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1)
		check_fail("cannot disable IPv6: %s", strerror(errno));
	close(fd);
}

int __netns_enter(void)
{
	if (unshare(CLONE_NEWNET))
		return -errno;
	netns_silence("all");
	netns_silence("default");
	return 0;
}
