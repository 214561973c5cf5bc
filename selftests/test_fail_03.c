// SPDX-License-Identifier: GPL-2.0
/*
 * What can fail while a 9P session is served fails, one place after the other: in the
 * worker, by /proc/TID/fail-nth, and in the ioctl that begins to serve. Each request is
 * answered, an error is one that there is memory for again, a file that the answer says
 * was not made is not there (but empty after a Tlcreate that could not open what it made,
 * as open(2) leaves it), and attributes are never another file's. Needs a kernel with
 * FAULT_INJECTION; a splat or a leak is the lab's to report.
 */
#include "export.h"
#include "fault.h"
#include "p9.h"
#include "test.h"
#include <sys/stat.h>

/* Far more places than a request or a set-up has: the sweep ends by itself. */
#define PLACES_MAX	1000

FIXTURE(fail9p) {
	struct p9 p;
	unsigned int model;
	int knob;
};

FIXTURE_VARIANT(fail9p) {
	unsigned int model;
};

FIXTURE_VARIANT_ADD(fail9p, passthrough) { FERRY_9P_MODEL_PASSTHROUGH };
FIXTURE_VARIANT_ADD(fail9p, mapped) { FERRY_9P_MODEL_MAPPED };

/* Requests that come alone are served in the worker. */
static int worker_knob(void)
{
	struct stat_queue q;
	int fd;

	stat_get(&q, "9p", 0);
	fd = __fault_open(q.worker);
	check_ok(fd, "fail-nth of the worker");
	return fd;
}

FIXTURE_SETUP(fail9p)
{
	int fd = __fault_open(0);

	TEST_REQUIRE(fd >= 0, "no fault injection in this kernel");
	close(fd);
	TEST_REQUIRE(__fault_prepare() >= 0, "no failslab or fail_page_alloc to set up");
	EXPORT_SERVE(&self->p, "xattrs", variant->model);
	self->model = variant->model;
	self->knob = worker_knob();
}

FIXTURE_TEARDOWN(fail9p)
{
	close(self->knob);
	export_unserve(&self->p);
}

typedef FIXTURE_DATA(fail9p) fail9p_t;

/* One kind of request: before each try the world is as it was. */
struct kind {
	const char *name;
	int (*run)(struct p9 *p);
	const char *makes;	/* below the export, NULL: nothing */
	bool opens;		/* what it makes, which stays if that fails */
};

static int run_walk(struct p9 *p)
{
	return p9_walk(p, 0, 10, "dir/inner");
}

static int run_attach(struct p9 *p)
{
	return p9_attach(p, 10, 4711);
}

static int run_mkdir(struct p9 *p)
{
	return p9_mkdir(p, 0, "new", 01755, 0);
}

static int run_symlink(struct p9 *p)
{
	return p9_symlink(p, 0, "new", "some/where/else", 0);
}

static int run_mknod(struct p9 *p)
{
	return p9_mknod(p, 0, "new", S_IFBLK | 0660, 8, 1);
}

static int run_lcreate(struct p9 *p)
{
	return p9_lcreate(p, 1, "new", FERRY_P9_O_RDWR, 04755, 0);
}

static int run_lopen(struct p9 *p)
{
	return p9_lopen(p, 2, FERRY_P9_O_RDWR | FERRY_P9_O_TRUNC);
}

static int run_readdir(struct p9 *p)
{
	struct p9_dirent d[64];
	uint64_t at = 0;
	int n = p9_readdir(p, 3, &at, 4096, d, 64);

	return n < 0 ? n : n > 3 ? 0 : -EPROTO;
}

static int run_write(struct p9 *p)
{
	ssize_t n = p9_write(p, 4, 0, "0123456789", 10);

	return n < 0 ? n : n == 10 ? 0 : -EPROTO;
}

static int run_read(struct p9 *p)
{
	char buf[16];
	ssize_t n = p9_read(p, 4, 0, buf, sizeof(buf));

	return n < 0 ? n : n == 10 ? 0 : -EPROTO;
}

