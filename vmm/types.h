/* SPDX-License-Identifier: GPL-2.0 */
/* The short integer names and the few helpers that every part uses. */
#ifndef FERRY_VMM_TYPES_H
#define FERRY_VMM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#endif
#define BIT_ULL(n)		(1ULL << (n))
#define ALIGN_UP(x, a)		(((x) + ((a) - 1)) & ~((u64)(a) - 1))
#define ALIGN_DOWN(x, a)	((x) & ~((u64)(a) - 1))

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define KIB	(1ULL << 10)
#define MIB	(1ULL << 20)
#define GIB	(1ULL << 30)

/* A switch that may be left to the program. */
enum tri {
	TRI_AUTO,
	TRI_OFF,
	TRI_ON,
};

#endif /* FERRY_VMM_TYPES_H */
