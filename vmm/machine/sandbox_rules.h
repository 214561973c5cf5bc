/* SPDX-License-Identifier: GPL-2.0 */
/* Between sandbox.c and sandbox_rules.c: which kind of thread makes which system call. */
#ifndef FERRY_VMM_MACHINE_SANDBOX_RULES_H
#define FERRY_VMM_MACHINE_SANDBOX_RULES_H

#include <seccomp.h>

#include "sandbox.h"

/**
 * struct sandbox_rule - a system call, and who may make it
 * @call: its number
 * @kinds: THREAD_* bits
 * @uses: only if one of these SANDBOX_* is in use; 0: always
 * @arg: what an argument must be; none if its op is 0
 * @err: how it fails; 0: it is made
 */
struct sandbox_rule {
	int call;
	u32 kinds, uses;
	struct scmp_arg_cmp arg;
	u16 err;
};

const struct sandbox_rule *sandbox_rule_at(size_t i);

#endif /* FERRY_VMM_MACHINE_SANDBOX_RULES_H */
