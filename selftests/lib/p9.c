// SPDX-License-Identifier: GPL-2.0
/*
 * The 9P client of the tests: messages are put together in a slot of shared memory, and
 * answers taken apart where the device left them. One thread at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "check.h"
#include "p9.h"

#define P9_RING		0x100000000ULL
#define P9_BUF		0x200000000ULL
#define P9_SLOT		(2ULL * P9_ROOM)

static uint64_t p9_tx_gpa(unsigned int i)
{
	return P9_BUF + i * P9_SLOT;
}

bool p9_available(void)
{
	return dev_available(DEV_9P);
}

int __p9_open(struct p9 *p, const struct ferry_9p_backend *b)
{
	uint64_t features = F_VERSION_1 | F_INDIRECT;
	int err;

	if (!p->layout.num)
		p->layout = (struct ring_layout){ .num = 128, .indirect = true };
	if (p->layout.packed)
		features |= F_PACKED;
	if (p->layout.event_idx)
		features |= F_EVENT_IDX;
	p->room = P9_ROOM;
	p->backend = *b;
	err = __dev_open(&p->dev, DEV_9P, NULL);
	if (err)
		return err;
	mem_map(&p->mem, P9_RING, ring_bytes(&p->layout));
	mem_map(&p->mem, P9_BUF, P9_SLOTS * P9_SLOT);
	dev_ioctl(&p->dev, VHOST_SET_OWNER, NULL);
	check_ok(__dev_set_features(&p->dev, features), "features");
	dev_set_mem(&p->dev, &p->mem);
	ring_init(&p->ring, &p->layout, mem_hva(&p->mem, P9_RING), P9_RING);
	dev_set_ring(&p->dev, 0, &p->ring);
	return __dev_ioctl(&p->dev, FERRY_9P_SET_BACKEND, &p->backend);
}

void p9_open(struct p9 *p, const char *dir, unsigned int model, unsigned int flags)
{
	struct ferry_9p_backend b = { .model = model, .flags = flags, .uid = FERRY_9P_SELF,
				      .gid = FERRY_9P_SELF };

	memset(p, 0, sizeof(*p));
	b.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(b.fd >= 0, "open %s: %s", dir, strerror(errno));
	check_ok(__p9_open(p, &b), "serve %s", dir);
	close(b.fd);
	check_ok(p9_version(p, "9P2000.L", P9_MSIZE), "Tversion");
	check_ok(p9_attach(p, 0, 0), "Tattach");
}

void p9_close(struct p9 *p)
{
	dev_close(&p->dev);
	ring_destroy(&p->ring);
	mem_free(&p->mem);
}

static void p9_put(struct p9 *p, uint64_t v, unsigned int bytes)
{
	check(p->tx_len + bytes <= P9_ROOM, "request of %u bytes", p->tx_len);
	for (unsigned int i = 0; i < bytes; i++)
		p->tx[p->tx_len++] = v >> (8 * i);
}

static void p9_put_data(struct p9 *p, const void *from, uint32_t len)
{
	check(p->tx_len + len <= P9_ROOM, "request of %u bytes", p->tx_len);
	if (len)
		memcpy(p->tx + p->tx_len, from, len);
	p->tx_len += len;
}

static void p9_build(struct p9 *p, unsigned int i, uint8_t type, const char *layout, va_list args)
{
	uint32_t size;

	p->tx = mem_hva(&p->mem, p9_tx_gpa(i));
	p->tx_len = 0;
	p9_put(p, 0, 4);
	p9_put(p, type, 1);
	p9_put(p, p->tag, 2);
	for (; *layout; layout++) {
		const char *s;
		uint64_t n;

		switch (*layout) {
		case 's':
			s = va_arg(args, const char *);
			n = s ? strlen(s) : 0;
			p9_put(p, n, 2);
			p9_put_data(p, s, n);
			break;
		case 'S':
		case 'd':
			s = va_arg(args, const char *);
			n = va_arg(args, uint64_t);
			if (*layout == 'S')
				p9_put(p, n, 2);
			p9_put_data(p, s, n);
			break;
		default:
			p9_put(p, va_arg(args, uint64_t), *layout - '0');
		}
	}
	size = p->lie ? p->lie : p->tx_len;
	memcpy(p->tx, &size, 4);
}

/* A message or the room for an answer, in one segment or two. */
static unsigned int p9_segs(const struct p9 *p, struct ring_seg *seg, uint64_t gpa, uint32_t len)
{
	if (!p->split || p->split >= len) {
		seg[0] = (struct ring_seg){ gpa, len };
		return 1;
	}
	seg[0] = (struct ring_seg){ gpa, p->split };
	seg[1] = (struct ring_seg){ gpa + p->split, len - p->split };
	return 2;
}

