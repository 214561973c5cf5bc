// SPDX-License-Identifier: GPL-2.0
/*
 * Role: "ferry stat": the kernel's counters of every queue, over the generic
 *	netlink family of uapi/linux/ferry.h, as a table or as JSON.
 * Threads: main.
 * Locks: none.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/ferry.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "guest.h"

enum stat_type {
	STAT_U8,
	STAT_U32,
	STAT_U64,
	STAT_STRING,
	STAT_STATE,
	STAT_RING,
};

/* One column: the attribute, its name in JSON, its head and width in the table. */
struct stat_column {
	int attr;
	enum stat_type type;
	const char *name;
	const char *head;
	int width;
};

static const struct stat_column stat_columns[] = {
	{ FERRY_A_DEV, STAT_U32, "dev", "DEV", 4 },
	{ FERRY_A_KIND, STAT_STRING, "kind", "KIND", 5 },
	{ FERRY_A_OWNER, STAT_U32, "owner", "OWNER", 7 },
	{ FERRY_A_QUEUE, STAT_U32, "queue", "QUEUE", 6 },
	{ FERRY_A_NAME, STAT_STRING, "name", "NAME", 5 },
	{ FERRY_A_STATE, STAT_STATE, "state", "STATE", 8 },
	{ FERRY_A_PACKED, STAT_RING, "ring", "RING", 7 },
	{ FERRY_A_WORKER, STAT_U32, "worker", "WORKER", 7 },
	{ FERRY_A_KICKS, STAT_U64, "kicks", "KICKS", 10 },
	{ FERRY_A_SIGNALS, STAT_U64, "signals", "SIGNALS", 10 },
	{ FERRY_A_CHAINS, STAT_U64, "chains", "CHAINS", 11 },
	{ FERRY_A_BYTES, STAT_U64, "bytes", "BYTES", 13 },
	{ FERRY_A_BATCHES, STAT_U64, "batches", "BATCHES", 10 },
	{ FERRY_A_FETCHED, STAT_U64, "fetched", "FETCHED", 11 },
	{ FERRY_A_POLLS, STAT_U64, "polls", "POLLS", 8 },
	{ FERRY_A_POLLS_PAID, STAT_U64, "polls_paid", "PAID", 8 },
	{ FERRY_A_DROPS, STAT_U64, "drops", "DROPS", 8 },
	{ FERRY_A_ERRORS, STAT_U64, "errors", "ERRORS", 7 },
	{ FERRY_A_AT_KICK, STAT_U64, "at_kick", "AT_KICK", 10 },
};

struct stat_output {
	bool json;
	u32 owner;		/* 0: any */
	unsigned int rows;
};

static const char *stat_state(unsigned int state)
{
	static const char *const names[] = {
		[FERRY_QUEUE_STOPPED] = "stopped",
		[FERRY_QUEUE_RUNNING] = "running",
		[FERRY_QUEUE_BROKEN] = "broken",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

static bool stat_is_text(enum stat_type type)
{
	return type == STAT_STRING || type == STAT_STATE || type == STAT_RING;
}

/* One value as text; an attribute that the kernel does not send is "-" or 0. */
static void stat_format(const struct stat_column *c, struct nlattr *a, char *buf, size_t len)
{
	switch (c->type) {
	case STAT_STRING:
		snprintf(buf, len, "%s", a ? nla_get_string(a) : "-");
		break;
	case STAT_STATE:
		snprintf(buf, len, "%s", a ? stat_state(nla_get_u8(a)) : "-");
		break;
	case STAT_RING:
		snprintf(buf, len, "%s", a && nla_get_u8(a) ? "packed" : "split");
		break;
	case STAT_U8:
		snprintf(buf, len, "%u", a ? nla_get_u8(a) : 0);
		break;
	case STAT_U32:
		snprintf(buf, len, "%" PRIu32, a ? nla_get_u32(a) : 0);
		break;
	case STAT_U64:
		snprintf(buf, len, "%" PRIu64, a ? nla_get_u64(a) : 0);
		break;
	}
}

static void stat_print_head(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stat_columns); i++)
		printf("%*s%s", stat_is_text(stat_columns[i].type) ? -stat_columns[i].width :
		       stat_columns[i].width, stat_columns[i].head,
		       i + 1 < ARRAY_SIZE(stat_columns) ? " " : "\n");
}

