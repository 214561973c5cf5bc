// SPDX-License-Identifier: GPL-2.0
/*
 * A driver of /dev/ferry-9p that does what a guest's does for each request whose
 * message is made: add a chain, kick once a batch, take the answer and look at it. The
 * payload of a read or a write lies in a page-aligned buffer of its own, as the stock
 * client has it. It asks for no interrupt. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <x86intrin.h>

#include "check.h"
#include "count.h"
#include "guest_mem.h"
#include "p9.h"
#include "p9_bench.h"

#define FERRY_DATA_GPA	0x300000000ULL
/* A message and the head of its answer. */
#define FERRY_MSG_GPA	0x400000000ULL
#define FERRY_MSG	512U
#define FERRY_ANSWER	256U

/* The session's fids: the directory is 0. */
#define FERRY_FILE	1
#define FERRY_WALKED	2

/* Twalk, Tlopen, Tclunk. */
#define FERRY_OPEN_STEPS	3

struct p9_ferry {
	const struct p9_row *row;
	struct p9 p9;
	uint8_t *msg;		/* P9_DEPTH_MAX messages and answers */
	uint8_t *data;
	struct p9_stat st;	/* of the file */
	uint8_t kind[P9_DEPTH_MAX];
	uint32_t bytes[P9_DEPTH_MAX];	/* of the message, without a payload */
};

/* Make message @i; integers and their sizes as in p9.h, one name at most. */
static void ferry_message(struct p9_ferry *f, unsigned int i, uint8_t type, const char *layout,
			  const uint64_t *v)
{
	uint8_t *at = f->msg + i * FERRY_MSG;
	struct ferry_p9_enc e = { .p = at + FERRY_P9_HEADER,
				  .left = FERRY_ANSWER - FERRY_P9_HEADER };
	struct ferry_p9_enc head = { .p = at, .left = FERRY_P9_HEADER };
	uint32_t payload = type == FERRY_P9_TWRITE ? f->row->size : 0;

	for (; *layout; layout++) {
		if (*layout == 's')
			ferry_p9_put_str(&e, P9_FILE, strlen(P9_FILE));
		else
			ferry_p9_put(&e, *v++, *layout - '0');
	}
	check(!e.bad, "a message that fits");
	f->kind[i] = type;
	f->bytes[i] = FERRY_P9_HEADER + e.done;
	ferry_p9_put(&head, f->bytes[i] + payload, 4);
	ferry_p9_put(&head, type, 1);
	ferry_p9_put(&head, i, 2);
}

static void ferry_messages(struct p9_ferry *f)
{
	const struct p9_row *row = f->row;

	for (unsigned int i = 0; i < P9_DEPTH_MAX; i++) {
		const uint64_t getattr[] = { FERRY_FILE, FERRY_P9_GETATTR_BASIC };
		const uint64_t io[] = { FERRY_FILE, p9_offset(row, i), row->size };
		const uint64_t walk[] = { 0, FERRY_WALKED, 1 };
		const uint64_t open[] = { FERRY_WALKED, FERRY_P9_O_RDONLY };

		if (row->kind == P9_GETATTR)
			ferry_message(f, i, FERRY_P9_TGETATTR, "48", getattr);
		else if (row->kind == P9_READ)
			ferry_message(f, i, FERRY_P9_TREAD, "484", io);
		else if (row->kind == P9_WRITE)
			ferry_message(f, i, FERRY_P9_TWRITE, "484", io);
		else if (i == 0)
			ferry_message(f, i, FERRY_P9_TWALK, "442s", walk);
		else if (i == 1)
			ferry_message(f, i, FERRY_P9_TLOPEN, "44", open);
		else if (i == 2)
			ferry_message(f, i, FERRY_P9_TCLUNK, "4", open);
	}
}

/* A session with the file open in it. */
static void ferry_session(struct p9_ferry *f)
{
	struct p9 *p = &f->p9;

	check_ok(p9_version(p, "9P2000.L", FERRY_P9_MSIZE_MAX), "Tversion");
	check_ok(p9_attach(p, 0, 0), "Tattach");
	check_ok(p9_walk(p, 0, FERRY_FILE, P9_FILE), "Twalk");
	check_ok(p9_lopen(p, FERRY_FILE, FERRY_P9_O_RDWR), "Tlopen");
	check_ok(p9_getattr(p, FERRY_FILE, &f->st), "Tgetattr");
	check(f->st.size == P9_FILE_BYTES, "a file of %llu bytes", (unsigned long long)f->st.size);
}

struct p9_ferry *p9_ferry_open(const struct p9_row *row, const char *dir)
{
	struct p9_ferry *f = calloc(1, sizeof(*f));
	struct ferry_9p_backend b = { .uid = FERRY_9P_SELF, .gid = FERRY_9P_SELF };

	check(f, "memory for a side");
	f->row = row;
	b.model = row->mapped ? FERRY_9P_MODEL_MAPPED : FERRY_9P_MODEL_PASSTHROUGH;
	b.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(b.fd >= 0, "open %s: %s", dir, strerror(errno));
	f->msg = guest_memory(row->name, false, &f->p9.mem, FERRY_MSG_GPA,
			      P9_DEPTH_MAX * FERRY_MSG);
	if (row->size)
		f->data = guest_memory(row->name, false, &f->p9.mem, FERRY_DATA_GPA,
				       P9_DEPTH_MAX * row->size);
	check_ok(__p9_open(&f->p9, &b), "serve %s", dir);
	close(b.fd);
	ferry_session(f);
	ferry_messages(f);
	for (unsigned int i = 0; row->kind == P9_WRITE && i < P9_DEPTH_MAX; i++)
		memset(f->data + i * row->size, p9_mark(i), row->size);
	ring_disable_call(&f->p9.ring);
	return f;
}