static void p9_add(struct p9 *p, unsigned int i)
{
	struct ring_seg seg[4];
	unsigned int out = p9_segs(p, seg, p9_tx_gpa(i), p->tx_len);
	unsigned int in = p->room ? p9_segs(p, seg + out, p9_tx_gpa(i) + P9_ROOM, p->room) : 0;

	memset(mem_hva(&p->mem, p9_tx_gpa(i) + P9_ROOM), 0xa5, 64);
	check_ok(ring_add(&p->ring, seg, out, in, i), "add a request");
}

void p9_queue(struct p9 *p, unsigned int i, uint8_t type, const char *layout, ...)
{
	va_list args;

	va_start(args, layout);
	p9_build(p, i, type, layout, args);
	va_end(args);
	p9_add(p, i);
}

void p9_kick(struct p9 *p)
{
	dev_publish(&p->dev, 0, &p->ring);
}

void p9_send(struct p9 *p, unsigned int i, uint8_t type, const char *layout, ...)
{
	va_list args;

	va_start(args, layout);
	p9_build(p, i, type, layout, args);
	va_end(args);
	p9_add(p, i);
	p9_kick(p);
}

int p9_recv(struct p9 *p, int ms)
{
	struct ring_used u;
	int got = dev_poll_used(&p->ring, &u, ms);
	struct ferry_p9_hdr h;

	check(got >= 0, "the device completes chains that are its own");
	if (!got)
		return -1;
	p->slot = u.cookie;
	p->rx_len = u.len;
	p->rx = (struct ferry_p9_dec){ mem_hva(&p->mem, p9_tx_gpa(p->slot) + P9_ROOM), u.len,
				       false };
	if (u.len < FERRY_P9_HEADER)
		return p->slot;
	h = ferry_p9_header(p->rx.p);
	check(h.size == u.len, "answer of %u bytes in %u", h.size, u.len);
	p->rx_type = h.type;
	p->rx_tag = h.tag;
	p9_get(p, 4);
	p9_get(p, 1);
	p9_get(p, 2);
	return p->slot;
}

int p9_result(struct p9 *p, uint8_t type)
{
	if (p->rx_len < FERRY_P9_HEADER)
		return -P9_NO_ANSWER;
	if (p->rx_type == FERRY_P9_RLERROR)
		return -(int)p9_get(p, 4);
	if (p->rx_type == FERRY_P9_RERROR) {
		uint16_t n = p9_get(p, 2);

		p->rx.p += n;
		p->rx.left -= n;
		return p->dialect == FERRY_P9_2000U ? -(int)p9_get(p, 4) : -EIO;
	}
	check(p->rx_type == type + 1, "answer %u to request %u", p->rx_type, type);
	return 0;
}

int p9_call(struct p9 *p, uint8_t type, const char *layout, ...)
{
	uint16_t tag = type == FERRY_P9_TVERSION ? FERRY_P9_NOTAG : 1;
	va_list args;

	p->tag = tag;
	va_start(args, layout);
	p9_build(p, 0, type, layout, args);
	va_end(args);
	p9_add(p, 0);
	p9_kick(p);
	if (p9_recv(p, DEV_PATIENCE_MS) < 0)
		return -P9_NO_ANSWER;
	check(p->rx_len < FERRY_P9_HEADER || p->rx_tag == tag, "tag %u came back as %u", tag,
	      p->rx_tag);
	return p9_result(p, type);
}

uint64_t p9_get(struct p9 *p, unsigned int bytes)
{
	uint64_t v = ferry_p9_get(&p->rx, bytes);

	check(!p->rx.bad, "the answer is long enough");
	return v;
}

