// SPDX-License-Identifier: GPL-2.0
/*
 * Role: a guest that does at random whatever a guest can do, until it is stopped.
 *
 *	Command line: seed=HEX; ends=1 adds power off and reset; vectors=1 what may deliver an
 *	INIT to the one processor, which then is at a reset vector where nothing is. With
 *	lives=1 it sets every device up as it should, uses it, and resets the machine.
 *
 *	Every BEAT operations it prints "beat GENERATION OPERATIONS", in hexadecimal. Each
 *	reset begins another generation, which the clock's memory counts, with another seed.
 * Threads: the one processor.
 * Locks: none.
 */
#include "fuzz.h"

#define BEAT		512U
#define CMOS_GENERATION	0x48
#define ROUNDS		4U	/* of requests in each queue, in one life */
#define PAUSE		64U	/* accesses that do nothing, while they are served */
#define PORT_DELAY	0x80

static void print_beat(u64 generation, u64 operations)
{
	serial_print("\nbeat ");
	serial_hex(generation);
	serial_print(" ");
	serial_hex(operations);
	serial_print("\n");
}

static u32 next_generation(void)
{
	u32 n = cmos_read(CMOS_GENERATION) | cmos_read(CMOS_GENERATION + 1) << 8;

	n++;
	cmos_write(CMOS_GENERATION, n);
	cmos_write(CMOS_GENERATION + 1, n >> 8);
	return n & 0xffff;
}

static void use_device(struct device *d, struct rng *r)
{
	u32 round, i;

	device_start(d, r);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < d->n_queues; i++) {
			device_offer(d, i, r);
			device_kick(d, i);
		}
	}
}

/* One life: everything is in use when it ends. */
static void live_and_reset(struct fuzz *f)
{
	u32 i;

	for (i = 0; i < f->n_devices; i++)
		use_device(&f->device[i], &f->rng);
	for (i = 0; i < PAUSE; i++)
		io_read(PORT_DELAY, 1);
	io_write(PORT_RESET, RESET_VALUE, 1);
	for (;;)
		asm volatile("hlt");
}

/* @info is PVH's start info; the command line's address is its fourth word of 64 bits. */
void bare_main(const u64 *info);

void bare_main(const u64 *info)
{
	const char *line = (const char *)info[3];
	u32 generation = next_generation();
	struct fuzz f;

	f.ends = cmdline_hex(line, "ends", 0);
	f.vectors = cmdline_hex(line, "vectors", 0);
	fuzz_begin(&f, cmdline_hex(line, "seed", 1) + ((u64)generation << 48));
	print_beat(generation, 0);
	if (f.n_devices && cmdline_hex(line, "lives", 0))
		live_and_reset(&f);
	while (f.n_devices) {
		fuzz_once(&f);
		if (f.operations % BEAT == 0)
			print_beat(generation, f.operations);
	}
	serial_print("\nno devices\n");
}
