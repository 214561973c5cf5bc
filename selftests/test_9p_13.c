// SPDX-License-Identifier: GPL-2.0
/*
 * Who serves a kick of ferry-9p: the thread that kicks, as long as nothing blocks, and
 * otherwise the worker; and what becomes of both when the queue is taken away meanwhile.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "export.h"
#include "p9.h"
#include "stat.h"
#include "test.h"

#define ROUNDS	50
#define BATCH	16	/* all that a kick is worth */
#define THREADS	3
#define LARGE	(1 << 20)	/* more than is freed at a kick */

FIXTURE(kick) {
	struct p9 p;
};

FIXTURE_SETUP(kick)
{
	EXPORT_SERVE(&self->p, "tmpfs", FERRY_9P_MODEL_PASSTHROUGH);
}

FIXTURE_TEARDOWN(kick)
{
	export_unserve(&self->p);
}

/* The same on a disk. */
FIXTURE(disk) {
	struct p9 p;
};

FIXTURE_SETUP(disk)
{
	EXPORT_SERVE(&self->p, "ext4", FERRY_9P_MODEL_PASSTHROUGH);
}

FIXTURE_TEARDOWN(disk)
{
	export_unserve(&self->p);
}

/* On one whose cache takes writes that do not wait. */
FIXTURE(xfs) {
	struct p9 p;
};

FIXTURE_SETUP(xfs)
{
	EXPORT_SERVE(&self->p, "xfs", FERRY_9P_MODEL_PASSTHROUGH);
}

FIXTURE_TEARDOWN(xfs)
{
	export_unserve(&self->p);
}

static uint64_t at_kick(void)
{
	struct stat_queue q;

	stat_get(&q, "9p", 0);
	return q.at_kick;
}

/* How often the worker has gone to sleep. */
static unsigned long worker_sleeps(void)
{
	unsigned long sleeps = 0;
	struct stat_queue q;
	char line[128];
	FILE *f;

	stat_get(&q, "9p", 0);
	snprintf(line, sizeof(line), "/proc/%u/status", q.worker);
	f = fopen(line, "re");
	if (!f)
		err(1, "%s", line);
	while (fgets(line, sizeof(line), f) &&
	       sscanf(line, "voluntary_ctxt_switches: %lu", &sleeps) != 1)
		;
	fclose(f);
	return sleeps;
}

/* Until it sleeps after whatever it had to do. */
static void worker_rests(void)
{
	unsigned long sleeps;

	do {
		sleeps = worker_sleeps();
		usleep(20000);
	} while (worker_sleeps() != sleeps);
}

/* Whether it has worked since it had gone to sleep @before times. */
static bool worker_worked(unsigned long before)
{
	int ms;

	for (ms = 0; ms < DEV_PATIENCE_MS && worker_sleeps() == before; ms++)
		usleep(1000);
	return ms < DEV_PATIENCE_MS;
}

TEST_F(kick, what_cannot_block_is_served_by_who_kicks)
{
	uint64_t before = at_kick();
	struct p9_stat st;
	int i;

	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, p9_getattr(&self->p, 0, &st));
	/* All but those that meet the worker on its way out. */
	EXPECT_LE(before + ROUNDS / 2, at_kick());
}

TEST_F(kick, a_batch_does_not_wake_the_worker)
{
	unsigned long before = worker_sleeps();
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < BATCH; i++)
			p9_queue(&self->p, i, FERRY_P9_TGETATTR, "48", P9_U64(0), P9_U64(0x7ff));
		p9_kick(&self->p);
		for (i = 0; i < BATCH; i++) {
			ASSERT_LE(0, p9_recv(&self->p, DEV_PATIENCE_MS));
			ASSERT_EQ(0, p9_result(&self->p, FERRY_P9_TGETATTR));
		}
	}
	/* It may still have been on its way to sleep from what set the queue up. */
	EXPECT_GE(before + ROUNDS / 4, worker_sleeps());
}

