// SPDX-License-Identifier: GPL-2.0
/*
 * Role: random I/O on a file whose every byte is known, on any mounted directory:
 *	fs_data DIRECTORY NAME SIDE SIDES OPERATIONS SEED
 *	What operation N does follows from SEED and N alone. So SIDES processes, a guest's and the
 *	host's, take turns on one file: each carries out its own operations, knows what those of
 *	the others were, and compares what it finds. NAME.turn says whose turn it is.
 *	Ends with status 0 and says how much was compared, or says what differs.
 * Threads: one.
 * Locks: none; a side touches the file only when it is its turn.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DATA_MAX	(384U << 10)	/* of the file */
#define DATA_IO_MAX	(160U << 10)	/* more than one message holds */
#define DATA_TURN	12		/* operations until it is the next side's turn */
#define DATA_FAILED	"fail"

enum data_kind {
	DATA_WRITE, DATA_APPEND, DATA_TRUNCATE, DATA_PUNCH, DATA_MAP_WRITE, DATA_READ,
	DATA_MAP_READ, DATA_REOPEN,
};

/* Of sixteen. */
static const enum data_kind data_mix[16] = {
	DATA_WRITE, DATA_WRITE, DATA_WRITE, DATA_WRITE, DATA_APPEND, DATA_TRUNCATE, DATA_TRUNCATE,
	DATA_PUNCH, DATA_MAP_WRITE, DATA_MAP_WRITE, DATA_READ, DATA_READ, DATA_READ, DATA_READ,
	DATA_MAP_READ, DATA_REOPEN,
};

struct data_op {
	enum data_kind kind;
	uint32_t at, len;
	uint32_t tag;			/* what is written begins with it */
};

struct data {
	int dir;
	const char *name;
	char turn_name[128];
	unsigned long side, sides, operations;
	uint64_t seed, rng;
	uint8_t *model;			/* DATA_MAX bytes, zeroes behind the end */
	uint32_t size;
	uint8_t *buf;
	int fd;
	unsigned long now;		/* operation */
	uint64_t compared;
};

static void data_turn_write(struct data *d, const char *text)
{
	int fd = openat(d->dir, d->turn_name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text) || close(fd))
		err(1, "%s", d->turn_name);
}

/* The others are not to wait for a side that has ended. */
__attribute__((format(printf, 2, 3), noreturn))
static void data_fail(struct data *d, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s, side %lu, operation %lu: ", d->name, d->side, d->now);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	data_turn_write(d, DATA_FAILED);
	exit(1);
}

static void data_must(struct data *d, bool ok, const char *what)
{
	if (!ok)
		data_fail(d, "%s: %s", what, strerror(errno));
}

/* --- what happens ------------------------------------------------------------------------- */

static uint32_t data_random(struct data *d, uint32_t below)
{
	d->rng ^= d->rng >> 12;
	d->rng ^= d->rng << 25;
	d->rng ^= d->rng >> 27;
	return ((d->rng * 0x2545f4914f6cdd1dULL) >> 32) % below;
}

/* Mostly small, some large. */
static uint32_t data_length(struct data *d)
{
	return 1 + data_random(d, data_random(d, 4) ? 9000 : DATA_IO_MAX);
}

/* The same on every side, which all have the same model by now. */
static struct data_op data_plan(struct data *d)
{
	struct data_op op;

	d->rng = (d->seed * 0x9e3779b97f4a7c15ULL) ^ ((d->now + 1) * 0xd1342543de82ef95ULL);
	op.kind = data_mix[data_random(d, 16)];
	op.tag = data_random(d, 1U << 30);
	op.len = data_length(d);
	op.at = data_random(d, DATA_MAX - op.len + 1);
	switch (op.kind) {
	case DATA_APPEND:
		op.at = d->size;
		op.len = op.len < DATA_MAX - d->size ? op.len : DATA_MAX - d->size;
		break;
	case DATA_PUNCH:
	case DATA_MAP_WRITE:
	case DATA_MAP_READ:
		/* Only what is there. */
		op.at = d->size ? op.at % d->size : 0;
		op.len = op.len < d->size - op.at ? op.len : d->size - op.at;
		break;
	default:
		break;
	}
	return op;
}

static void data_pattern(uint8_t *to, const struct data_op *op)
{
	for (uint32_t i = 0; i < op->len; i++)
		to[i] = (op->tag >> (8 * (i & 3))) + (i >> 2);
}

