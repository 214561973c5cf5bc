// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the firmware configuration device as SeaBIOS reads it: a 16-bit port selects an
 *	item, an 8-bit one gives its next byte, 0 behind its end. Without DMA: what is in
 *	here is short.
 * Threads: main fills it before the guest runs and at each reset, vCPUs read.
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include "fw_cfg.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FW_CFG_PORTS		2
#define FW_CFG_DATA_PORT	1	/* from the first */
#define FW_CFG_TRADITIONAL	1U	/* in the item FW_CFG_ID: these ports are there */

/* One file in the directory; numbers are big-endian. */
struct fw_cfg_entry {
	u32 size;
	u16 key;
	u16 reserved;
	char name[FW_CFG_NAME];
};

static const struct fw_cfg_item *fw_cfg_find(const struct fw_cfg *f, u16 key)
{
	unsigned int i;

	for (i = 0; i < f->n; i++)
		if (f->item[i].key == key)
			return &f->item[i];
	return NULL;
}

static u64 fw_cfg_read(void *opaque, u64 off, unsigned int size)
{
	struct fw_cfg *f = opaque;
	const struct fw_cfg_item *item;

	if (off != FW_CFG_DATA_PORT || size != 1)
		return 0;
	item = fw_cfg_find(f, f->selected);
	return item && f->at < item->len ? item->data[f->at++] : 0;
}

static void fw_cfg_write(void *opaque, u64 off, u64 val, unsigned int size)
{
	struct fw_cfg *f = opaque;

	if (off || size != 2)
		return;
	f->selected = val;
	f->at = 0;
}

int fw_cfg_init(struct fw_cfg *f, struct machine *m, u16 port, struct error *e)
{
	static const struct bus_ops ops = { fw_cfg_read, fw_cfg_write };
	int ret = bus_add(&m->pio, port, FW_CFG_PORTS, &ops, f);

	fw_cfg_clear(f);
	return ret ? error_errno(e, ret, "firmware configuration") : 0;
}

void fw_cfg_destroy(struct fw_cfg *f)
{
	fw_cfg_clear(f);
}

void fw_cfg_clear(struct fw_cfg *f)
{
	while (f->n)
		free(f->item[--f->n].data);
	f->n_files = 0;
	f->selected = 0;
	f->at = 0;
}

static int fw_cfg_put(struct fw_cfg *f, const struct fw_cfg_item *like, const void *data,
		      struct error *e)
{
	struct fw_cfg_item *item = &f->item[f->n];

	if (f->n == FW_CFG_ITEMS)
		return error_errno(e, ENOSPC, "firmware configuration");
	*item = *like;
	item->data = malloc(like->len ?: 1);
	if (!item->data)
		return error_errno(e, ENOMEM, "firmware configuration");
	memcpy(item->data, data, like->len);
	f->n++;
	return 0;
}

int fw_cfg_add(struct fw_cfg *f, u16 key, const void *data, u32 len, struct error *e)
{
	const struct fw_cfg_item item = { .key = key, .len = len };

	return fw_cfg_put(f, &item, data, e);
}

int fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, u32 len,
		    struct error *e)
{
	struct fw_cfg_item item = { .key = FW_CFG_FILE_FIRST + f->n_files, .len = len };
	int ret;

	strncpy(item.name, name, sizeof(item.name) - 1);
	ret = fw_cfg_put(f, &item, data, e);
	if (!ret)
		f->n_files++;
	return ret;
}

int fw_cfg_seal(struct fw_cfg *f, struct error *e)
{
	struct {
		u32 count;
		struct fw_cfg_entry entry[FW_CFG_ITEMS];
	} dir = { .count = htobe32(f->n_files) };
	const u32 id = htole32(FW_CFG_TRADITIONAL);
	unsigned int i, n = 0;
	int ret;

	for (i = 0; i < f->n; i++) {
		const struct fw_cfg_item *item = &f->item[i];

		if (!item->name[0])
			continue;
		dir.entry[n].size = htobe32(item->len);
		dir.entry[n].key = htobe16(item->key);
		memcpy(dir.entry[n].name, item->name, sizeof(item->name));
		n++;
	}
	ret = fw_cfg_add(f, FW_CFG_DIRECTORY, &dir,
			 sizeof(dir.count) + n * sizeof(dir.entry[0]), e);
	if (!ret)
		ret = fw_cfg_add(f, FW_CFG_SIGNATURE, "QEMU", 4, e);
	return ret ?: fw_cfg_add(f, FW_CFG_ID, &id, sizeof(id), e);
}
