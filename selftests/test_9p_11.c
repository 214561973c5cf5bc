// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: an export that somebody else answers for, and keeps silent. The directory is
 * a 9P mount whose server is a thread of this test; while that holds answers back,
 * requests that do not need them are served, however many wait, and who waits gives up
 * when its request is flushed or its device closed.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SLOW_DIR	"/tmp/ferry-9p-slow"

/* More than a device has threads at first. */
#define MANY		20

struct slow {
	int fd;			/* the server's end */
	pthread_t thread;
	pthread_mutex_t lock;
	/* Under lock. */
	bool hold;		/* keep attributes back */
	unsigned int held;	/* requests for them */
	uint16_t tag[P9_SLOTS];
	/* The server's thread. */
	uint8_t msg[8192];
};

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

/* A flushed request is answered no more. */
static void slow_forget(struct slow *s, uint16_t tag)
{
	for (unsigned int i = 0; i < s->held; i++)
		if (s->tag[i] == tag)
			s->tag[i] = s->tag[--s->held];
}

/* The body of the answer to the request at @m. Return its type. */
static uint8_t slow_body(struct slow *s, const struct ferry_p9_hdr *h, struct ferry_p9_enc *e)
{
	struct ferry_p9_dec d = { s->msg + FERRY_P9_HEADER, 2, false };

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
		slow_attributes(e);
		break;
	case FERRY_P9_TFLUSH:
		slow_forget(s, ferry_p9_get(&d, 2));
		break;
	case FERRY_P9_TCLUNK:
		break;
	default:
		ferry_p9_put(e, EOPNOTSUPP, 4);
		return FERRY_P9_RLERROR;
	}
	return h->type + 1;
}

static void slow_answer(struct slow *s, const struct ferry_p9_hdr *h)
{
	uint8_t out[1024];
	struct ferry_p9_enc e = { out + FERRY_P9_HEADER, sizeof(out) - FERRY_P9_HEADER };
	struct ferry_p9_enc head = { out, FERRY_P9_HEADER };
	uint8_t type = slow_body(s, h, &e);

	ferry_p9_put(&head, FERRY_P9_HEADER + e.done, 4);
	ferry_p9_put(&head, type, 1);
	ferry_p9_put(&head, h->tag, 2);
	check(!e.bad && write(s->fd, out, FERRY_P9_HEADER + e.done) > 0, "answer");
}

/* From now on keep attributes back, or answer all who wait for them. */
static void slow_hold(struct slow *s, bool hold)
{
	struct ferry_p9_hdr h = { .type = FERRY_P9_TGETATTR };

	pthread_mutex_lock(&s->lock);
	s->hold = hold;
	while (!hold && s->held) {
		h.tag = s->tag[--s->held];
		slow_answer(s, &h);
	}
	pthread_mutex_unlock(&s->lock);
}

/* Whether so many come to wait. */
static bool slow_holds(struct slow *s, unsigned int n)
{
	unsigned int held = 0;

	for (int i = 0; i < DEV_PATIENCE_MS; i++) {
		pthread_mutex_lock(&s->lock);
		held = s->held;
		pthread_mutex_unlock(&s->lock);
		if (held == n)
			break;
		usleep(1000);
	}
	return held == n;
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

	while (slow_take(s, 0, FERRY_P9_HEADER)) {
		struct ferry_p9_hdr h = ferry_p9_header(s->msg);

		check(h.size <= sizeof(s->msg) && slow_take(s, FERRY_P9_HEADER, h.size),
		      "a whole request");
		pthread_mutex_lock(&s->lock);
		if (h.type == FERRY_P9_TGETATTR && s->hold && s->held < P9_SLOTS)
			s->tag[s->held++] = h.tag;
		else
			slow_answer(s, &h);
		pthread_mutex_unlock(&s->lock);
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
	pthread_mutex_init(&self->s->lock, NULL);
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
	slow_hold(self->s, false);
	p9_close(&self->p);
	EXPECT_EQ(0, umount(SLOW_DIR));
	close(self->client);
	shutdown(self->s->fd, SHUT_RDWR);
	pthread_join(self->s->thread, NULL);
	free(self->s);
	export_unmount();
}

static void send_getattr(struct p9 *p, unsigned int slot)
{
	p->tag = 100 + slot;
	p9_queue(p, slot, FERRY_P9_TGETATTR, "48", P9_U64(0), P9_U64(0x7ff));
	p9_kick(p);
}

TEST_F(slow, the_queue_goes_on)
{
	struct p9_stat st;

	ASSERT_EQ(0, p9_getattr(&self->p, 0, &st));
	EXPECT_EQ(S_IFDIR | 0755, (int)st.mode);
	slow_hold(self->s, true);
	send_getattr(&self->p, 0);
	ASSERT_TRUE(slow_holds(self->s, 1));
	/* No name is walked, so nothing is asked of the file system. */
	self->p.tag = 11;
	p9_send(&self->p, 1, FERRY_P9_TWALK, "442", P9_U64(0), P9_U64(1), P9_U64(0));
	EXPECT_EQ(1, p9_recv(&self->p, DEV_PATIENCE_MS));
	slow_hold(self->s, false);
	EXPECT_EQ(0, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TGETATTR));
	EXPECT_EQ(0, p9_clunk(&self->p, 1));
}