/* A file mode mask, which is not the guest's, is the worker's alone to do without. */
TEST_F(kick, what_a_mask_would_change_is_left_to_the_worker)
{
	mode_t mask = umask(077);
	unsigned long before;
	struct p9_stat st;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "d%d", i);
		ASSERT_EQ(0, p9_mkdir(&self->p, 0, name, 0777, 0));
		ASSERT_EQ(0, p9_walk(&self->p, 0, 1, name));
		ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
		ASSERT_EQ(0, p9_clunk(&self->p, 1));
		/* Neither is the guest bound by our mask, nor do we lose it. */
		ASSERT_EQ(0777, st.mode & 0777);
		ASSERT_EQ(077, umask(077));
	}
	worker_rests();
	before = worker_sleeps();
	ASSERT_EQ(0, p9_mkdir(&self->p, 0, "last", 0777, 0));
	EXPECT_TRUE(worker_worked(before));
	umask(mask);
}

/* Where files are in memory nothing waits for a disk. */
TEST_F(kick, in_memory_all_is_served_by_who_kicks)
{
	unsigned long before = worker_sleeps();
	mode_t mask = umask(0);
	struct p9_dirent d[16];
	struct p9_stat st;
	uint64_t offset;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
		ASSERT_EQ(0, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR, 0606, 0));
		ASSERT_EQ(4, p9_write(&self->p, 1, 0, "text", 4));
		ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_SIZE, 0, 0, 0, 2));
		ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
		ASSERT_EQ(0606, st.mode & 0777);
		ASSERT_EQ(2, st.size);
		ASSERT_EQ(0, p9_clunk(&self->p, 1));
		ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
		ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
		offset = 0;
		ASSERT_EQ(3, p9_readdir(&self->p, 1, &offset, 1000, d, 16));
		ASSERT_EQ(0, p9_clunk(&self->p, 1));
		ASSERT_EQ(0, p9_unlinkat(&self->p, 0, "f", 0));
	}
	umask(mask);
	/* It may still have been on its way to sleep from what set the queue up. */
	EXPECT_GE(before + ROUNDS / 4, worker_sleeps());
}

/* To free a large file keeps the worker, not who kicks. */
TEST_F(kick, what_frees_much_is_left_to_the_worker)
{
	int fd = open(export_path("export/f"), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	unsigned long before;
	struct p9_stat st;

	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, posix_fallocate(fd, 0, LARGE));
	worker_rests();
	before = worker_sleeps();
	ASSERT_EQ(0, p9_setattr(&self->p, 1, FERRY_P9_SET_SIZE, 0, 0, 0, 0));
	EXPECT_TRUE(worker_worked(before));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(0, st.size);
	ASSERT_EQ(0, posix_fallocate(fd, 0, LARGE));
	before = worker_sleeps();
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDWR | FERRY_P9_O_TRUNC));
	EXPECT_TRUE(worker_worked(before));
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
	EXPECT_EQ(0, st.size);
	ASSERT_EQ(0, posix_fallocate(fd, 0, LARGE));
	close(fd);
	before = worker_sleeps();
	ASSERT_EQ(0, p9_unlinkat(&self->p, 0, "f", 0));
	EXPECT_TRUE(worker_worked(before));
	ASSERT_EQ(-ENOENT, p9_walk(&self->p, 0, 2, "f"));
	before = worker_sleeps();
	ASSERT_EQ(0, p9_clunk(&self->p, 1));
	EXPECT_TRUE(worker_worked(before));
}

/* A program that makes a file larger than it may is killed: who kicks is none. */
TEST_F(kick, a_limit_of_file_sizes_kills_nobody)
{
	struct rlimit none, limit;
	char text[200] = "";
	ssize_t n;

	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lcreate(&self->p, 1, "f", FERRY_P9_O_RDWR, 0644, 0));
	ASSERT_EQ(0, getrlimit(RLIMIT_FSIZE, &none));
	limit = (struct rlimit){ 100, none.rlim_max };
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	signal(SIGXFSZ, SIG_DFL);
	n = p9_write(&self->p, 1, 100, text, sizeof(text));
	EXPECT_TRUE(n == -EFBIG || n == sizeof(text));
	n = p9_setattr(&self->p, 1, FERRY_P9_SET_SIZE, 0, 0, 0, 1000);
	EXPECT_TRUE(n == -EFBIG || !n);
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &none));
	EXPECT_EQ(sizeof(text), p9_write(&self->p, 1, 100, text, sizeof(text)));
}

