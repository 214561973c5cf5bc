/* SPDX-License-Identifier: GPL-2.0 */
/* The tap or macvtap behind a queue, taken from an open file. */
#ifndef FERRY_NET_TAP_H
#define FERRY_NET_TAP_H

#include <linux/types.h>

struct file;
struct ptr_ring;
struct socket;

struct ferry_tap {
	struct file *file;	/* holds all the rest */
	struct socket *sock;
	struct ptr_ring *ring;	/* frames for us: skbs and, from a tap, xdp frames */
	bool counts;		/* a tap counts what leaves its ring, a macvtap does not */
};

struct ferry_tap *ferry_tap_get(int fd);
void ferry_tap_put(struct ferry_tap *tap);

#endif /* FERRY_NET_TAP_H */
