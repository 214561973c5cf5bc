// SPDX-License-Identifier: GPL-2.0
/*
 * ferry-9p: random messages. Two clients send whatever the message table knows, with fields
 * that often fit and sometimes do not, cut, mended and flipped, by batches, while a process of
 * the host swaps names and symlinks below them. Every request is answered once, nothing
 * outside the export is touched, and all of it can be closed.
 */
#include "export.h"
#include "p9.h"
#include "test.h"
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CLIENTS	2
#define BATCH	16
#define FIDS	12
#define BODY	8192U

struct chance {
	uint64_t state;
};

static uint32_t chance_next(struct chance *c)
{
	c->state = c->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return c->state >> 33;
}

static uint32_t chance_below(struct chance *c, uint32_t n)
{
	return chance_next(c) % n;
}

struct body {
	uint8_t at[BODY + 256];
	uint32_t len;
	bool tidy;		/* each field by itself is what a client might say */
};

static void body_put(struct body *b, uint64_t v, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		b->at[b->len++] = v >> (8 * i);
}

static void body_string(struct body *b, const char *s, uint32_t len)
{
	body_put(b, len, 2);
	memcpy(b->at + b->len, s, len);
	b->len += len;
}

/* Names that are there, or may be, and what is none. */
static void body_name(struct body *b, struct chance *c)
{
	static const char * const odd[] = {
		"", ".", "..", "/", "../outside", "a/b", "/etc/passwd", "outside", "secret", "link",
	};
	static const char * const attribute[] = {
		"user.a", "user.b", "user.virtfs.uid", "user.virtfs.rdev", "trusted.x",
		"security.capability", "system.posix_acl_access", "system.posix_acl_default",
	};
	char name[300];
	uint32_t kind = chance_below(c, b->tidy ? 11 : 16);

	if (kind < 11) {
		snprintf(name, sizeof(name), "%c%u", "fd"[kind % 2], chance_below(c, 4));
		body_string(b, name, 2);
	} else if (kind < 13) {
		const char *s = odd[chance_below(c, ARRAY_SIZE(odd))];

		body_string(b, s, strlen(s));
	} else if (kind < 15) {
		const char *s = attribute[chance_below(c, ARRAY_SIZE(attribute))];

		body_string(b, s, strlen(s));
	} else {
		memset(name, chance_below(c, 3) ? 'n' : 0, sizeof(name));
		body_string(b, name, 250 + chance_below(c, 10));
	}
}

/* Mostly a fid; where one is not meant, flags, a mode, an owner, a number of bytes. */
static uint32_t value32(const struct body *b, struct chance *c)
{
	static const uint32_t other[] = {
		FERRY_P9_NOFID, FERRY_P9_O_RDWR, FERRY_P9_O_RDWR | FERRY_P9_O_TRUNC,
		FERRY_P9_O_WRONLY | FERRY_P9_O_APPEND, FERRY_P9_O_DIRECTORY, 0644, 04755, 01777,
		S_IFREG | 0600, S_IFDIR | 0700, S_IFIFO | 0600, S_IFCHR | 0666, S_IFSOCK | 0600,
		S_IFLNK | 0777, 512, 4096, 70000, 1000, 65534, 0x200, FERRY_P9_DMDIR | 0755,
	};
	uint32_t kind = chance_below(c, b->tidy ? 10 : 16);

	if (kind < 4)
		return 0;
	if (kind < 10)
		return chance_below(c, FIDS);
	if (kind < 15)
		return other[chance_below(c, ARRAY_SIZE(other))];
	return chance_next(c) << 1;
}

static uint64_t value64(const struct body *b, struct chance *c)
{
	uint32_t kind = chance_below(c, b->tidy ? 10 : 16);

	if (kind < 10)
		return chance_below(c, 20000);
	if (kind < 13)
		return (uint64_t)chance_next(c) << chance_below(c, 34);
	return kind < 14 ? -1ULL : 1ULL << chance_below(c, 64);
}

/* A stat that leaves most as it is. */
static void body_stat(struct body *b, struct chance *c)
{
	uint8_t stat[41];

	memset(stat, 0xff, sizeof(stat));
	for (uint32_t i = chance_below(c, 4); i; i--)
		stat[chance_below(c, sizeof(stat))] = chance_next(c);
	body_put(b, sizeof(stat) + 2 + 6 * 2, 2);
	body_put(b, sizeof(stat) + 6 * 2, 2);
	memcpy(b->at + b->len, stat + 2, sizeof(stat) - 2);
	b->len += sizeof(stat) - 2;
	if (chance_below(c, 2))
		body_name(b, c);
	body_put(b, 0, 8);
}

