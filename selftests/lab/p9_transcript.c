// SPDX-License-Identifier: GPL-2.0
/*
 * p9_transcript FS MODEL VERSION SEED MESSAGES: send random messages, one at a time, to the
 * server of a fresh file system, and print each with what its answer says: all but times, inode
 * numbers and the space that is left. Two servers that behave alike have one transcript.
 * Built for the module, and as p9_transcript_off for vhost=off.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "export.h"
#include "p9_random.h"

#define SESSION	400	/* messages; most are a user's, some root's */
#define USER	1000U

/*
 * What an answer holds. '1' '2' '4' '8': an integer; 'x': one of 8 bytes that may differ;
 * 'q': a qid; 's': a string; 'w': a number of qids; 'd': bytes; 'e': directory entries;
 * '.': whatever is left, of which only the length is told.
 */
static const char * const layouts[FERRY_P9_TYPES] = {
	[FERRY_P9_TSTATFS]	= "448.",
	[FERRY_P9_TLOPEN]	= "q4",
	[FERRY_P9_TLCREATE]	= "q4",
	[FERRY_P9_TSYMLINK]	= "q",
	[FERRY_P9_TMKNOD]	= "q",
	[FERRY_P9_TREADLINK]	= "s",
	[FERRY_P9_TGETATTR]	= "8q4448888x.",
	[FERRY_P9_TXATTRWALK]	= "8",
	[FERRY_P9_TREADDIR]	= "e",
	[FERRY_P9_TLOCK]	= "1",
	[FERRY_P9_TGETLOCK]	= "1884s",
	[FERRY_P9_TMKDIR]	= "q",
	[FERRY_P9_TATTACH]	= "q",
	[FERRY_P9_TWALK]	= "w",
	[FERRY_P9_TOPEN]	= "q4",
	[FERRY_P9_TCREATE]	= "q4",
	[FERRY_P9_TREAD]	= "d",
	[FERRY_P9_TWRITE]	= "4",
	[FERRY_P9_TSTAT]	= ".",
};

static void tell_bytes(struct p9 *p, uint32_t len)
{
	uint32_t hash = 0;

	for (uint32_t i = 0; i < len; i++)
		hash = hash * 31 + p9_get(p, 1);
	printf(" %u:%08x", len, hash);
}

static void tell_qid(struct p9 *p)
{
	uint8_t type;

	p9_get_qid(p, &type, NULL);
	printf(" q%02x", type);
}

static void tell_entries(struct p9 *p)
{
	uint32_t left = p9_get(p, 4);

	check(left == p->rx.left, "the entries fill the answer");
	while (p->rx.left) {
		tell_qid(p);
		p9_get(p, 8);
		printf(" %llu", (unsigned long long)p9_get(p, 1));
		tell_bytes(p, p9_get(p, 2));
	}
}

static void tell_field(struct p9 *p, char kind)
{
	uint32_t n;

	switch (kind) {
	case 'x':
		p9_get(p, 8);
		break;
	case 'q':
		tell_qid(p);
		break;
	case 's':
		tell_bytes(p, p9_get(p, 2));
		break;
	case 'w':
		for (n = p9_get(p, 2); n; n--)
			tell_qid(p);
		break;
	case 'd':
		/* An old client's directory is stats, with times. */
		n = p9_get(p, 4);
		if (p->dialect == FERRY_P9_2000L)
			tell_bytes(p, n);
		else
			printf(" %u", n);
		break;
	case 'e':
		tell_entries(p);
		break;
	case '.':
		printf(" %u", p->rx.left);
		break;
	default:
		printf(" %llo", (unsigned long long)p9_get(p, kind - '0'));
	}
}

static void tell(struct p9 *p, const struct p9_body *b, uint8_t type)
{
	int err = p9_result(p, type);

	printf("%u", type);
	for (uint32_t i = 0; i < b->len && i < 64; i++)
		printf("%s%02x", i % 4 ? "" : " ", b->at[i]);
	printf(" -> %d", -err);
	for (const char *l = layouts[type]; !err && l && *l; l++)
		tell_field(p, *l);
	printf("\n");
}

static void send_one(struct p9 *p, struct chance *c)
{
	struct p9_body b;
	uint8_t type = p9_random(&b, c, p->dialect);

	p->tag = 7;
	p->room = chance_below(c, 8) ? P9_ROOM : 64 + chance_below(c, 200);
	p9_send(p, 0, type, "d", b.at, P9_U64(b.len));
	check(p9_recv(p, DEV_PATIENCE_MS) == 0, "an answer to message %u", type);
	tell(p, &b, type);
	p->room = P9_ROOM;
}

static unsigned int model_of(const char *name)
{
	if (!strcmp(name, "passthrough"))
		return FERRY_9P_MODEL_PASSTHROUGH;
	return strcmp(name, "mapped") ? FERRY_9P_MODEL_NONE : FERRY_9P_MODEL_MAPPED;
}

int main(int argc, char **argv)
{
	struct chance c;
	struct p9 p;
	const char *why;

	check(argc == 6, "p9_transcript FS MODEL VERSION SEED MESSAGES");
	c.state = strtoull(argv[4], NULL, 0);
	why = __export_serve(&p, argv[1], model_of(argv[2]));
	if (why) {
		printf("%s\n", why);
		return 4;
	}
	check(!chmod(export_dir(), 01777), "have the export open to all");
	for (unsigned long i = 0; i < strtoul(argv[5], NULL, 0); i++) {
		if (i % SESSION == 0)
			check_ok(p9_version(&p, argv[3], P9_MSIZE), "Tversion");
		/* Also if fid 0 has gone. */
		p9_attach(&p, 0, i / SESSION % 3 ? USER : 0);
		send_one(&p, &c);
	}
	export_unserve(&p);
	return 0;
}