void p9_get_qid(struct p9 *p, uint8_t *type, uint64_t *path)
{
	uint8_t t = p9_get(p, 1);
	uint64_t ino;

	p9_get(p, 4);
	ino = p9_get(p, 8);
	if (type)
		*type = t;
	if (path)
		*path = ino;
}

int p9_version(struct p9 *p, const char *version, uint32_t msize)
{
	int err = p9_call(p, FERRY_P9_TVERSION, "4s", P9_U64(msize), version);

	p->dialect = FERRY_P9_2000L;
	if (!strcmp(version, "9P2000.u"))
		p->dialect = FERRY_P9_2000U;
	if (!strcmp(version, "9P2000"))
		p->dialect = FERRY_P9_2000;
	return err;
}

int p9_attach(struct p9 *p, uint32_t fid, uint32_t uid)
{
	if (p->dialect == FERRY_P9_2000)
		return p9_call(p, FERRY_P9_TATTACH, "44ss", P9_U64(fid), P9_U64(FERRY_P9_NOFID),
			       "nobody", "");
	return p9_call(p, FERRY_P9_TATTACH, "44ss4", P9_U64(fid), P9_U64(FERRY_P9_NOFID), "", "",
		       P9_U64(uid));
}

int p9_walk(struct p9 *p, uint32_t fid, uint32_t to, const char *names)
{
	char bytes[4096];
	unsigned int n = 0, len = 0;
	int err;

	while (names && *names) {
		size_t part = strcspn(names, "/");

		bytes[len++] = part;
		bytes[len++] = part >> 8;
		memcpy(bytes + len, names, part);
		len += part;
		n++;
		names += part + (names[part] == '/');
	}
	err = p9_call(p, FERRY_P9_TWALK, "442d", P9_U64(fid), P9_U64(to), P9_U64(n), bytes,
		      P9_U64(len));
	/* Part of the way is not there. */
	return err ? err : p9_get(p, 2) == n ? 0 : -ENOENT;
}

int p9_lopen(struct p9 *p, uint32_t fid, uint32_t flags)
{
	return p9_call(p, FERRY_P9_TLOPEN, "44", P9_U64(fid), P9_U64(flags));
}

int p9_lcreate(struct p9 *p, uint32_t fid, const char *name, uint32_t flags, uint32_t mode,
	       uint32_t gid)
{
	return p9_call(p, FERRY_P9_TLCREATE, "4s444", P9_U64(fid), name, P9_U64(flags),
		       P9_U64(mode), P9_U64(gid));
}

int p9_clunk(struct p9 *p, uint32_t fid)
{
	return p9_call(p, FERRY_P9_TCLUNK, "4", P9_U64(fid));
}

int p9_getattr(struct p9 *p, uint32_t fid, struct p9_stat *st)
{
	int err = p9_call(p, FERRY_P9_TGETATTR, "48", P9_U64(fid), P9_U64(0x3fff));

	if (err)
		return err;
	st->valid = p9_get(p, 8);
	p9_get_qid(p, &st->qtype, &st->ino);
	st->mode = p9_get(p, 4);
	st->uid = p9_get(p, 4);
	st->gid = p9_get(p, 4);
	st->nlink = p9_get(p, 8);
	st->rdev = p9_get(p, 8);
	st->size = p9_get(p, 8);
	st->blksize = p9_get(p, 8);
	st->blocks = p9_get(p, 8);
	st->atime = p9_get(p, 8);
	p9_get(p, 8);
	st->mtime = p9_get(p, 8);
	p9_get(p, 8);
	st->ctime = p9_get(p, 8);
	return 0;
}

ssize_t p9_read(struct p9 *p, uint32_t fid, uint64_t pos, void *to, uint32_t count)
{
	int err = p9_call(p, FERRY_P9_TREAD, "484", P9_U64(fid), pos, P9_U64(count));
	uint32_t n;

	if (err)
		return err;
	n = p9_get(p, 4);
	check(n == p->rx.left && n <= count, "%u bytes of %u in an answer", n, p->rx.left);
	memcpy(to, p->rx.p, n);
	return n;
}

ssize_t p9_write(struct p9 *p, uint32_t fid, uint64_t pos, const void *from, uint32_t count)
{
	int err = p9_call(p, FERRY_P9_TWRITE, "484d", P9_U64(fid), pos, P9_U64(count), from,
			  P9_U64(count));

	uint32_t n;

	if (err)
		return err;
	n = p9_get(p, 4);
	check(!p->rx.left, "an answer that claims %u bytes more than it has", p->rx.left);
	return n;
}