/* Say yes to who asks next. */
static void allow(int fan)
{
	struct pollfd p = { .fd = fan, .events = POLLIN };
	struct fanotify_response r = { .response = FAN_ALLOW };
	struct fanotify_event_metadata e;

	if (poll(&p, 1, DEV_PATIENCE_MS) != 1 || read(fan, &e, sizeof(e)) != sizeof(e))
		errx(1, "nobody asks");
	r.fd = e.fd;
	if (write(fan, &r, sizeof(r)) != sizeof(r))
		err(1, "no answer to who asks");
	close(e.fd);
}

/* It is us who answer, and us who kick. */
TEST_F(kick, who_has_to_ask_first_is_not_who_kicks)
{
	const uint64_t mask = FAN_OPEN_PERM | FAN_ACCESS_PERM;
	int fan = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	struct p9_stat st;

	export_write(export_path("export/f"), "text");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	TEST_REQUIRE(fan >= 0 && !fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask,
						AT_FDCWD, export_dir()),
		     "nobody is asked here: %s", strerror(errno));
	p9_send(&self->p, 0, FERRY_P9_TLOPEN, "44", P9_U64(1), P9_U64(FERRY_P9_O_RDONLY));
	allow(fan);
	ASSERT_EQ(0, p9_recv(&self->p, DEV_PATIENCE_MS));
	ASSERT_EQ(0, p9_result(&self->p, FERRY_P9_TLOPEN));
	p9_send(&self->p, 0, FERRY_P9_TREAD, "484", P9_U64(1), P9_U64(0), P9_U64(4));
	/* Nor does the worker wait. */
	p9_send(&self->p, 1, FERRY_P9_TGETATTR, "48", P9_U64(0), P9_U64(0x7ff));
	ASSERT_EQ(1, p9_recv(&self->p, DEV_PATIENCE_MS));
	allow(fan);
	ASSERT_EQ(0, p9_recv(&self->p, DEV_PATIENCE_MS));
	ASSERT_EQ(0, p9_result(&self->p, FERRY_P9_TREAD));
	close(fan);
	ASSERT_EQ(0, p9_getattr(&self->p, 1, &st));
}

TEST_F(disk, who_kicks_opens_to_read_and_no_more)
{
	struct p9_dirent d[16];
	unsigned long before;
	uint64_t offset = 0;
	int i;

	export_write(export_path("export/f"), "text");
	/* What is not in memory yet may block. */
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "f"));
	worker_rests();
	before = worker_sleeps();
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
		ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
		ASSERT_EQ(0, p9_clunk(&self->p, 1));
	}
	EXPECT_GE(before + ROUNDS / 4, worker_sleeps());
	worker_rests();
	before = worker_sleeps();
	ASSERT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDWR));
	EXPECT_TRUE(worker_worked(before));
	before = worker_sleeps();
	ASSERT_EQ(4, p9_write(&self->p, 2, 0, "mine", 4));
	EXPECT_TRUE(worker_worked(before));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, NULL));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	before = worker_sleeps();
	ASSERT_LE(3, p9_readdir(&self->p, 1, &offset, 1000, d, 16));
	EXPECT_TRUE(worker_worked(before));
}

/*
 * The first write of a clock's tick sets the time and waits for that: how many do is the
 * clock's affair, and a round that went slowly is no proof.
 */