/* None waits for one that is not answered. */
TEST_F(slow, many_wait_and_one_does_not)
{
	slow_hold(self->s, true);
	for (unsigned int i = 0; i < MANY; i++)
		send_getattr(&self->p, i);
	ASSERT_TRUE(slow_holds(self->s, MANY));
	/* This one the server answers, if only by a refusal. */
	self->p.tag = 99;
	p9_send(&self->p, MANY, FERRY_P9_TMKDIR, "4s44", P9_U64(0), "d", P9_U64(0755), P9_U64(0));
	ASSERT_EQ(MANY, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(-EOPNOTSUPP, p9_result(&self->p, FERRY_P9_TMKDIR));
	slow_hold(self->s, false);
	for (unsigned int i = 0; i < MANY; i++) {
		ASSERT_LE(0, p9_recv(&self->p, DEV_PATIENCE_MS));
		EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TGETATTR));
	}
}

/* What a thread waits for is given up; the thread serves others then. */
TEST_F(slow, a_flush_ends_the_wait)
{
	struct p9_stat st;

	slow_hold(self->s, true);
	for (unsigned int i = 0; i < MANY; i++)
		send_getattr(&self->p, i);
	ASSERT_TRUE(slow_holds(self->s, MANY));
	self->p.tag = 99;
	p9_send(&self->p, MANY, FERRY_P9_TFLUSH, "2", P9_U64(100));
	ASSERT_EQ(0, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(-EINTR, p9_result(&self->p, FERRY_P9_TGETATTR));
	ASSERT_EQ(MANY, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TFLUSH));
	EXPECT_TRUE(slow_holds(self->s, MANY - 1));
	slow_hold(self->s, false);
	for (unsigned int i = 1; i < MANY; i++) {
		ASSERT_LE(0, p9_recv(&self->p, DEV_PATIENCE_MS));
		EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TGETATTR));
	}
	EXPECT_EQ(0, p9_getattr(&self->p, 0, &st));
}

/* Whether the process comes to sleep in the kernel. */
static bool sleeps_in_kernel(pid_t pid)
{
	char command[64];
	int i;

	snprintf(command, sizeof(command), "grep -q ') D' /proc/%d/stat", pid);
	for (i = 0; i < DEV_PATIENCE_MS / 10 && system(command); i++)
		usleep(10000);
	return i < DEV_PATIENCE_MS / 10;
}

/* The owner of a device asks for what is not answered, and when told to for the end of it. */
static void wait_for_ever(int told)
{
	struct ferry_9p_backend none = { .fd = -1 };
	struct p9 p;
	char c;

	p9_open(&p, SLOW_DIR, FERRY_9P_MODEL_NONE, 0);
	raise(SIGSTOP);
	for (unsigned int i = 0; i < MANY; i++)
		send_getattr(&p, i);
	if (read(told, &c, 1) == 1)
		__dev_ioctl(&p.dev, FERRY_9P_SET_BACKEND, &none);
	for (;;)
		pause();
}

/* The owner is killed while the server is silent: it ends, and the file system is free. */
static void kill_owner(struct __test_metadata *_metadata, struct slow *s, bool stops)
{
	int status = 0, ended = 0, tell[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(tell));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		wait_for_ever(tell[0]);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	slow_hold(s, true);
	kill(pid, SIGCONT);
	ASSERT_TRUE(slow_holds(s, MANY));
	if (stops) {
		ASSERT_EQ(1, write(tell[1], "", 1));
		ASSERT_TRUE(sleeps_in_kernel(pid));
	}
	kill(pid, SIGKILL);
	for (int i = 0; i < DEV_PATIENCE_MS && !ended; i++) {
		ended = waitpid(pid, &status, WNOHANG);
		usleep(1000);
	}
	EXPECT_EQ(pid, ended);
	EXPECT_TRUE(slow_holds(s, 0));
	slow_hold(s, false);
}

TEST_F(slow, a_killed_owner_does_not_wait)
{
	/* The teardown unmounts it. */
	p9_close(&self->p);
	kill_owner(_metadata, self->s, false);
	kill_owner(_metadata, self->s, true);
	p9_open(&self->p, SLOW_DIR, FERRY_9P_MODEL_NONE, 0);
}

/* A local file system that is frozen: who only looks is served. */
TEST_F(slow, a_frozen_file_system_is_looked_at)
{
	struct p9_stat st;
	int top;

	p9_close(&self->p);
	export_unmount();
	EXPORT_SERVE(&self->p, "ext4", FERRY_9P_MODEL_PASSTHROUGH);
	top = open(export_top(), O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, ioctl(top, FIFREEZE, 0));
	for (unsigned int i = 0; i < MANY; i++) {
		char name[16];

		snprintf(name, sizeof(name), "d%u", i);
		self->p.tag = 100 + i;
		p9_send(&self->p, i, FERRY_P9_TMKDIR, "4s44", P9_U64(0), name, P9_U64(0755),
			P9_U64(0));
	}
	self->p.tag = 99;
	p9_send(&self->p, MANY, FERRY_P9_TLOPEN, "44", P9_U64(0), P9_U64(FERRY_P9_O_RDONLY));
	EXPECT_EQ(MANY, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TLOPEN));
	ASSERT_EQ(0, ioctl(top, FITHAW, 0));
	for (unsigned int i = 0; i < MANY; i++) {
		ASSERT_LE(0, p9_recv(&self->p, DEV_PATIENCE_MS));
		EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TMKDIR));
	}
	EXPECT_EQ(0, p9_getattr(&self->p, 0, &st));
	close(top);
}

TEST_HARNESS_MAIN
