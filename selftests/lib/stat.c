// SPDX-License-Identifier: GPL-2.0
/*
 * A client of the generic netlink family "ferry". Each call opens and closes
 * its own socket; safe from any thread.
 */
#include <errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <linux/ferry.h>

#include "check.h"
#include "stat.h"

struct stat_dump {
	struct stat_queue *q;
	int max;
	int n;
	int err;
};

static uint64_t stat_u64(struct nlattr **a, int attr)
{
	return a[attr] ? nla_get_u64(a[attr]) : 0;
}

static uint32_t stat_u32(struct nlattr **a, int attr)
{
	return a[attr] ? nla_get_u32(a[attr]) : 0;
}

static void stat_string(struct nlattr **a, int attr, char *to, size_t size)
{
	snprintf(to, size, "%s", a[attr] ? nla_get_string(a[attr]) : "");
}

static void stat_parse(struct stat_queue *q, struct nlattr **a)
{
	*q = (struct stat_queue){
		.dev = stat_u32(a, FERRY_A_DEV),
		.owner = stat_u32(a, FERRY_A_OWNER),
		.queue = stat_u32(a, FERRY_A_QUEUE),
		.worker = stat_u32(a, FERRY_A_WORKER),
		.state = a[FERRY_A_STATE] ? nla_get_u8(a[FERRY_A_STATE]) : 0xff,
		.packed = a[FERRY_A_PACKED] ? nla_get_u8(a[FERRY_A_PACKED]) : 0xff,
		.kicks = stat_u64(a, FERRY_A_KICKS),
		.signals = stat_u64(a, FERRY_A_SIGNALS),
		.chains = stat_u64(a, FERRY_A_CHAINS),
		.bytes = stat_u64(a, FERRY_A_BYTES),
		.batches = stat_u64(a, FERRY_A_BATCHES),
		.fetched = stat_u64(a, FERRY_A_FETCHED),
		.polls = stat_u64(a, FERRY_A_POLLS),
		.polls_paid = stat_u64(a, FERRY_A_POLLS_PAID),
		.drops = stat_u64(a, FERRY_A_DROPS),
		.errors = stat_u64(a, FERRY_A_ERRORS),
		.at_kick = stat_u64(a, FERRY_A_AT_KICK),
	};
	stat_string(a, FERRY_A_KIND, q->kind, sizeof(q->kind));
	stat_string(a, FERRY_A_NAME, q->name, sizeof(q->name));
}

static int stat_valid(struct nl_msg *msg, void *arg)
{
	struct nlattr *a[FERRY_A_MAX + 1];
	struct stat_dump *d = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, a, FERRY_A_MAX, NULL)) {
		d->err = -EBADMSG;
		return NL_STOP;
	}
	if (d->n < d->max)
		stat_parse(&d->q[d->n], a);
	d->n++;
	return NL_OK;
}

static int stat_query(struct nl_sock *sk, struct stat_dump *d)
{
	struct nl_msg *msg;
	int family, err;

	if (genl_connect(sk))
		return -EIO;
	family = genl_ctrl_resolve(sk, FERRY_GENL_NAME);
	if (family < 0)
		return -ENOENT;
	msg = nlmsg_alloc();
	check(msg && genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, NLM_F_DUMP,
				 FERRY_CMD_GET_QUEUE, FERRY_GENL_VERSION), "netlink message");
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, stat_valid, d);
	err = nl_send_auto(sk, msg);
	nlmsg_free(msg);
	if (err >= 0)
		err = nl_recvmsgs_default(sk);
	if (err < 0)
		return err == -NLE_PERM ? -EPERM : -EIO;
	return d->err ? d->err : d->n;
}

int __stat_dump(struct stat_queue *q, int max)
{
	struct stat_dump d = { .q = q, .max = max };
	struct nl_sock *sk = nl_socket_alloc();
	int ret;

	check(sk, "memory for a socket");
	ret = stat_query(sk, &d);
	nl_socket_free(sk);
	return ret;
}

int __stat_get(struct stat_queue *q, pid_t owner, const char *kind, uint32_t queue)
{
	int room = 64, ret = -ENODEV, n;
	struct stat_queue *all = NULL;

	do {
		room *= 4;
		free(all);
		all = calloc(room, sizeof(*all));
		check(all, "memory for counters");
		n = __stat_dump(all, room);
	} while (n > room);
	if (n < 0)
		ret = n;
	/* Device numbers only grow: the last match is the latest. */
	for (int i = 0; i < n; i++) {
		if (all[i].owner != (uint32_t)owner || all[i].queue != queue ||
		    strcmp(all[i].kind, kind))
			continue;
		*q = all[i];
		ret = 0;
	}
	free(all);
	return ret;
}

void stat_get(struct stat_queue *q, const char *kind, uint32_t queue)
{
	check_ok(__stat_get(q, getpid(), kind, queue), "counters of %s queue %u", kind, queue);
}
