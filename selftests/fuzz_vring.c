// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target for the chain rules. Run it with -runs=N for a fixed amount
 * of work, or with a corpus directory for as long as wanted.
 */
#include <stddef.h>
#include <stdint.h>

#include "fuzz_vring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_one(data, size);
	return 0;
}
