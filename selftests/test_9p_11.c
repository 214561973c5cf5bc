// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: an export that somebody else answers for, and keeps silent. The directory is
 * a 9P mount whose server is a thread of this test; while that holds an answer back,
 * requests that do not need it are served.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <sys/mount.h>
#include <sys/stat.h>

#define SLOW_DIR	"/tmp/ferry-9p-slow"

struct slow {
	int fd;			/* the server's end */
	pthread_t thread;
	bool hold;		/* keep attributes back */
	bool held;		/* such a request came */
	uint8_t msg[8192];
};

static bool flag(bool *b)
{
	return __atomic_load_n(b, __ATOMIC_ACQUIRE);
}

static void raise_flag(bool *b, bool v)
{
	__atomic_store_n(b, v, __ATOMIC_RELEASE);
}

static void slow_attributes(struct ferry_p9_enc *e)
{
	ferry_p9_put(e, FERRY_P9_GETATTR_BASIC, 8);
	ferry_p9_put_qid(e, FERRY_P9_QTDIR, 0, 1);
	ferry_p9_put(e, S_IFDIR | 0755, 4);
	ferry_p9_put(e, 0, 4);
	ferry_p9_put(e, 0, 4);
	ferry_p9_put(e, 2, 8);
	ferry_p9_put(e, 0, 8);
	ferry_p9_put(e, 4096, 8);
	ferry_p9_put(e, 4096, 8);
	/* Blocks, four times, generation, data version. */
	for (int i = 0; i < 11; i++)
		ferry_p9_put(e, 0, 8);
}

/* The body of the answer to the request at @m. Return its type. */
static uint8_t slow_answer(struct slow *s, const struct ferry_p9_hdr *h, struct ferry_p9_enc *e)
{
	switch (h->type) {
	case FERRY_P9_TVERSION:
		ferry_p9_put(e, sizeof(s->msg), 4);
		ferry_p9_put_str(e, "9P2000.L", 8);
		break;
	case FERRY_P9_TATTACH:
		ferry_p9_put_qid(e, FERRY_P9_QTDIR, 0, 1);
		break;
	case FERRY_P9_TLOPEN:
		ferry_p9_put_qid(e, FERRY_P9_QTDIR, 0, 1);
		ferry_p9_put(e, 0, 4);
		break;
	case FERRY_P9_TWALK:
		if (s->msg[FERRY_P9_HEADER + 8]) {
			ferry_p9_put(e, ENOENT, 4);
			return FERRY_P9_RLERROR;
		}
		ferry_p9_put(e, 0, 2);
		break;
	case FERRY_P9_TGETATTR:
		raise_flag(&s->held, flag(&s->hold));
		while (flag(&s->hold))
			usleep(1000);
		slow_attributes(e);
		break;
	case FERRY_P9_TCLUNK:
	case FERRY_P9_TFLUSH:
		break;
	default:
		ferry_p9_put(e, EOPNOTSUPP, 4);
		return FERRY_P9_RLERROR;
	}
	return h->type + 1;
}

static bool slow_take(struct slow *s, uint32_t from, uint32_t to)
{
	while (from < to) {
		ssize_t n = read(s->fd, s->msg + from, to - from);

		if (n <= 0)
			return false;
		from += n;
	}
	return true;
}

/* Until the other end is closed. */
static void *slow_serve(void *arg)
{
	struct slow *s = arg;
	uint8_t out[1024];

	while (slow_take(s, 0, FERRY_P9_HEADER)) {
		struct ferry_p9_hdr h = ferry_p9_header(s->msg);
		struct ferry_p9_enc e = { out + FERRY_P9_HEADER, sizeof(out) - FERRY_P9_HEADER };
		struct ferry_p9_enc head = { out, FERRY_P9_HEADER };
		uint8_t type;

		check(h.size <= sizeof(s->msg) && slow_take(s, FERRY_P9_HEADER, h.size),
		      "a whole request");
		type = slow_answer(s, &h, &e);
		ferry_p9_put(&head, FERRY_P9_HEADER + e.done, 4);
		ferry_p9_put(&head, type, 1);
		ferry_p9_put(&head, h.tag, 2);
		check(!e.bad && write(s->fd, out, FERRY_P9_HEADER + e.done) > 0, "answer");
	}
	return NULL;
}

FIXTURE(slow) {
	struct p9 p;
	struct slow *s;
	int client;
};

FIXTURE_SETUP(slow)
{
	char options[128];
	int pair[2], err;

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	err = __export_mount("tmpfs");
	TEST_REQUIRE(!err, "no tmpfs here: %s", strerror(-err));
	mkdir(SLOW_DIR, 0755);
	self->s = calloc(1, sizeof(*self->s));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	self->s->fd = pair[0];
	self->client = pair[1];
	ASSERT_EQ(0, pthread_create(&self->s->thread, NULL, slow_serve, self->s));
	snprintf(options, sizeof(options), "trans=fd,rfdno=%d,wfdno=%d,version=9p2000.L,access=any",
		 pair[1], pair[1]);
	if (system("PATH=$PATH:/sbin:/usr/sbin; modprobe -aq 9pnet_fd 9p"))
		TH_LOG("no modules of a 9P client, perhaps built in");
	TEST_REQUIRE(!mount("slow", SLOW_DIR, "9p", 0, options), "no 9P client here: %s",
		     strerror(errno));
	p9_open(&self->p, SLOW_DIR, FERRY_9P_MODEL_NONE, 0);
}

FIXTURE_TEARDOWN(slow)
{
	raise_flag(&self->s->hold, false);
	p9_close(&self->p);
	EXPECT_EQ(0, umount(SLOW_DIR));
	close(self->client);
	shutdown(self->s->fd, SHUT_RDWR);
	pthread_join(self->s->thread, NULL);
	free(self->s);
	export_unmount();
}

TEST_F(slow, the_queue_goes_on)
{
	struct p9_stat st;

	ASSERT_EQ(0, p9_getattr(&self->p, 0, &st));
	EXPECT_EQ(S_IFDIR | 0755, (int)st.mode);
	raise_flag(&self->s->hold, true);
	self->p.tag = 10;
	p9_send(&self->p, 0, FERRY_P9_TGETATTR, "48", P9_U64(0), P9_U64(0x7ff));
	for (int i = 0; i < DEV_PATIENCE_MS && !flag(&self->s->held); i++)
		usleep(1000);
	EXPECT_TRUE(flag(&self->s->held));
	/* No name is walked, so nothing is asked of the file system. */
	self->p.tag = 11;
	p9_send(&self->p, 1, FERRY_P9_TWALK, "442", P9_U64(0), P9_U64(1), P9_U64(0));
	EXPECT_EQ(1, p9_recv(&self->p, DEV_PATIENCE_MS));
	/* What a thread has is waited for. */
	self->p.tag = 12;
	p9_send(&self->p, 2, FERRY_P9_TFLUSH, "2", P9_U64(10));
	raise_flag(&self->s->hold, false);
	EXPECT_EQ(0, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TGETATTR));
	EXPECT_EQ(2, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(0, p9_clunk(&self->p, 1));
}

TEST_HARNESS_MAIN