/* Right or not at all. */
static int run_getattr(struct p9 *p)
{
	struct p9_stat st;
	int err = p9_getattr(p, 4, &st);

	if (err)
		return err;
	return (st.mode & 07777) == 0640 && st.uid == 12 && st.gid == 34 ? 0 : -EPROTO;
}

static int run_setattr(struct p9 *p)
{
	return p9_setattr(p, 4, FERRY_P9_SET_MODE | FERRY_P9_SET_SIZE, 0640, 0, 0, 10);
}

static int run_xattr(struct p9 *p)
{
	char buf[16];
	int err = p9_setxattr(p, 0, 10, "user.new", "value", 5, 0);
	ssize_t n = err ? 0 : p9_getxattr(p, 0, 10, "user.new", buf, sizeof(buf));

	return err ? err : n < 0 ? n : n == 5 ? 0 : -EPROTO;
}

static int run_list(struct p9 *p)
{
	char buf[256];
	ssize_t n = p9_getxattr(p, 4, 10, "", buf, sizeof(buf));

	return n < 0 ? n : 0;
}

static int run_lock(struct p9 *p)
{
	return p9_call(p, FERRY_P9_TLOCK, "414884s", P9_U64(4), P9_U64(1), P9_U64(0), P9_U64(0),
		       P9_U64(10), P9_U64(1), "guest");
}

static int run_getlock(struct p9 *p)
{
	return p9_call(p, FERRY_P9_TGETLOCK, "41884s", P9_U64(4), P9_U64(1), P9_U64(0), P9_U64(0),
		       P9_U64(1), "guest");
}

static int run_rename(struct p9 *p)
{
	return p9_renameat(p, 0, "old", 0, "new");
}

static int run_link(struct p9 *p)
{
	return p9_call(p, FERRY_P9_TLINK, "44s", P9_U64(0), P9_U64(4), "new");
}

static int run_unlink(struct p9 *p)
{
	return p9_unlinkat(p, 0, "old", 0);
}

static int run_readlink(struct p9 *p)
{
	return p9_call(p, FERRY_P9_TREADLINK, "4", P9_U64(5));
}

static int run_fsync(struct p9 *p)
{
	return p9_call(p, FERRY_P9_TFSYNC, "44", P9_U64(4), P9_U64(0));
}

static const struct kind kinds[] = {
	{ "attach", run_attach }, { "walk", run_walk }, { "mkdir", run_mkdir, "new" },
	{ "symlink", run_symlink, "new" }, { "mknod", run_mknod, "new" },
	{ "lcreate", run_lcreate, "new", true }, { "lopen", run_lopen }, { "readdir", run_readdir },
	{ "write", run_write }, { "read", run_read }, { "getattr", run_getattr },
	{ "setattr", run_setattr }, { "xattr", run_xattr }, { "list", run_list },
	{ "lock", run_lock }, { "getlock", run_getlock }, { "rename", run_rename, "new" },
	{ "link", run_link, "new" }, { "unlink", run_unlink }, { "readlink", run_readlink },
	{ "fsync", run_fsync },
};

/* A session in which every kind of request can be carried out. */
static void prepare(struct p9 *p)
{
	rmdir(export_path("export/new"));
	unlink(export_path("export/new"));
	export_write(export_path("export/old"), "old");
	check_ok(p9_version(p, "9P2000.L", P9_MSIZE), "Tversion");
	check_ok(p9_attach(p, 0, 0), "Tattach");
	if (access(export_path("export/dir"), F_OK)) {
		check_ok(p9_mkdir(p, 0, "dir", 0755, 0), "make dir");
		check_ok(p9_walk(p, 0, 4, "dir"), "walk to dir");
		check_ok(p9_mkdir(p, 4, "inner", 0755, 0), "make inner");
		check_ok(p9_clunk(p, 4), "clunk dir");
		check_ok(p9_symlink(p, 0, "link", "some/where", 0), "make link");
	}
	check_ok(p9_walk(p, 0, 4, NULL), "walk");
	check_ok(p9_lcreate(p, 4, "file", FERRY_P9_O_RDWR, 0640, 0), "open file");
	check_ok(p9_setattr(p, 4, FERRY_P9_SET_UID | FERRY_P9_SET_GID, 0, 12, 34, 0), "give away");
	check_ok(p9_setattr(p, 4, FERRY_P9_SET_MODE, 0640, 0, 0, 0), "chmod");
	check(p9_write(p, 4, 0, "0123456789", 10) == 10, "write");
	check_ok(p9_walk(p, 0, 1, NULL), "walk");
	check_ok(p9_walk(p, 0, 2, "old"), "walk to old");
	check_ok(p9_walk(p, 0, 3, NULL), "walk");
	check_ok(p9_lopen(p, 3, FERRY_P9_O_RDONLY), "open the root");
	check_ok(p9_walk(p, 0, 5, "link"), "walk to link");
}