static void body_field(struct body *b, struct chance *c, char kind)
{
	uint32_t n;

	switch (kind) {
	case 's':
	case 'n':
		body_name(b, c);
		break;
	case 'w':
		n = chance_below(c, 30) ? chance_below(c, 4) : 17;
		body_put(b, n, 2);
		while (n--)
			body_name(b, c);
		break;
	case 'b':
		body_stat(b, c);
		break;
	case 'p':
		n = chance_below(c, 8) ? chance_below(c, 2000) : 0;
		body_put(b, n, 4);
		memset(b->at + b->len, n, n);
		b->len += n;
		break;
	case '8':
		body_put(b, value64(b, c), 8);
		break;
	case '4':
		body_put(b, value32(b, c), 4);
		break;
	default:
		body_put(b, chance_next(c), kind - '0');
	}
}

/*
 * A kind of message: one that the dialect has, or rarely any other. Tversion has its own place.
 * Many fids are made, and few go.
 */
static uint8_t choose(struct chance *c, unsigned int dialect)
{
	uint8_t type;

	if (!chance_below(c, 4))
		return FERRY_P9_TWALK;
	for (;;) {
		type = chance_below(c, FERRY_P9_TYPES);
		if (type == FERRY_P9_TVERSION)
			continue;
		if (!ferry_p9_layout(type, dialect) && chance_below(c, 100))
			continue;
		if ((type == FERRY_P9_TCLUNK || type == FERRY_P9_TREMOVE) && chance_below(c, 4))
			continue;
		return type;
	}
}

static uint8_t body_make(struct body *b, struct chance *c, unsigned int dialect)
{
	uint8_t type = choose(c, dialect);
	const char *layout = ferry_p9_layout(type, dialect);

	b->len = 0;
	b->tidy = chance_below(c, 3);
	for (; layout && *layout; layout++)
		body_field(b, c, *layout);
	if (b->tidy)
		return type;
	if (!chance_below(c, 12) && b->len)
		b->at[chance_below(c, b->len)] ^= 1 << chance_below(c, 8);
	if (!chance_below(c, 40))
		b->len = chance_below(c, b->len + 8);
	return type;
}

static void begin(struct p9 *p, const char *version)
{
	check_ok(p9_version(p, version, P9_MSIZE), "Tversion");
	check_ok(p9_attach(p, 0, 0), "Tattach");
}

/* Show some requests at once. */
static void send_batch(struct p9 *p, struct chance *c, uint8_t *type, unsigned int n)
{
	static const uint32_t lies[] = { 7, 11, 23, 4096, P9_MSIZE, 0xffffffff };
	struct body b;

	for (unsigned int i = 0; i < n; i++) {
		type[i] = body_make(&b, c, p->dialect);
		p->tag = 100 + i;
		p->split = chance_below(c, 4) ? 0 : 1 + chance_below(c, 60);
		p->room = chance_below(c, 8) ? P9_ROOM : 64 + chance_below(c, 200);
		p->lie = chance_below(c, 40) ? 0 : lies[chance_below(c, ARRAY_SIZE(lies))];
		p9_queue(p, i, type[i], "d", b.at, P9_U64(b.len));
	}
	p->split = 0;
	p->room = P9_ROOM;
	p->lie = 0;
	p9_kick(p);
}

/* Take all answers, each once and to what was asked; return how many were no errors. */
static unsigned int take_batch(struct p9 *p, const uint8_t *type, unsigned int n)
{
	unsigned int good = 0, seen = 0;

	for (unsigned int i = 0; i < n; i++) {
		int slot = p9_recv(p, DEV_PATIENCE_MS);

		check(slot >= 0, "%u of %u answers came", i, n);
		check(!(seen & 1U << slot), "a second answer to message %u", type[slot]);
		seen |= 1U << slot;
		check(p->rx_len >= FERRY_P9_HEADER, "no answer to message %u", type[slot]);
		check(p->rx_tag == 100 + slot, "tag %u is %u", 100 + slot, p->rx_tag);
		good += !p9_result(p, type[slot]);
	}
	return good;
}

/* What a guest could see or change if it got out. */
struct outside {
	struct stat top, export, outside, secret;
};

static void look(struct outside *o)
{
	memset(o, 0, sizeof(*o));
	check(!lstat(export_top(), &o->top) && !lstat(export_dir(), &o->export) &&
	      !lstat(export_path("outside"), &o->outside) &&
	      !lstat(export_path("outside/secret"), &o->secret), "what is outside is there");
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       a->st_nlink == b->st_nlink && a->st_size == b->st_size &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec &&
	       a->st_atim.tv_nsec == b->st_atim.tv_nsec;
}

