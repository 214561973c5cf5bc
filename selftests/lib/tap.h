/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taps and the host's side of them. Nothing in tap.c needs a library, so that a
 * static program may link it; macvtap and the like are in link.h.
 */
#ifndef FERRY_SELFTEST_TAP_H
#define FERRY_SELFTEST_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/if.h>

struct tap {
	int fd;
	int ifindex;
	char name[IFNAMSIZ];
};

struct tap_options {
	bool no_vnet_hdr;	/* for VHOST_NET_F_VIRTIO_NET_HDR */
	int vnet_hdr_len;	/* 0: 12 */
	unsigned int offload;	/* TUN_F_*, what the guest takes */
	bool multi_queue;
};

/* A tap named @name ("" or NULL: the kernel chooses), sndbuf as QEMU sets it. */
int __tap_open(struct tap *t, const char *name, const struct tap_options *o);
void tap_open(struct tap *t, const char *name, const struct tap_options *o);
void tap_close(struct tap *t);

/* Interface knobs, by name; they assert. */
void tap_up(const char *name, bool up);
/* The carrier of some kinds comes a while after they are up; until then frames are lost. */
void tap_wait_running(const char *name);
void tap_set_mtu(const char *name, int mtu);
void tap_set_mac(const char *name, const uint8_t mac[6]);
void tap_set_addr(const char *name, const char *addr, const char *mask);

/* Attach an XDP program; return the bpf link's fd, whose close detaches it. */
int __tap_xdp_drop(int ifindex);
/* Redirect every frame to @to. */
int __tap_xdp_redirect(int ifindex, int to);

/* A packet socket on one interface, optionally with a virtio_net_hdr. */
int packet_open(int ifindex, bool vnet_hdr);
/* Receive one frame that arrived (not one sent by this host); 0 after @ms. */
ssize_t packet_recv(int fd, void *buf, size_t len, int ms);
void packet_send(int fd, const void *buf, size_t len);

/* A number under /sys or a counter of /proc/net/dev: "rx_packets" etc. */
uint64_t link_stat(const char *ifname, const char *counter);

/* A network namespace of this process's own, without IPv6; 0 or -errno. */
int __netns_enter(void);

#endif /* FERRY_SELFTEST_TAP_H */