/* Return the errno of a request whose @nth place failed; *@met whether there was one. */
static int run_once(fail9p_t *self, const struct kind *k, int nth, bool *met)
{
	struct p9_stat st;
	int err;

	prepare(&self->p);
	fault_arm(self->knob, nth);
	err = k->run(&self->p);
	/* It has had its turn: whatever is not met now is not this request's. */
	*met = fault_met(self->knob);
	fault_arm(self->knob, 0);
	/* One without an answer stopped the queue, for that its memory is not there. */
	if (event_take(self->p.dev.err[0])) {
		p9_close(&self->p);
		close(self->knob);
		p9_open(&self->p, export_dir(), self->model, 0);
		self->knob = worker_knob();
		return err;
	}
	check_ok(p9_getattr(&self->p, 0, &st), "the session goes on");
	return err;
}

static bool not_made(const struct kind *k)
{
	struct stat st;

	if (lstat(export_path("export/%s", k->makes), &st))
		return errno == ENOENT;
	return k->opens && S_ISREG(st.st_mode) && !st.st_size;
}

TEST_F_TIMEOUT(fail9p, every_place_of_every_request, 600)
{
	unsigned int places = 0, refused = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct kind *k = &kinds[i];
		bool met = true;
		int nth;

		for (nth = 1; met && nth < PLACES_MAX; nth++) {
			int err = run_once(self, k, nth, &met);

			ASSERT_NE(-EPROTO, err) {
				TH_LOG("%s, place %d: a wrong answer", k->name, nth);
			}
			if (err && k->makes && err != -P9_NO_ANSWER) {
				ASSERT_TRUE(not_made(k)) {
					TH_LOG("%s, place %d: %d, but it is there", k->name, nth,
					       err);
				}
			}
			if (!met) {
				ASSERT_EQ(0, err) {
					TH_LOG("%s without a failure", k->name);
				}
			}
			refused += !!err;
			places += met;
		}
		ASSERT_LT(nth, PLACES_MAX);
	}
	TH_LOG("%u places, %u requests refused", places, refused);
	EXPECT_LT(0U, refused);
}

TEST_F_TIMEOUT(fail9p, every_place_of_a_set_up, 300)
{
	unsigned int refused = 0;
	bool met = true;
	int nth, own = __fault_open(0);

	ASSERT_LE(0, own);
	for (nth = 1; met && nth < PLACES_MAX; nth++) {
		struct ferry_9p_backend b = { .model = variant->model, .uid = 1000, .gid = 1000 };
		int err;

		b.fd = open(export_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ASSERT_LE(0, b.fd);
		fault_arm(own, nth);
		err = __dev_ioctl(&self->p.dev, FERRY_9P_SET_BACKEND, &b);
		met = fault_met(own);
		fault_arm(own, 0);
		close(b.fd);
		refused += !!err;
		if (!met)
			ASSERT_EQ(0, err);
		if (err)
			continue;
		ASSERT_EQ(0, p9_version(&self->p, "9P2000.L", P9_MSIZE));
		ASSERT_EQ(0, p9_attach(&self->p, 0, 0));
	}
	ASSERT_LT(nth, PLACES_MAX);
	TH_LOG("%d places, %u refused", nth - 1, refused);
	EXPECT_LT(0U, refused);
	close(own);
}

TEST_HARNESS_MAIN