TEST_F(xfs, who_kicks_writes_what_does_not_wait)
{
	static char text[ROUNDS][4096];
	unsigned long before, woken = ROUNDS;
	int i, round;

	export_write(export_path("export/f"), "text");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDWR));
	for (round = 0; round < ROUNDS && woken > ROUNDS / 4; round++) {
		worker_rests();
		before = worker_sleeps();
		for (i = 0; i < ROUNDS; i++) {
			memset(text[i], round + i, sizeof(text[i]));
			ASSERT_EQ(sizeof(text[i]), p9_write(&self->p, 1, i * sizeof(text[i]),
							    text[i], sizeof(text[i])));
		}
		worker_rests();
		woken = worker_sleeps() - before;
		ASSERT_TRUE(export_holds_bytes(export_path("export/f"), text, sizeof(text)));
	}
	EXPECT_GE(ROUNDS / 4, woken);
	/* What is to last when it is answered waits for the disk. */
	ASSERT_EQ(0, p9_walk(&self->p, 0, 2, "f"));
	ASSERT_EQ(0, p9_lopen(&self->p, 2, FERRY_P9_O_RDWR | FERRY_P9_O_DSYNC));
	worker_rests();
	before = worker_sleeps();
	ASSERT_EQ(4, p9_write(&self->p, 2, 0, "mine", 4));
	EXPECT_TRUE(worker_worked(before));
}

TEST_F(xfs, what_is_appended_is_appended_once)
{
	static char text[ROUNDS][100000];
	int i;

	export_write(export_path("export/f"), "");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDWR | FERRY_P9_O_APPEND));
	for (i = 0; i < ROUNDS; i++) {
		memset(text[i], i + 1, sizeof(text[i]));
		ASSERT_EQ(sizeof(text[i]), p9_write(&self->p, 1, 0, text[i], sizeof(text[i])));
	}
	EXPECT_TRUE(export_holds_bytes(export_path("export/f"), text, sizeof(text)));
}

/*
 * Its last block, of which a part stays, has to be read first; and the first write of a
 * clock's tick, which sets the time, waits at once.
 */
TEST_F(xfs, what_waits_in_its_midst_goes_on_there)
{
	static char text[120000];
	int fd = open(export_path("export/f"), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	unsigned int round, i;
	char first[4096];

	ASSERT_EQ(sizeof(text), write(fd, text, sizeof(text)));
	ASSERT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDWR));
	for (round = 0; round < ROUNDS; round++) {
		for (i = 1; i <= 100000; i++)
			text[i] = round + i * 31 + (i >> 8);
		ASSERT_EQ(0, fsync(fd));
		ASSERT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
		ASSERT_EQ(sizeof(first), pread(fd, first, sizeof(first), 0));
		ASSERT_EQ(1, p9_write(&self->p, 1, 0, text, 1));
		ASSERT_EQ(100000, p9_write(&self->p, 1, 1, text + 1, 100000));
		ASSERT_TRUE(export_holds_bytes(export_path("export/f"), text, sizeof(text)));
	}
	close(fd);
}

TEST_F(kick, more_than_a_kick_is_worth_is_served_all_the_same)
{
	unsigned int i, n = P9_SLOTS;

	for (i = 0; i < n; i++)
		p9_queue(&self->p, i, FERRY_P9_TGETATTR, "48", P9_U64(0), P9_U64(0x7ff));
	p9_kick(&self->p);
	for (i = 0; i < n; i++) {
		ASSERT_LE(0, p9_recv(&self->p, 10000));
		EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TGETATTR));
	}
}

/* What the thread of the kick could not read without blocking, somebody else reads. */
TEST_F(kick, reads_that_come_together_are_all_answered)
{
	unsigned int i, n = 8;
	int round;

	export_write(export_path("export/f"), "text");
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	ASSERT_EQ(0, p9_lopen(&self->p, 1, FERRY_P9_O_RDONLY));
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < n; i++) {
			self->p.tag = 100 + i;
			p9_queue(&self->p, i, FERRY_P9_TREAD, "484", P9_U64(1), P9_U64(0),
				 P9_U64(100));
		}
		p9_kick(&self->p);
		for (i = 0; i < n; i++) {
			ASSERT_LE(0, p9_recv(&self->p, DEV_PATIENCE_MS));
			ASSERT_EQ(0, p9_result(&self->p, FERRY_P9_TREAD));
			ASSERT_EQ(4, (int)p9_get(&self->p, 4));
		}
	}
}

