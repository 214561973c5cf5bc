/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every test in here includes: the kernel's harness, the library, and the
 * few things that only a test needs.
 *
 * Environment:
 *   FERRY_TEST_SCALE    percent of the usual iterations (default 100, and 10 on
 *                       an emulated CPU)
 *   FERRY_TEST_RINGS    the RING_VARIANTS to try (default all)
 *   FERRY_TEST_DISKS    the disks, see lib/disk.c (default all)
 *   FERRY_TEST_INTREE   1: run ABI tests on the in-tree device too
 *   FERRY_INTREE_DEV    its node (default /dev/vhost-net)
 */
#ifndef FERRY_SELFTEST_TEST_H
#define FERRY_SELFTEST_TEST_H

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "harness.h"

#include "abi.h"
#include "check.h"
#include "dev.h"
#include "env.h"
#include "mem.h"
#include "net.h"
#include "rig.h"
#include "ring.h"
#include "stat.h"
#include "tap.h"

/* Whether /proc/cpuinfo names an emulated CPU, which is 10 to 30 times slower. */
static inline bool test_emulated(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, "QEMU TCG") || strstr(line, "QEMU Virtual");
	if (f)
		fclose(f);
	return found;
}

/* @n iterations, scaled to the machine; at least one. */
static inline unsigned long test_scale(unsigned long n)
{
	const char *env = getenv("FERRY_TEST_SCALE");
	unsigned long percent = env ? strtoul(env, NULL, 0) : test_emulated() ? 10 : 100;

	n = n * percent / 100;
	return n ? n : 1;
}

static inline const char *test_intree(void)
{
	const char *env = getenv("FERRY_TEST_INTREE");
	const char *path = getenv("FERRY_INTREE_DEV");

	if (!env || strcmp(env, "1"))
		return NULL;
	return path ? path : "/dev/vhost-net";
}

/* Skip the test unless @cond. */
#define TEST_REQUIRE(cond, fmt, ...) do {		\
	if (!(cond))					\
		SKIP(return, fmt, ##__VA_ARGS__);	\
} while (0)

/* __rig_init() in a fixture's setup or a test: an absent device or tap skips. */
#define RIG_INIT(g, o) do {								\
	int rig_err_;									\
	RING_WANTED(&(o)->layout);							\
	if ((o)->kind == DEV_NET && __netns_enter())					\
		SKIP(return, "no network namespaces: %s", strerror(errno));		\
	rig_err_ = __rig_init(g, o);							\
	if (rig_err_)									\
		SKIP(return, "no device or no tap here: %s", strerror(-rig_err_));	\
} while (0)

/* The same for a network device, with both queues running: see net.h. */
#define NET_INIT(n, o) do {								\
	int net_err_;									\
	RING_WANTED(&(o)->layout);							\
	TEST_REQUIRE(!__netns_enter(), "no network namespaces: %s", strerror(errno));	\
	net_err_ = __net_init(n, o);							\
	TEST_REQUIRE(!net_err_, "no device or no tap here: %s", strerror(-net_err_));	\
} while (0)

/* New records of the kernel log; -1 if it cannot be read. */
static inline int klog_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* Count the records since the last call that contain @text. */
static inline int klog_count(int fd, const char *text)
{
	char line[8192];
	int found = 0;
	ssize_t n;

	for (;;) {
		n = read(fd, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return found;
		line[n] = 0;
		found += !!strstr(line, text);
	}
}

/* Variants of a member l. */
#define RING_VARIANT(fixture, variant, ...) \
	FIXTURE_VARIANT_ADD(fixture, variant) { .l = { .num = 256, __VA_ARGS__ } }

/* The layouts that a ring test covers, but for what FERRY_TEST_RINGS leaves out. */
#define RING_VARIANTS(fixture)								\
	RING_OF_ALL(fixture, split, .packed = false);					\
	RING_OF_ALL(fixture, split_event, .event_idx = true);				\
	RING_OF_ALL(fixture, split_indirect, .indirect = true);				\
	RING_OF_ALL(fixture, split_indirect_event, .indirect = true, .event_idx = true); \
	RING_OF_ALL(fixture, packed, .packed = true);					\
	RING_OF_ALL(fixture, packed_event, .packed = true, .event_idx = true);		\
	RING_OF_ALL(fixture, packed_indirect, .packed = true, .indirect = true);	\
	RING_OF_ALL(fixture, packed_indirect_event, .packed = true, .indirect = true,	\
		    .event_idx = true)

#define RING_OF_ALL(fixture, variant, ...) \
	RING_VARIANT(fixture, variant, .name = #variant, __VA_ARGS__)

#define RING_WANTED(l) \
	TEST_REQUIRE(!(l)->name || env_lists("FERRY_TEST_RINGS", (l)->name), \
		     "not among FERRY_TEST_RINGS")

/* Ferry's devices and, on request, the in-tree one, as variants. */
struct test_node {
	enum dev_kind kind;
	bool intree;
};

#define NODE_VARIANTS(fixture)						\
	FIXTURE_VARIANT(fixture) { struct test_node node; };		\
	FIXTURE_VARIANT_ADD(fixture, ferry_null) { .node = { DEV_NULL, false } };	\
	FIXTURE_VARIANT_ADD(fixture, ferry_net) { .node = { DEV_NET, false } };		\
	FIXTURE_VARIANT_ADD(fixture, intree_net) { .node = { DEV_NET, true } }

/* Path of a node variant; NULL with a skip reason pending for the in-tree one. */
static inline const char *test_node_path(const struct test_node *n)
{
	if (n->intree)
		return test_intree();
	return n->kind == DEV_NET ? DEV_NET_PATH : DEV_NULL_PATH;
}

/* Open a node variant or skip. */
#define NODE_OPEN(d, n) do {							\
	const char *node_path_ = test_node_path(n);				\
	int node_err_;								\
	TEST_REQUIRE(node_path_, "FERRY_TEST_INTREE is not 1");			\
	node_err_ = __dev_open(d, (n)->kind, node_path_);			\
	TEST_REQUIRE(node_err_ != -ENOENT && node_err_ != -ENXIO, "no %s",	\
		     node_path_);						\
	ASSERT_EQ(0, node_err_);						\
} while (0)

/* Options for a rig on a node variant, split ring, 256 descriptors. */
#define NODE_RIG_INIT(g, n) do {						\
	struct rig_options node_o_ = {						\
		.kind = (n)->kind, .path = test_node_path(n),			\
		.layout = { .num = 256 },					\
	};									\
	TEST_REQUIRE(node_o_.path, "FERRY_TEST_INTREE is not 1");		\
	RIG_INIT(g, &node_o_);							\
} while (0)

#endif /* FERRY_SELFTEST_TEST_H */
