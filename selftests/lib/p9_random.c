// SPDX-License-Identifier: GPL-2.0
/*
 * Random 9P messages, by the layouts of the server's own table. Names and fids are few, so
 * that they meet.
 */
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "p9_random.h"

#define FIDS		12
#define PICK(c, list)	((list)[chance_below(c, sizeof(list) / sizeof((list)[0]))])

uint32_t chance_next(struct chance *c)
{
	c->state = c->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return c->state >> 33;
}

uint32_t chance_below(struct chance *c, uint32_t n)
{
	return chance_next(c) % n;
}

static void body_put(struct p9_body *b, uint64_t v, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		b->at[b->len++] = v >> (8 * i);
}

static void body_string(struct p9_body *b, const char *s, uint32_t len)
{
	body_put(b, len, 2);
	memcpy(b->at + b->len, s, len);
	b->len += len;
}

/* Names that are there, or may be, and what is none. */
static void body_name(struct p9_body *b, struct chance *c)
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
		const char *s = PICK(c, odd);

		body_string(b, s, strlen(s));
	} else if (kind < 15) {
		const char *s = PICK(c, attribute);

		body_string(b, s, strlen(s));
	} else {
		memset(name, chance_below(c, 3) ? 'n' : 0, sizeof(name));
		body_string(b, name, 250 + chance_below(c, 10));
	}
}

/* Mostly a fid; where one is not meant, flags, a mode, an owner, a number of bytes. */
static uint32_t value32(const struct p9_body *b, struct chance *c)
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
		return PICK(c, other);
	return chance_next(c) << 1;
}

static uint64_t value64(const struct p9_body *b, struct chance *c)
{
	uint32_t kind = chance_below(c, b->tidy ? 10 : 16);

	if (kind < 10)
		return chance_below(c, 20000);
	if (kind < 13) {
		uint64_t high = chance_next(c);

		return high << chance_below(c, 34);
	}
	return kind < 14 ? -1ULL : 1ULL << chance_below(c, 64);
}

/* A stat that leaves most as it is. */
static void body_stat(struct p9_body *b, struct chance *c)
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

static void body_field(struct p9_body *b, struct chance *c, char kind)
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

uint8_t p9_random(struct p9_body *b, struct chance *c, unsigned int dialect)
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