static void ferry_add(struct p9_ferry *f, unsigned int i)
{
	uint64_t at = FERRY_MSG_GPA + i * FERRY_MSG;
	uint64_t data = FERRY_DATA_GPA + (uint64_t)i * f->row->size;
	bool read = f->row->kind == P9_READ, write = f->row->kind == P9_WRITE;
	struct ring_seg seg[3] = { { at, f->bytes[i] } };
	unsigned int n = 1;

	if (write)
		seg[n++] = (struct ring_seg){ data, f->row->size };
	seg[n++] = (struct ring_seg){ at + FERRY_ANSWER, read ? FERRY_P9_IO_HEADER : FERRY_ANSWER };
	if (read)
		seg[n++] = (struct ring_seg){ data, f->row->size };
	check_ok(ring_add(&f->p9.ring, seg, write ? 2 : 1, read ? 2 : 1, i), "add a request");
}

/* What comes back for request @i: its type, tag and size, and the size of a file. */
static void ferry_look(struct p9_ferry *f, unsigned int i, uint32_t len)
{
	const uint8_t *at = f->msg + i * FERRY_MSG + FERRY_ANSWER;
	struct ferry_p9_hdr h = ferry_p9_header(at);
	uint32_t count;

	check(h.type == f->kind[i] + 1 && h.tag == i && h.size == len,
	      "%s: answer %u of %u bytes in %u to %u", f->row->name, h.type, h.size, len,
	      f->kind[i]);
	if (f->row->kind != P9_READ && f->row->kind != P9_WRITE)
		return;
	check(len == FERRY_P9_IO_HEADER + (f->row->kind == P9_READ ? f->row->size : 0),
	      "%s: an answer of %u bytes", f->row->name, len);
	memcpy(&count, at + FERRY_P9_HEADER, sizeof(count));
	check(count == f->row->size, "%s: %u bytes moved", f->row->name, count);
}

/* Take what is there, up to @n. Return how many. */
static unsigned int ferry_reap(struct p9_ferry *f, unsigned int n)
{
	unsigned int done = 0;
	struct ring_used u;
	int got = 1;

	while (done < n && (got = ring_get(&f->p9.ring, &u)) == 1) {
		ferry_look(f, u.cookie, u.len);
		done++;
	}
	check_ok(got, "%s: a completion that makes sense", f->row->name);
	return done;
}

/* Requests @first to @first + @n - 1 at once. Return how many were answered at once. */
static unsigned int ferry_batch(struct p9_ferry *f, unsigned int first, unsigned int n)
{
	for (unsigned int i = first; i < first + n; i++)
		ferry_add(f, i);
	if (ring_publish(&f->p9.ring))
		dev_kick(&f->p9.dev, 0);
	return ferry_reap(f, n);
}

/* Take what was not answered at once. Return whether there was nothing. */
static bool ferry_await(struct p9_ferry *f, unsigned int n)
{
	struct ring_used u;

	for (unsigned int i = 0; i < n; i++) {
		dev_expect_used(&f->p9.ring, &u);
		ferry_look(f, u.cookie, u.len);
	}
	return !n;
}

/* Open and close the file @n times. */
static bool ferry_open_files(struct p9_ferry *f, unsigned int n)
{
	bool prompt = true;

	while (n--)
		for (unsigned int i = 0; i < FERRY_OPEN_STEPS; i++)
			prompt &= ferry_await(f, 1 - ferry_batch(f, i, 1));
	return prompt;
}

uint64_t p9_ferry_once(void *ferry, unsigned int n, void (*mark)(void))
{
	struct p9_ferry *f = ferry;
	bool prompt;
	uint64_t ticks;

	mark();
	ticks = __rdtsc();
	if (f->row->kind == P9_OPEN)
		prompt = ferry_open_files(f, n);
	else
		prompt = ferry_await(f, n - ferry_batch(f, 0, n));
	ticks = __rdtsc() - ticks;
	mark_end();
	for (unsigned int i = 0; i < P9_DEPTH_MAX; i++)
		memset(f->msg + i * FERRY_MSG + FERRY_ANSWER, 0xee, FERRY_P9_HEADER);
	if (!prompt)
		return 0;
	mark_keep();
	return ticks;
}

/* What was read last, and what was told of the file, is right. */
static void ferry_verify(struct p9_ferry *f)
{
	const uint8_t *at = f->msg + FERRY_ANSWER + FERRY_P9_HEADER + 8 + FERRY_P9_QID + 4 + 4 + 4;
	uint64_t size;

	for (uint64_t i = 0; f->row->kind == P9_READ && i < f->row->size; i++)
		check(f->data[i] == p9_byte(i), "%s: byte %llu is %#x", f->row->name,
		      (unsigned long long)i, f->data[i]);
	memcpy(&size, at + 8 + 8, sizeof(size));
	check(f->row->kind != P9_GETATTR || size == P9_FILE_BYTES, "%s: a size of %llu",
	      f->row->name, (unsigned long long)size);
}

void p9_ferry_close(struct p9_ferry *f)
{
	ferry_verify(f);
	check(!ring_has_used(&f->p9.ring), "%s: nothing more", f->row->name);
	p9_close(&f->p9);
	free(f);
}