/* The exported directory, or one in it; never what a symlink leads to. */
static int place(struct chance *c)
{
	static const char * const name[] = { ".", ".", "d0", "d1" };

	return open(name[chance_below(c, ARRAY_SIZE(name))],
		    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A process of the host: names change places, and symlinks lead out. */
static void swap_forever(uint64_t seed)
{
	static const char * const name[] = { "f0", "f1", "d0", "d1", "link" };
	struct chance c = { seed };

	check(!chdir(export_dir()), "go to the export");
	while (getppid() != 1) {
		int from = place(&c), to = place(&c);

		if (!chance_below(&c, 8) && (!unlink("link") || errno == ENOENT))
			check(!symlink(chance_below(&c, 2) ? "../outside" : "/", "link"), "link");
		renameat2(from, name[chance_below(&c, ARRAY_SIZE(name))],
			  to, name[chance_below(&c, ARRAY_SIZE(name))],
			  chance_below(&c, 2) ? RENAME_EXCHANGE : 0);
		close(from);
		close(to);
		sched_yield();
	}
	_exit(0);
}

FIXTURE(any) {
	struct p9 p[CLIENTS];
	pid_t host;
	struct outside before;
};

FIXTURE_VARIANT(any) {
	const char *fs;
	unsigned int model;
	const char *version[CLIENTS];
};

FIXTURE_VARIANT_ADD(any, tmpfs_passthrough)
	{ "tmpfs", FERRY_9P_MODEL_PASSTHROUGH, { "9P2000.L", "9P2000.L" } };
FIXTURE_VARIANT_ADD(any, ext4_mapped)
	{ "ext4", FERRY_9P_MODEL_MAPPED, { "9P2000.L", "9P2000.u" } };
FIXTURE_VARIANT_ADD(any, ext4_none)
	{ "ext4", FERRY_9P_MODEL_NONE, { "9P2000.u", "9P2000" } };

FIXTURE_SETUP(any)
{
	int err;

	TEST_REQUIRE(p9_available(), "no " DEV_9P_PATH);
	err = __export_mount(variant->fs);
	TEST_REQUIRE(!err, "no %s here: %s", variant->fs, strerror(-err));
	look(&self->before);
	for (int i = 0; i < CLIENTS; i++) {
		p9_open(&self->p[i], export_dir(), variant->model, 0);
		begin(&self->p[i], variant->version[i]);
	}
	self->host = fork();
	ASSERT_LE(0, self->host);
	if (!self->host)
		swap_forever(getpid());
}

FIXTURE_TEARDOWN(any)
{
	struct outside after;

	kill(self->host, SIGKILL);
	waitpid(self->host, NULL, 0);
	look(&after);
	EXPECT_TRUE(same(&self->before.top, &after.top));
	EXPECT_TRUE(same(&self->before.outside, &after.outside));
	EXPECT_TRUE(same(&self->before.secret, &after.secret));
	EXPECT_EQ(self->before.export.st_ino, after.export.st_ino);
	EXPECT_TRUE(export_holds(export_path("outside/secret"), "secret"));
	for (int i = 0; i < CLIENTS; i++)
		p9_close(&self->p[i]);
	export_unmount();
}

TEST_F_TIMEOUT(any, messages, 600)
{
	struct chance c = { getenv("FERRY_SEED") ? strtoull(getenv("FERRY_SEED"), NULL, 0) :
			    (uint64_t)time(NULL) << 16 | getpid() };
	unsigned int total = 0, good = 0;

	TH_LOG("FERRY_SEED=%llu", (unsigned long long)c.state);
	for (unsigned long round = 0; round < test_scale(2000); round++) {
		uint8_t type[CLIENTS][BATCH];
		unsigned int n[CLIENTS];

		for (int i = 0; i < CLIENTS; i++) {
			if (!chance_below(&c, 50))
				begin(&self->p[i], variant->version[i]);
			/* If fid 0 has gone. */
			p9_attach(&self->p[i], 0, 0);
			n[i] = 1 + chance_below(&c, BATCH);
			send_batch(&self->p[i], &c, type[i], n[i]);
		}
		for (int i = 0; i < CLIENTS; i++) {
			good += take_batch(&self->p[i], type[i], n[i]);
			total += n[i];
		}
	}
	TH_LOG("%u of %u requests did something", good, total);
	EXPECT_LT(total / 10, good);
}

TEST_HARNESS_MAIN
