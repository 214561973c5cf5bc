/* SPDX-License-Identifier: GPL-2.0 */
/* What a guest without an operating system has: ports, memory, a serial line, chance. */
#ifndef FERRY_BARE_H
#define FERRY_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* Of the machine's address map: see vmm/x86/map.h. The guest needs 64 MiB. */
#define BARE_ARENA	0x800000ULL	/* memory for rings, then for buffers */
#define BARE_RINGS_SIZE	0x200000ULL
#define BARE_ARENA_SIZE	0x600000ULL
#define BARE_RAM	0x4000000ULL
#define BARE_PCI_MMIO	0xc0000000ULL
#define BARE_PCI_SIZE	0x20000000ULL
#define BARE_ECAM	0xe0000000ULL
#define BARE_IOAPIC	0xfec00000ULL
#define BARE_LAPIC	0xfee00000ULL
#define PORT_RESET	0x604
#define RESET_VALUE	1

struct rng {
	u64 state;
};

u64 rng_next(struct rng *r);
u32 rng_below(struct rng *r, u32 n);
bool rng_one_in(struct rng *r, u32 n);
void rng_seed(struct rng *r, u64 seed);

u64 io_read(u16 port, u32 size);
void io_write(u16 port, u64 val, u32 size);
void io_string(u16 port, u64 at, u64 n, bool write);	/* bytes at @at */
u64 mem_read(u64 addr, u32 size);
void mem_write(u64 addr, u64 val, u32 size);

void serial_print(const char *text);
void serial_hex(u64 val);

/* The value behind "name=" of the command line, in hexadecimal; @otherwise without it. */
u64 cmdline_hex(const char *line, const char *name, u64 otherwise);

/* A byte of the clock's memory, which a reset does not touch. */
u8 cmos_read(u8 index);
void cmos_write(u8 index, u8 val);

#endif /* FERRY_BARE_H */
