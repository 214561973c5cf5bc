// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of what follows a guest error. Single-threaded; takes no locks.
 */
#include <errno.h>

#include "bad.h"
#include "check.h"
#include "stat.h"

const char *bad_kind(const struct rig *g)
{
	return g->o.kind == DEV_NET ? "net" : "null";
}

static void bad_check_state(struct rig *g, unsigned int i, enum ferry_queue_state state,
			    uint64_t errors)
{
	struct stat_queue q;

	/* A kernel without the family has no states to see. */
	if (__stat_dump(&q, 1) == -ENOENT)
		return;
	stat_get(&q, bad_kind(g), i);
	check(q.state == state, "queue %u is in state %u, not %u", i, q.state, state);
	check(q.errors == errors, "queue %u counts %llu errors, not %llu", i,
	      (unsigned long long)q.errors, (unsigned long long)errors);
}

static uint64_t bad_errors(struct rig *g, unsigned int i)
{
	struct stat_queue q;

	if (__stat_dump(&q, 1) == -ENOENT)
		return 0;
	stat_get(&q, bad_kind(g), i);
	return q.errors;
}

void bad_expect_broken(struct rig *g, unsigned int i)
{
	uint64_t n = event_wait(g->dev.err[i], DEV_PATIENCE_MS);

	check(n == 1, "queue %u signals an error %llu times", i, (unsigned long long)n);
	bad_check_state(g, i, FERRY_QUEUE_BROKEN, bad_errors(g, i));
	/* It stays silent, whatever the driver does. */
	dev_kick(&g->dev, i);
	check(!event_wait(g->dev.err[i], 5), "queue %u signals again", i);
}

void bad_mend(struct rig *g, unsigned int i)
{
	uint64_t errors = bad_errors(g, i);

	dev_stop(&g->dev, i);
	rig_reset_ring(g, i);
	dev_start(&g->dev, i, g->backend);
	bad_check_state(g, i, FERRY_QUEUE_RUNNING, errors);
}

void bad_expect_stop(struct rig *g, unsigned int i, unsigned int other, unsigned int completions)
{
	uint64_t errors = bad_errors(g, i);
	struct ring_used u;

	ring_publish(&g->ring[i]);
	dev_kick(&g->dev, i);
	bad_expect_broken(g, i);
	check(bad_errors(g, i) <= errors + 1, "one error is counted once");
	while (completions--)
		check(ring_get(&g->ring[i], &u) == 1, "a good chain before the bad one returns");
	check(!ring_has_used(&g->ring[i]), "queue %u completes nothing bad", i);
	rig_ping(g, other);
	check(!event_take(g->dev.err[other]), "queue %u is not blamed", other);
	bad_mend(g, i);
	if (g->o.kind == DEV_NULL || i == DEV_TX)
		rig_ping(g, i);
}
