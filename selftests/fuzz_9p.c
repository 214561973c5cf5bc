// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target for 9P messages: any bytes, as a chain would hold them, through the
 * header, the size rules and the decoder of each dialect. What passes is checked against
 * the rules that the rest of the server relies on.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "9p/p9_legacy_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

/* Every string lies in the message, and every name is one. */
static void check_strings(const struct ferry_p9_msg *m, const char *layout, const uint8_t *body,
			  uint32_t len)
{
	const char *end = (const char *)body + len;

	must(m->nr_v <= FERRY_P9_INTS && m->nr_s <= FERRY_P9_STRS);
	for (uint32_t i = 0; i < m->nr_s; i++) {
		const struct ferry_p9_str *s = &m->s[i];

		must(s->s >= (const char *)body && s->len <= end - s->s);
		if (strchr(layout, 'b'))
			continue;
		must(!s->len || !memchr(s->s, 0, s->len));
		if (strchr(layout, 'w') || (strchr(layout, 'n') && !i)) {
			must(s->len && s->len <= FERRY_P9_NAME_MAX);
			must(!memchr(s->s, '/', s->len));
		}
	}
}

/* What the older dialects say in numbers and texts of their own. */
static void check_legacy(const struct ferry_p9_msg *m, uint8_t type, unsigned int dialect)
{
	__u32 mode, kind, major, minor, fid;
	struct ferry_p9_wstat w;

	if (type == FERRY_P9_TCREATE && !ferry_p9_new_mode((__u32)m->v[1], dialect, &mode)) {
		bool link = dialect == FERRY_P9_2000U && (m->v[1] & FERRY_P9_DMLINK);

		must(link ? !mode : (mode & S_IFMT) && !(mode & ~(__u32)(S_IFMT | 07777)));
	}
	if (type == FERRY_P9_TCREATE && dialect == FERRY_P9_2000U &&
	    !ferry_p9_parse_fid(&m->s[1], &fid))
		must(fid < FERRY_P9_NOFID);
	if (type == FERRY_P9_TCREATE && dialect == FERRY_P9_2000U &&
	    !ferry_p9_parse_device(&m->s[1], &kind, &major, &minor))
		must((kind == S_IFBLK || kind == S_IFCHR) && major < FERRY_P9_MAJORS &&
		     minor < FERRY_P9_MINORS);
	if (type == FERRY_P9_TWSTAT && !ferry_p9_parse_wstat(&m->s[0], dialect, &w) && w.name.len)
		must(!ferry_p9_check_name(w.name.s, w.name.len));
}

static void decode(const uint8_t *data, uint32_t size, unsigned int dialect)
{
	struct ferry_p9_hdr h = ferry_p9_header(data);
	uint32_t copied = ferry_p9_copied(&h, size, FERRY_P9_MSIZE_MAX);
	const char *layout = ferry_p9_layout(h.type, dialect);
	struct ferry_p9_msg m;
	uint8_t *copy;

	if (!copied || !layout)
		return;
	must(copied <= size && copied <= FERRY_P9_REQUEST_MAX);
	/* Exactly as much as the server copies: a byte too many is a fault. */
	copy = malloc(copied);
	memcpy(copy, data, copied);
	if (!ferry_p9_decode(&m, layout, copy + FERRY_P9_HEADER, copied - FERRY_P9_HEADER,
			     h.size - copied)) {
		check_strings(&m, layout, copy + FERRY_P9_HEADER, copied - FERRY_P9_HEADER);
		check_legacy(&m, h.type, dialect);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < FERRY_P9_HEADER)
		return 0;
	decode(data, size, FERRY_P9_2000);
	decode(data, size, FERRY_P9_2000U);
	decode(data, size, FERRY_P9_2000L);
	return 0;
}