int p9_setattr(struct p9 *p, uint32_t fid, uint32_t valid, uint32_t mode, uint32_t uid,
	       uint32_t gid, uint64_t size)
{
	return p9_call(p, FERRY_P9_TSETATTR, "4444488888", P9_U64(fid), P9_U64(valid),
		       P9_U64(mode), P9_U64(uid), P9_U64(gid), size, P9_U64(1000), P9_U64(0),
		       P9_U64(2000), P9_U64(0));
}

int p9_mkdir(struct p9 *p, uint32_t fid, const char *name, uint32_t mode, uint32_t gid)
{
	return p9_call(p, FERRY_P9_TMKDIR, "4s44", P9_U64(fid), name, P9_U64(mode), P9_U64(gid));
}

int p9_symlink(struct p9 *p, uint32_t fid, const char *name, const char *to, uint32_t gid)
{
	return p9_call(p, FERRY_P9_TSYMLINK, "4ss4", P9_U64(fid), name, to, P9_U64(gid));
}

int p9_mknod(struct p9 *p, uint32_t fid, const char *name, uint32_t mode, uint32_t major,
	     uint32_t minor)
{
	return p9_call(p, FERRY_P9_TMKNOD, "4s4444", P9_U64(fid), name, P9_U64(mode),
		       P9_U64(major), P9_U64(minor), P9_U64(0));
}

int p9_unlinkat(struct p9 *p, uint32_t fid, const char *name, uint32_t flags)
{
	return p9_call(p, FERRY_P9_TUNLINKAT, "4s4", P9_U64(fid), name, P9_U64(flags));
}

int p9_renameat(struct p9 *p, uint32_t from, const char *old, uint32_t to, const char *name)
{
	return p9_call(p, FERRY_P9_TRENAMEAT, "4s4s", P9_U64(from), old, P9_U64(to), name);
}

ssize_t p9_getxattr(struct p9 *p, uint32_t fid, uint32_t tmp, const char *name, void *to,
		    uint32_t room)
{
	int err = p9_call(p, FERRY_P9_TXATTRWALK, "44s", P9_U64(fid), P9_U64(tmp), name);
	uint64_t size;
	ssize_t n;

	if (err)
		return err;
	size = p9_get(p, 8);
	n = p9_read(p, tmp, 0, to, room);
	check(n < 0 || (uint64_t)n == size || n == room, "%zd bytes of a value of %llu", n,
	      (unsigned long long)size);
	p9_clunk(p, tmp);
	return n;
}

int p9_setxattr(struct p9 *p, uint32_t fid, uint32_t tmp, const char *name, const void *value,
		uint32_t size, uint32_t flags)
{
	int err = p9_walk(p, fid, tmp, NULL);

	if (err)
		return err;
	err = p9_call(p, FERRY_P9_TXATTRCREATE, "4s84", P9_U64(tmp), name, P9_U64(size),
		      P9_U64(flags));
	if (!err && size && p9_write(p, tmp, 0, value, size) != size)
		err = -EIO;
	if (err) {
		p9_clunk(p, tmp);
		return err;
	}
	return p9_clunk(p, tmp);
}

int p9_readdir(struct p9 *p, uint32_t fid, uint64_t *offset, uint32_t count,
	       struct p9_dirent *d, unsigned int max)
{
	int err = p9_call(p, FERRY_P9_TREADDIR, "484", P9_U64(fid), *offset, P9_U64(count));
	unsigned int n = 0;

	if (err)
		return err;
	check(p9_get(p, 4) == p->rx.left, "the entries fill the answer");
	while (p->rx.left && n < max) {
		struct ferry_p9_str s;

		p9_get_qid(p, NULL, &d->ino);
		d->offset = p9_get(p, 8);
		d->type = p9_get(p, 1);
		s = ferry_p9_get_str(&p->rx);
		check(!p->rx.bad && s.len < sizeof(d->name), "an entry's name");
		memcpy(d->name, s.s, s.len);
		d->name[s.len] = 0;
		*offset = d->offset;
		d++;
		n++;
	}
	return n;
}