/* What the file holds afterwards, whoever carries it out. */
static void data_apply(struct data *d, const struct data_op *op)
{
	switch (op->kind) {
	case DATA_WRITE:
	case DATA_APPEND:
	case DATA_MAP_WRITE:
		data_pattern(d->model + op->at, op);
		if (op->len && op->at + op->len > d->size)
			d->size = op->at + op->len;
		break;
	case DATA_TRUNCATE:
		if (op->at < d->size)
			memset(d->model + op->at, 0, d->size - op->at);
		d->size = op->at;
		break;
	case DATA_PUNCH:
		memset(d->model + op->at, 0, op->len);
		break;
	default:
		break;
	}
}

/* --- and its carrying out ------------------------------------------------------------------ */

static void data_open(struct data *d)
{
	d->fd = openat(d->dir, d->name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	data_must(d, d->fd >= 0, "open");
}

static void data_close(struct data *d)
{
	data_must(d, !close(d->fd), "close");
	d->fd = -1;
}

static void data_write_at(struct data *d, int fd, uint32_t at, uint32_t len, bool append)
{
	for (uint32_t done = 0; done < len;) {
		ssize_t n = append ? write(fd, d->buf + done, len - done) :
				     pwrite(fd, d->buf + done, len - done, at + done);

		data_must(d, n > 0, "write");
		done += n;
	}
}

static void data_append(struct data *d, const struct data_op *op)
{
	int fd = openat(d->dir, d->name, O_WRONLY | O_APPEND | O_CLOEXEC);

	data_must(d, fd >= 0, "open to append");
	data_write_at(d, fd, 0, op->len, true);
	data_must(d, !close(fd), "close what was appended to");
}

static void data_punch(struct data *d, const struct data_op *op)
{
	if (!op->len)
		return;
	if (!fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, op->at, op->len))
		return;
	/* 9P has no message for it. */
	data_must(d, errno == EOPNOTSUPP || errno == ENODEV, "punch");
	memset(d->buf, 0, op->len);
	data_write_at(d, d->fd, op->at, op->len, false);
}

/*
 * Pages that a mapping has brought in may be older than what was written since: begin anew.
 * What could become writable is refused where nothing is cached, hence private.
 */
static uint8_t *data_map(struct data *d, const struct data_op *op, int protection, uint32_t *skip)
{
	void *map;

	data_close(d);
	data_open(d);
	*skip = op->at % 4096;
	map = mmap(NULL, op->len + *skip, protection,
		   protection & PROT_WRITE ? MAP_SHARED : MAP_PRIVATE, d->fd, op->at - *skip);
	return map == MAP_FAILED ? NULL : map;
}

static void data_map_write(struct data *d, const struct data_op *op)
{
	uint8_t *map;
	uint32_t skip;

	if (!op->len)
		return;
	map = data_map(d, op, PROT_READ | PROT_WRITE, &skip);
	if (!map) {
		/* A client that caches nothing refuses it. */
		data_must(d, errno == EINVAL || errno == ENODEV, "map to write");
		data_write_at(d, d->fd, op->at, op->len, false);
		return;
	}
	memcpy(map + skip, d->buf, op->len);
	data_must(d, !msync(map, op->len + skip, MS_SYNC), "msync");
	data_must(d, !munmap(map, op->len + skip), "munmap");
	data_close(d);
	data_open(d);
}

static void data_compare(struct data *d, const uint8_t *have, uint32_t at, uint32_t len,
			 const char *how)
{
	if (memcmp(have, d->model + at, len)) {
		uint32_t i = 0;

		while (have[i] == d->model[at + i])
			i++;
		data_fail(d, "%s of %u bytes at %u: byte %u is %#x, not %#x; the size is %u", how,
			  len, at, at + i, have[i], d->model[at + i], d->size);
	}
	d->compared += len;
}

static void data_map_read(struct data *d, const struct data_op *op)
{
	uint8_t *map;
	uint32_t skip;

	if (!op->len)
		return;
	map = data_map(d, op, PROT_READ, &skip);
	data_must(d, map, "map to read");
	data_compare(d, map + skip, op->at, op->len, "mapping");
	data_must(d, !munmap(map, op->len + skip), "munmap");
}