/* It ends requests that may take their time: who kicks is not kept by that. */
TEST_F(kick, a_new_session_waits_in_the_worker)
{
	int fd;

	signal(SIGIO, SIG_IGN);
	export_write(export_path("export/f"), "text");
	fd = open(export_path("export/f"), O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, fcntl(fd, F_SETLEASE, F_RDLCK));
	ASSERT_EQ(0, p9_walk(&self->p, 0, 1, "f"));
	self->p.tag = 10;
	p9_queue(&self->p, 0, FERRY_P9_TSETATTR, "4444488888", P9_U64(1),
		 P9_U64(FERRY_P9_SET_SIZE), P9_U64(0), P9_U64(0), P9_U64(0), P9_U64(0), P9_U64(0),
		 P9_U64(0), P9_U64(0), P9_U64(0));
	self->p.tag = 11;
	p9_queue(&self->p, 1, FERRY_P9_TGETATTR, "48", P9_U64(0), P9_U64(0x7ff));
	p9_kick(&self->p);
	ASSERT_EQ(1, p9_recv(&self->p, DEV_PATIENCE_MS));
	while (fcntl(fd, F_GETLEASE) != F_UNLCK)
		sched_yield();
	self->p.tag = FERRY_P9_NOTAG;
	p9_send(&self->p, 2, FERRY_P9_TVERSION, "4s", P9_U64(P9_MSIZE), "9P2000.L");
	close(fd);
	ASSERT_EQ(0, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TSETATTR));
	ASSERT_EQ(2, p9_recv(&self->p, DEV_PATIENCE_MS));
	EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TVERSION));
	EXPECT_EQ(0, p9_attach(&self->p, 0, 0));
}

TEST_F(kick, another_process_kicks_the_worker)
{
	uint64_t before;
	pid_t pid;
	int status;

	p9_queue(&self->p, 0, FERRY_P9_TGETATTR, "48", P9_U64(0), P9_U64(0x7ff));
	ring_publish(&self->p.ring);
	before = at_kick();
	pid = fork();
	if (!pid)
		_exit(eventfd_write(self->p.dev.kick[0], 1) != 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(0, p9_recv(&self->p, 10000));
	EXPECT_EQ(0, p9_result(&self->p, FERRY_P9_TGETATTR));
	EXPECT_EQ(before, at_kick());
}

struct kicking {
	int fd;
	bool *end;
};

static void *kick_on(void *arg)
{
	struct kicking *k = arg;

	while (!__atomic_load_n(k->end, __ATOMIC_RELAXED))
		eventfd_write(k->fd, 1);
	return NULL;
}

TEST_F(kick, queues_come_and_go_under_kicks)
{
	struct kicking k = { .fd = dup(self->p.dev.kick[0]) };
	struct ferry_9p_backend none = { .fd = -1 };
	pthread_t t[THREADS];
	bool end = false;
	int i;

	k.end = &end;
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, kick_on, &k));
	for (i = 0; i < ROUNDS; i++) {
		struct p9_stat st;

		EXPECT_EQ(0, p9_getattr(&self->p, 0, &st));
		if (i % 10 == 9) {
			struct ferry_9p_backend b = self->p.backend;

			EXPECT_EQ(0, __dev_ioctl(&self->p.dev, FERRY_9P_SET_BACKEND, &none));
			b.fd = open(export_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			EXPECT_EQ(0, __dev_ioctl(&self->p.dev, FERRY_9P_SET_BACKEND, &b));
			close(b.fd);
			EXPECT_EQ(0, p9_version(&self->p, "9P2000.L", P9_MSIZE));
			EXPECT_EQ(0, p9_attach(&self->p, 0, 0));
		}
	}
	/* The device is closed while they go on. */
	export_unserve(&self->p);
	__atomic_store_n(&end, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	close(k.fd);
	ASSERT_EQ(NULL, __export_serve(&self->p, "tmpfs", FERRY_9P_MODEL_PASSTHROUGH));
}

TEST_HARNESS_MAIN
