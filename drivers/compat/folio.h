/* SPDX-License-Identifier: GPL-2.0 */
/* What the newest kernel knows of folios, on older ones; as vfs.h. */
#ifndef FERRY_COMPAT_FOLIO_H
#define FERRY_COMPAT_FOLIO_H

#include <linux/mm.h>

/*
 * Whether a large folio is mapped once, and that by one entry for all of it. Until 6.10 how
 * often its pages are mapped had to be added up, which takes longer than it saves.
 */
static inline bool ferry_folio_mapped_whole(const struct folio *folio)
{
#ifdef FERRY_LACKS_LARGE_MAPCOUNT
	return false;
#else
	return folio_entire_mapcount(folio) == 1 && folio_mapcount(folio) == 1;
#endif
}

#endif /* FERRY_COMPAT_FOLIO_H */
