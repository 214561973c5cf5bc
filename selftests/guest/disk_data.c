// SPDX-License-Identifier: GPL-2.0
/*
 * Role: random I/O on a disk whose every sector is known, over crashes and reboots:
 *	disk_data DEVICE OPERATIONS SEED
 *	The disk is divided into regions. What operation N of a region does follows from SEED, the
 *	region and N alone, and the region's first block says how many were done. So whoever comes
 *	next, after whatever became of this program's machine, knows what it has to find: what
 *	those left, and of the next one, which may have been under way, each sector before it or
 *	after it. Every begin compares all of it and says "NAME holds ..."; SIGTERM or the end of
 *	so many operations a region leads to the same again. With 0 operations nothing is written.
 *	Ends with status 0, or says what differs.
 * Threads: one a region, which is its own.
 * Locks: none.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SECTOR		512U
#define BLOCK		4096U			/* a multiple of any logical block */
#define REGIONS		4U
#define REGION_SECTORS	4096U			/* behind its first block */
#define REGION_BYTES	(BLOCK + REGION_SECTORS * SECTOR)
#define IO_SECTORS	512U			/* of one operation at most */
#define MAGIC		0x6665727279646174ULL

enum data_kind { DATA_WRITE, DATA_SYNC, DATA_ZERO, DATA_DISCARD, DATA_READ };

/* Of eight. */
static const enum data_kind data_mix[8] = {
	DATA_WRITE, DATA_WRITE, DATA_WRITE, DATA_SYNC, DATA_ZERO, DATA_DISCARD, DATA_READ,
	DATA_READ,
};

/* Sector `at` and those behind it; what is written bears the operation's number. */
struct data_op {
	enum data_kind kind;
	uint32_t number, at, count;
};

/* A region's first block. */
struct data_head {
	uint64_t magic, seed;
	uint32_t done;
};

struct data {
	const char *name;
	int fd;
	unsigned int region;
	uint64_t seed, rng;
	uint32_t done, operations;
	uint32_t *model;		/* by sector the operation that wrote it, 0 for zeroes */
	uint8_t *buf;			/* IO_SECTORS, aligned for direct I/O */
	pthread_t thread;
};

static volatile sig_atomic_t data_ended;

static void data_end(int number)
{
	(void)number;
	data_ended = 1;
}

static void data_must(struct data *d, bool ok, const char *what)
{
	if (!ok)
		errx(1, "%s, region %u, operation %u: %s: %s", d->name, d->region, d->done + 1,
		     what, strerror(errno));
}

/* --- what happens ------------------------------------------------------------------------- */

static uint32_t data_random(struct data *d, uint32_t below)
{
	d->rng ^= d->rng >> 12;
	d->rng ^= d->rng << 25;
	d->rng ^= d->rng >> 27;
	return ((d->rng * 0x2545f4914f6cdd1dULL) >> 32) % below;
}

static struct data_op data_plan(struct data *d, uint32_t number)
{
	struct data_op op = { .number = number };

	d->rng = ((d->seed + d->region) * 0x9e3779b97f4a7c15ULL) ^
		 ((number + 1) * 0xd1342543de82ef95ULL);
	op.kind = data_mix[data_random(d, 8)];
	/* Mostly small, some large. */
	op.count = 1 + data_random(d, data_random(d, 4) ? 16 : IO_SECTORS);
	op.at = data_random(d, REGION_SECTORS - op.count + 1);
	return op;
}

static void data_sector(const struct data *d, uint8_t *to, uint32_t sector, uint32_t number)
{
	uint64_t word = ((d->seed + d->region) << 48) ^ ((uint64_t)number << 16) ^ sector;

	for (unsigned int i = 0; i < SECTOR; i += sizeof(word)) {
		uint64_t value = number ? word + ((uint64_t)i << 40) : 0;

		memcpy(to + i, &value, sizeof(value));
	}
}

/* What a sector holds after an operation that covers it. */
static uint32_t data_after(const struct data_op *op, uint32_t before)
{
	return op->kind == DATA_READ ? before : op->kind == DATA_ZERO ? 0 : op->number;
}

static void data_apply(struct data *d, const struct data_op *op)
{
	for (uint32_t i = op->at; i < op->at + op->count; i++)
		d->model[i] = data_after(op, d->model[i]);
}

/* --- and its carrying out ------------------------------------------------------------------ */

static uint64_t data_start(const struct data *d)
{
	return (uint64_t)d->region * REGION_BYTES;
}

static uint64_t data_offset(const struct data *d, uint32_t sector)
{
	return data_start(d) + BLOCK + (uint64_t)sector * SECTOR;
}

static bool data_holds(const struct data *d, const uint8_t *have, uint32_t sector, uint32_t number)
{
	uint8_t want[SECTOR];

	data_sector(d, want, sector, number);
	return !memcmp(have, want, SECTOR);
}

/*
 * Compare sectors with the model. Those of `under_way`, if there is one, may be as they will be;
 * a discard on its way may have left zeroes.
 */
