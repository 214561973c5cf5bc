// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target for the rules of a block request. Run it with -runs=N for a
 * fixed amount of work, or with a corpus directory for as long as wanted.
 */
#include <stddef.h>
#include <stdint.h>

#include "fuzz_blk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_blk_one(data, size);
	return 0;
}
