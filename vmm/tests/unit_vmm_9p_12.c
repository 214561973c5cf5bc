// SPDX-License-Identifier: GPL-2.0
/*
 * vhost=off of a 9P device: well-formed nonsense by the thousand, many at once. Each
 * request is answered once, nothing outside changes, and neither a descriptor nor memory
 * is left behind.
 */
#include "export.h"
#include "open_files.h"
#include "p9.h"
#include "test.h"
#include <sanitizer/lsan_interface.h>
#include <sys/stat.h>

FIXTURE(nonsense) {
	struct p9 p;
	uint64_t seed;
	unsigned int fds;
};

FIXTURE_VARIANT(nonsense) {
	unsigned int model;
	const char *version;
	bool packed;
};

FIXTURE_VARIANT_ADD(nonsense, passthrough) { FERRY_9P_MODEL_PASSTHROUGH, "9P2000.L", false };
FIXTURE_VARIANT_ADD(nonsense, mapped) { FERRY_9P_MODEL_MAPPED, "9P2000.L", true };
FIXTURE_VARIANT_ADD(nonsense, none) { FERRY_9P_MODEL_NONE, "9P2000.L", false };
FIXTURE_VARIANT_ADD(nonsense, mapped_u) { FERRY_9P_MODEL_MAPPED, "9P2000.u", false };
FIXTURE_VARIANT_ADD(nonsense, passthrough_u) { FERRY_9P_MODEL_PASSTHROUGH, "9P2000.u", true };
FIXTURE_VARIANT_ADD(nonsense, passthrough_plain) { FERRY_9P_MODEL_PASSTHROUGH, "9P2000", false };

FIXTURE_SETUP(nonsense)
{
	struct ferry_9p_backend b = { .model = variant->model, .uid = FERRY_9P_SELF,
				      .gid = FERRY_9P_SELF, .fids = 100 };
	int err = __export_mount("tmpfs");

	TEST_REQUIRE(!err, "no tmpfs here: %s", strerror(-err));
	TEST_REQUIRE(export_takes_xattrs(), "no user attributes on tmpfs");
	ASSERT_EQ(0, mkdir(export_path("export/a"), 0777));
	ASSERT_EQ(0, mkdir(export_path("export/a/b"), 0777));
	ASSERT_EQ(0, symlink("../outside", export_path("export/s")));
	ASSERT_EQ(0, mknod(export_path("export/p"), S_IFIFO | 0666, 0));
	export_write(export_path("export/f"), "f");
	self->seed = 88172645463325252ULL;
	self->fds = open_files();
	self->p.layout = (struct ring_layout){ .num = 128, .packed = variant->packed };
	b.fd = open(export_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_EQ(0, __p9_open(&self->p, &b));
	close(b.fd);
	ASSERT_EQ(0, p9_version(&self->p, variant->version, P9_MSIZE));
}

FIXTURE_TEARDOWN(nonsense)
{
	DIR *d = opendir(export_path("outside"));
	unsigned int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	/* ".", ".." and the secret. */
	EXPECT_EQ(3U, n);
	EXPECT_TRUE(export_holds(export_path("outside/secret"), "secret"));
	p9_close(&self->p);
	EXPECT_EQ(self->fds, open_files());
	EXPECT_EQ(0, __lsan_do_recoverable_leak_check());
	export_unmount();
}

static uint64_t any(uint64_t *seed, uint64_t n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed % n;
}

static const char *const names[] = {
	"a", "b", "f", "s", "p", "..", ".", "new", "other", "user.x", "user.virtfs.uid",
	"system.posix_acl_access", "security.x", "../outside", "b 8 1", "secret",
};

static uint64_t any_int(uint64_t *seed, unsigned int bytes)
{
	static const uint64_t picks[] = {
		0, 1, 2, 3, 4, 7, 64, 0x1ff, 0200, 0644, 0777, 01000, 0100000, 040755, 060644,
		0120777, 4096, 65536, 1ULL << 31, 0xffffffff, 1ULL << 32, 1ULL << 63, ~0ULL,
	};

	/* Fids and ids are small in most. */
	if (bytes == 4 && any(seed, 3))
		return any(seed, 10);
	return picks[any(seed, sizeof(picks) / sizeof(*picks))];
}

static void any_string(struct ferry_p9_enc *e, uint64_t *seed)
{
	const char *s = names[any(seed, sizeof(names) / sizeof(*names))];

	ferry_p9_put_str(e, s, strlen(s));
}

/* A body of the layout; its bytes. */
static uint32_t any_body(const char *layout, uint8_t *buf, uint32_t room, uint64_t *seed)
{
	struct ferry_p9_enc e = { buf, room, 0, false };
	unsigned int n;

	for (; *layout; layout++) {
		switch (*layout) {
		case 'n':
		case 's':
			any_string(&e, seed);
			break;
		case 'w':
			n = any(seed, 4);
			ferry_p9_put(&e, n, 2);
			while (n--)
				any_string(&e, seed);
			break;
		case 'b':
			n = any(seed, 100);
			ferry_p9_put(&e, n, 2);
			while (n--)
				ferry_p9_put(&e, any(seed, 3) ? 0xff : any(seed, 256), 1);
			break;
		case 'p':
			n = any(seed, 300);
			ferry_p9_put(&e, n, 4);
			while (n--)
				ferry_p9_put(&e, any(seed, 256), 1);
			break;
		default:
			ferry_p9_put(&e, any_int(seed, *layout - '0'), *layout - '0');
		}
	}
	return e.done;
}

static uint8_t any_type(unsigned int dialect, uint64_t *seed)
{
	uint8_t type;

	do {
		type = any(seed, FERRY_P9_TYPES);
	} while (type == FERRY_P9_TVERSION || !ferry_p9_layout(type, dialect));
	/* Half of them have fids to work on. */
	return any(seed, 4) ? type : FERRY_P9_TWALK;
}

TEST_F(nonsense, is_answered)
{
	const unsigned int batch = 16;
	static uint8_t body[4096];
	unsigned int good = 0;

	for (unsigned long i = 0; i < test_scale(1500); i++) {
		unsigned int seen = 0;

		for (uint32_t fid = 0; fid < 4; fid++)
			p9_attach(&self->p, fid, fid ? 1000 * (fid / 2) : 0);
		for (unsigned int k = 0; k < batch; k++) {
			uint8_t type = any_type(self->p.dialect, &self->seed);
			uint32_t len = any_body(ferry_p9_layout(type, self->p.dialect), body,
						sizeof(body), &self->seed);

			self->p.tag = 2 + k;
			p9_queue(&self->p, k, type, "d", body, P9_U64(len));
		}
		p9_kick(&self->p);
		for (unsigned int k = 0; k < batch; k++) {
			int slot = p9_recv(&self->p, DEV_PATIENCE_MS);

			ASSERT_LE(0, slot);
			ASSERT_EQ(0U, seen & 1U << slot);
			ASSERT_LE((uint32_t)FERRY_P9_HEADER, self->p.rx_len);
			ASSERT_EQ(2 + slot, (int)self->p.rx_tag);
			seen |= 1U << slot;
			good += self->p.rx_type != FERRY_P9_RLERROR &&
				self->p.rx_type != FERRY_P9_RERROR;
		}
	}
	EXPECT_NE(0U, good);
	ASSERT_EQ(0, p9_version(&self->p, "9P2000.L", P9_MSIZE));
	EXPECT_EQ(0, p9_attach(&self->p, 0, 0));
}

TEST_HARNESS_MAIN
