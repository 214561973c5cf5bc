/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's test harness, with more patience.
 */
#ifndef FERRY_SELFTEST_HARNESS_H
#define FERRY_SELFTEST_HARNESS_H

#include "kselftest_harness.h"

/* An emulated CPU, or a loaded machine, needs more than the harness's 30 s at times. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

#endif /* FERRY_SELFTEST_HARNESS_H */
