// SPDX-License-Identifier: GPL-2.0
/*
 * The disk that is measured on: null_blk, set up through configfs. Runs in one
 * thread; the machine ends with it, so nothing is taken down.
 */
#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "blk_bench.h"
#include "boot.h"
#include "check.h"

#define NULL_CONFIG	"/sys/kernel/config"
#define NULL_DISK	"bench"

const char *null_make(void)
{
	static const struct { const char *name, *value; } attributes[] = {
		{ "size", "1024" }, { "blocksize", "512" }, { "queue_mode", "2" },
		{ "irqmode", "0" }, { "memory_backed", "0" }, { "submit_queues", "1" },
		{ "hw_queue_depth", "256" }, { "max_sectors", "2560" }, { "power", "1" },
	};
	char path[128];

	check(!mount("configfs", NULL_CONFIG, "configfs", 0, NULL) || errno == EBUSY,
	      "configfs: %s", strerror(errno));
	check(!mkdir(NULL_CONFIG "/nullb/" NULL_DISK, 0755), "a null_blk device: %s",
	      strerror(errno));
	for (unsigned int i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		snprintf(path, sizeof(path), NULL_CONFIG "/nullb/" NULL_DISK "/%s",
			 attributes[i].name);
		boot_put(path, attributes[i].value);
	}
	boot_put("/sys/block/" NULL_DISK "/queue/scheduler", "none");
	return "/dev/" NULL_DISK;
}

struct null_counts null_counts(void)
{
	FILE *f = fopen("/sys/block/" NULL_DISK "/stat", "re");
	unsigned long long v[7];

	check(f, "the disk's counters: %s", strerror(errno));
	for (unsigned int i = 0; i < 7; i++)
		check(fscanf(f, "%llu", &v[i]) == 1, "counter %u of the disk", i);
	fclose(f);
	return (struct null_counts){ .reads = v[0], .writes = v[4], .merges = v[1] + v[5] };
}