static void stat_print_row(struct nlattr **attrs)
{
	char buf[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stat_columns); i++) {
		const struct stat_column *c = &stat_columns[i];

		stat_format(c, attrs[c->attr], buf, sizeof(buf));
		printf("%*s%s", stat_is_text(c->type) ? -c->width : c->width, buf,
		       i + 1 < ARRAY_SIZE(stat_columns) ? " " : "\n");
	}
}

static void stat_print_json(struct nlattr **attrs, bool first)
{
	char buf[64];
	size_t i;

	printf("%s\n  {", first ? "" : ",");
	for (i = 0; i < ARRAY_SIZE(stat_columns); i++) {
		const struct stat_column *c = &stat_columns[i];
		const char *quote = stat_is_text(c->type) ? "\"" : "";

		stat_format(c, attrs[c->attr], buf, sizeof(buf));
		printf("%s\"%s\": %s%s%s", i ? ", " : "", c->name, quote, buf, quote);
	}
	printf("}");
}

/* A disk has more queues than most guests use: one that never ran is not worth a row. */
static bool stat_never_ran(struct nlattr **attrs)
{
	static const int history[] = { FERRY_A_KICKS, FERRY_A_CHAINS, FERRY_A_ERRORS };
	size_t i;

	if (!attrs[FERRY_A_STATE] || nla_get_u8(attrs[FERRY_A_STATE]) != FERRY_QUEUE_STOPPED)
		return false;
	for (i = 0; i < ARRAY_SIZE(history); i++)
		if (attrs[history[i]] && nla_get_u64(attrs[history[i]]))
			return false;
	return true;
}

static int stat_message(struct nl_msg *msg, void *arg)
{
	static const struct nla_policy policy[FERRY_A_MAX + 1] = {
		[FERRY_A_KIND] = { .type = NLA_STRING },
		[FERRY_A_NAME] = { .type = NLA_STRING },
		[FERRY_A_STATE] = { .type = NLA_U8 },
		[FERRY_A_PACKED] = { .type = NLA_U8 },
	};
	struct nlattr *attrs[FERRY_A_MAX + 1];
	struct stat_output *out = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, attrs, FERRY_A_MAX, policy))
		return NL_SKIP;
	if (out->owner && (!attrs[FERRY_A_OWNER] ||
			   nla_get_u32(attrs[FERRY_A_OWNER]) != out->owner))
		return NL_OK;
	if (out->json)
		stat_print_json(attrs, !out->rows);
	else if (!stat_never_ran(attrs))
		stat_print_row(attrs);
	out->rows++;
	return NL_OK;
}

static int stat_dump(struct nl_sock *sk, int family, struct stat_output *out, struct error *e)
{
	int nle;

	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, stat_message, out);
	nle = genl_send_simple(sk, family, FERRY_CMD_GET_QUEUE, FERRY_GENL_VERSION, NLM_F_DUMP);
	if (nle >= 0)
		nle = nl_recvmsgs_default(sk);
	if (nle < 0)
		return error_set(e, nle == -NLE_PERM ? EPERM : EIO,
				 "could not read the counters: %s", nl_geterror(nle));
	return 0;
}

static int stat_query(struct stat_output *out, struct error *e)
{
	struct nl_sock *sk = nl_socket_alloc();
	int family, ret;

	if (!sk)
		return error_errno(e, ENOMEM, "netlink");
	ret = genl_connect(sk);
	if (ret) {
		ret = error_set(e, EIO, "could not open netlink: %s", nl_geterror(ret));
		goto out;
	}
	family = genl_ctrl_resolve(sk, FERRY_GENL_NAME);
	if (family < 0) {
		ret = error_set(e, ENOENT, "the module 'ferry' is not loaded");
		goto out;
	}
	if (out->json)
		printf("[");
	else
		stat_print_head();
	ret = stat_dump(sk, family, out, e);
	if (out->json)
		printf("%s]\n", out->rows ? "\n" : "");
out:
	nl_socket_free(sk);
	return ret;
}

/* Of all guests, or of one. */
int ctl_stat(int argc, char **argv, struct error *e)
{
	struct stat_output out = { 0 };
	const char *name = NULL;
	const struct ctl_option options[] = { { "json", &out.json }, { NULL } };
	const struct ctl_args args = { options, 0, 1, "[NAME]", &name };
	struct guest g;
	int ret = ctl_args(argc, argv, &args, e);

	if (ret || !name)
		return ret ?: stat_query(&out, e);
	ret = guest_find(&g, name, e);
	if (ret)
		return ret;
	out.owner = g.entry.pid;
	ret = stat_query(&out, e);
	guest_close(&g);
	return ret;
}