static void data_compare(struct data *d, uint32_t at, uint32_t count,
			 const struct data_op *under_way)
{
	const struct data_op *op = under_way;
	size_t bytes = (size_t)count * SECTOR;

	data_must(d, pread(d->fd, d->buf, bytes, data_offset(d, at)) == (ssize_t)bytes, "read");
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *have = d->buf + (size_t)i * SECTOR;
		uint32_t sector = at + i, number = d->model[sector];

		if (data_holds(d, have, sector, number))
			continue;
		if (op && sector >= op->at && sector < op->at + op->count &&
		    (data_holds(d, have, sector, data_after(op, number)) ||
		     (op->kind == DATA_DISCARD && data_holds(d, have, sector, 0))))
			continue;
		errx(1, "%s, region %u, after operation %u: sector %u is not of operation %u",
		     d->name, d->region, d->done, sector, number);
	}
}

static void data_compare_all(struct data *d, const struct data_op *under_way)
{
	for (uint32_t at = 0; at < REGION_SECTORS; at += IO_SECTORS)
		data_compare(d, at, IO_SECTORS, under_way);
}

static void data_range(struct data *d, unsigned long request, const struct data_op *op,
		       const char *what)
{
	uint64_t range[2] = { data_offset(d, op->at), (uint64_t)op->count * SECTOR };

	data_must(d, !ioctl(d->fd, request, range), what);
}

static void data_write(struct data *d, const struct data_op *op)
{
	size_t bytes = (size_t)op->count * SECTOR;

	for (uint32_t i = 0; i < op->count; i++)
		data_sector(d, d->buf + (size_t)i * SECTOR, op->at + i, op->number);
	data_must(d, pwrite(d->fd, d->buf, bytes, data_offset(d, op->at)) == (ssize_t)bytes,
		  "write");
}

static void data_do(struct data *d, const struct data_op *op)
{
	switch (op->kind) {
	case DATA_DISCARD:
		/* What is there afterwards may be anything: write. */
		data_range(d, BLKDISCARD, op, "discard");
		data_write(d, op);
		break;
	case DATA_SYNC:
		data_write(d, op);
		data_must(d, !fdatasync(d->fd), "flush");
		break;
	case DATA_WRITE:
		data_write(d, op);
		break;
	case DATA_ZERO:
		data_range(d, BLKZEROOUT, op, "write zeroes");
		break;
	case DATA_READ:
		data_compare(d, op->at, op->count, NULL);
		break;
	}
}

static void data_head_write(struct data *d)
{
	struct data_head head = { .magic = MAGIC, .seed = d->seed, .done = d->done };

	memset(d->buf, 0, BLOCK);
	memcpy(d->buf, &head, sizeof(head));
	data_must(d, pwrite(d->fd, d->buf, BLOCK, data_start(d)) == BLOCK, "write of the count");
}

/* How many operations were done, in a region that holds zeroes if it was none. */
static uint32_t data_head_read(struct data *d)
{
	struct data_head head;

	data_must(d, pread(d->fd, d->buf, BLOCK, data_start(d)) == BLOCK, "read of the count");
	memcpy(&head, d->buf, sizeof(head));
	if (head.magic == MAGIC && head.seed == d->seed)
		return head.done;
	if (head.magic || head.seed || head.done)
		errx(1, "%s, region %u: no count at its begin, or another seed's", d->name,
		     d->region);
	return 0;
}

static void *data_region(void *argument)
{
	struct data *d = argument;
	struct data_op op;
	uint32_t end;

	end = data_head_read(d);
	for (uint32_t number = 1; number <= end; number++) {
		op = data_plan(d, number);
		data_apply(d, &op);
	}
	d->done = end;
	op = data_plan(d, end + 1);
	data_compare_all(d, &op);
	printf("%s holds what %u operations left in region %u\n", d->name, end, d->region);
	for (end += d->operations; d->done < end && !data_ended;) {
		op = data_plan(d, d->done + 1);
		data_do(d, &op);
		data_apply(d, &op);
		d->done++;
		data_head_write(d);
	}
	if (d->operations) {
		data_compare_all(d, NULL);
		printf("%s held what %u operations left in region %u\n", d->name, d->done,
		       d->region);
	}
	return NULL;
}

static void data_init(struct data *d, const struct data *like, unsigned int region)
{
	*d = *like;
	d->region = region;
	d->model = calloc(REGION_SECTORS, sizeof(*d->model));
	if (!d->model || posix_memalign((void **)&d->buf, BLOCK, IO_SECTORS * SECTOR))
		err(1, "memory");
}

static uint32_t data_number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (*end || end == text || n > UINT32_MAX / 2)
		errx(1, "'%s' is no number", text);
	return n;
}

int main(int argc, char **argv)
{
	static struct data regions[REGIONS];
	struct data like = { .name = argv[1] };
	struct sigaction on_term = { .sa_handler = data_end, .sa_flags = SA_RESTART };

	if (argc != 4)
		errx(1, "usage: disk_data DEVICE OPERATIONS SEED");
	like.operations = data_number(argv[2]);
	like.seed = data_number(argv[3]);
	like.fd = open(like.name, (like.operations ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	if (like.fd < 0 && errno == EINVAL && !like.operations)	/* a file without direct I/O */
		like.fd = open(like.name, O_RDONLY | O_CLOEXEC);
	if (like.fd < 0)
		err(1, "%s", like.name);
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &on_term, NULL);
	for (unsigned int i = 0; i < REGIONS; i++) {
		data_init(&regions[i], &like, i);
		if (pthread_create(&regions[i].thread, NULL, data_region, &regions[i]))
			errx(1, "no thread");
	}
	for (unsigned int i = 0; i < REGIONS; i++)
		pthread_join(regions[i].thread, NULL);
	return 0;
}
