// SPDX-License-Identifier: GPL-2.0
/* ferry.ko: the ring engine and the vhost device core that back ends build on. */
#include <linux/module.h>

#define CREATE_TRACE_POINTS
#include "trace.h"
#include "vhost.h"

static int __init ferry_init(void)
{
	return ferry_registry_init();
}

static void __exit ferry_exit(void)
{
	ferry_registry_exit();
	ferry_kicker_exit();
}

module_init(ferry_init);
module_exit(ferry_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The Ferry developers");
MODULE_DESCRIPTION("Virtqueues served in the kernel: ring engine and vhost device core");
MODULE_VERSION("0.1");
