// SPDX-License-Identifier: GPL-2.0
/*
 * What cannot hold for a 9P client, by its mode: the only list of it, of which
 * Documentation/abi.rst has the reasons. Constant data.
 */
#include "posix.h"

static const struct posix_exception {
	const char *mode;	/* "9p" stands for all */
	const char *name;	/* of a case, also as a user */
	const char *why;
} client_cannot[] = {
	{ "9p", "attributes.times_are_set", "the client sets whole seconds" },
	{ "none", "files.shared_mappings_write", "no page cache to map" },
	{ "passthrough", "attributes.owners_may", "messages do not name a user's groups" },
	{ "passthrough", "attributes.writers_take_set_ids",
	  "the client takes them off as the writer, who may not" },
};

static bool client_has(const char *modes, const char *mode)
{
	size_t len = strlen(mode);

	for (; *modes; modes += strspn(modes, ",")) {
		size_t n = strcspn(modes, ",");

		if (n == len && !memcmp(modes, mode, n))
			return true;
		modes += n;
	}
	return false;
}

const char *posix_cannot(const char *modes, const char *name)
{
	for (size_t i = 0; i < sizeof(client_cannot) / sizeof(client_cannot[0]); i++)
		if (!strcmp(client_cannot[i].name, name) &&
		    client_has(modes, client_cannot[i].mode))
			return client_cannot[i].why;
	return NULL;
}
