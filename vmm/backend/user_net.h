/* SPDX-License-Identifier: GPL-2.0 */
/*
 * -netdev user: a network that is played for the guest in user space, by libslirp, so
 * that neither rights nor an interface of the host's are needed.
 */
#ifndef FERRY_VMM_BACKEND_USER_NET_H
#define FERRY_VMM_BACKEND_USER_NET_H

#include <netinet/in.h>

#include "../error.h"
#include "../machine/threads.h"
#include "../types.h"

#define USER_NET_FORWARDS_MAX	64U

/* hostfwd=[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport */
struct user_net_forward {
	bool udp;
	struct in_addr host, guest;	/* 0: any, and the first lease */
	u16 host_port, guest_port;
};

struct user_net_config {
	/* As typed. */
	char *net, *host, *dns, *dhcpstart;
	char *hostname, *domainname, *tftp, *tftp_server_name, *bootfile;
	char **hostfwd, **dnssearch;
	bool ipv4, ipv6, restricted;
	enum tri vhost;

	/* Concluded by options/. */
	struct in_addr network, mask, gateway, nameserver, first_lease;
	unsigned int n_forwards;
	struct user_net_forward forward[USER_NET_FORWARDS_MAX];
};

struct user_net;

/**
 * user_net_create - play a network, with a thread of its own
 * @out: the network
 * @cfg: what it is like; outlives it
 * @e: what went wrong, a forwarded port that is taken for example
 *
 * Return: a descriptor that takes and gives one Ethernet frame a write or read, as a tap
 * without headers does, which is the caller's to close after user_net_destroy(); or a
 * negative errno. Nothing is answered before user_net_start().
 */
int user_net_create(struct user_net **out, const struct user_net_config *cfg, struct error *e);
void user_net_destroy(struct user_net *n);

/* Begin to answer; may be called again. */
int user_net_start(struct user_net *n, struct threads *threads);

/* How often its thread woke up, for tests. */
u64 user_net_wakeups(const struct user_net *n);

/* Whether a frame of the guest's makes the host open another socket. */
bool user_net_frame_opens(const u8 *frame, size_t len);

#endif /* FERRY_VMM_BACKEND_USER_NET_H */