static void data_read(struct data *d, uint32_t at, uint32_t len)
{
	uint32_t want = at < d->size ? d->size - at : 0, done = 0;
	struct stat st;
	ssize_t n;

	data_must(d, !fstat(d->fd, &st), "fstat");
	if (st.st_size != d->size)
		data_fail(d, "the size is %lld, not %u", (long long)st.st_size, d->size);
	while (done < len) {
		n = pread(d->fd, d->buf + done, len - done, at + done);
		data_must(d, n >= 0, "read");
		if (!n)
			break;
		done += n;
	}
	want = want < len ? want : len;
	if (done != want)
		data_fail(d, "%u bytes read at %u, not %u; the size is %u", done, at, want,
			  d->size);
	data_compare(d, d->buf, at, want, "read");
}

/* Before data_apply() for what changes the file, which then holds what the model will. */
static void data_do(struct data *d, const struct data_op *op)
{
	data_pattern(d->buf, op);
	switch (op->kind) {
	case DATA_WRITE:
		data_write_at(d, d->fd, op->at, op->len, false);
		break;
	case DATA_APPEND:
		data_append(d, op);
		break;
	case DATA_TRUNCATE:
		data_must(d, !ftruncate(d->fd, op->at), "truncate");
		break;
	case DATA_PUNCH:
		data_punch(d, op);
		break;
	case DATA_MAP_WRITE:
		data_map_write(d, op);
		break;
	case DATA_READ:
		data_read(d, op->at, op->len);
		break;
	case DATA_MAP_READ:
		data_map_read(d, op);
		break;
	case DATA_REOPEN:
		data_must(d, !fsync(d->fd), "fsync");
		data_close(d);
		data_open(d);
		break;
	}
}

/* --- turns --------------------------------------------------------------------------------- */

/* How many turns have been taken; it is written as digits that do not become fewer. */
static unsigned long data_turn_read(struct data *d)
{
	int fd = openat(d->dir, d->turn_name, O_RDONLY | O_CLOEXEC);
	char text[16] = "";
	ssize_t n = 0;

	if (fd < 0 && errno != ENOENT)
		err(1, "%s", d->turn_name);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n >= 4 && !memcmp(text, DATA_FAILED, 4))
		errx(1, "%s, side %lu: another side has failed", d->name, d->side);
	return n == 8 ? strtoul(text, NULL, 10) : 0;
}

static void data_turn_wait(struct data *d, unsigned long turn)
{
	const struct timespec nap = { .tv_nsec = 2000000 };

	while (data_turn_read(d) != turn)
		nanosleep(&nap, NULL);
}

static void data_turn_over(struct data *d, unsigned long turn)
{
	char text[16];

	snprintf(text, sizeof(text), "%08lu", turn);
	data_turn_write(d, text);
}

/* One side's turn, which begins and ends with a look at all of the file. */
static void data_turn(struct data *d, unsigned long turn)
{
	bool own = turn % d->sides == d->side;
	struct data_op op;

	if (own && d->sides > 1)
		data_turn_wait(d, turn);
	if (own) {
		data_open(d);
		data_read(d, 0, DATA_MAX);
	}
	for (unsigned int i = 0; i < DATA_TURN; i++, d->now++) {
		op = data_plan(d);
		if (own)
			data_do(d, &op);
		data_apply(d, &op);
	}
	if (!own)
		return;
	data_read(d, 0, DATA_MAX);
	data_close(d);
	if (d->sides > 1)
		data_turn_over(d, turn + 1);
}

static unsigned long data_number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (*end || end == text)
		errx(2, "not a number: %s", text);
	return n;
}

int main(int argc, char **argv)
{
	struct data d = { .fd = -1 };

	if (argc != 7)
		errx(2, "usage: fs_data DIRECTORY NAME SIDE SIDES OPERATIONS SEED");
	d.dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d.dir < 0)
		err(1, "%s", argv[1]);
	d.name = argv[2];
	snprintf(d.turn_name, sizeof(d.turn_name), "%s.turn", d.name);
	d.side = data_number(argv[3]);
	d.sides = data_number(argv[4]);
	d.operations = data_number(argv[5]);
	d.seed = data_number(argv[6]);
	d.model = calloc(2, DATA_MAX);
	if (!d.model || d.side >= d.sides)
		errx(1, "no memory, or no such side");
	d.buf = d.model + DATA_MAX;
	for (unsigned long turn = 0; d.now < d.operations; turn++)
		data_turn(&d, turn);
	printf("fs_data: %s: %lu operations of %lu sides, %llu bytes compared\n", d.name, d.now,
	       d.sides, (unsigned long long)d.compared);
	return 0;
}
