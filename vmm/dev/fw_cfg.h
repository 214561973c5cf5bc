/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What firmware is told of the machine: numbered items and named files, read byte by byte
 * through two ports. The guest can only read.
 */
#ifndef FERRY_VMM_DEV_FW_CFG_H
#define FERRY_VMM_DEV_FW_CFG_H

#include "../machine/machine.h"

#define FW_CFG_ITEMS	16U
#define FW_CFG_NAME	56U	/* bytes of a file's name, with its end */

/* Items whose numbers are fixed. */
#define FW_CFG_SIGNATURE	0x0000
#define FW_CFG_ID		0x0001
#define FW_CFG_CPUS		0x0005
#define FW_CFG_BOOT_MENU	0x000e
#define FW_CFG_CPUS_MAX		0x000f
#define FW_CFG_DIRECTORY	0x0019
#define FW_CFG_FILE_FIRST	0x0020

struct fw_cfg_item {
	u16 key;
	char name[FW_CFG_NAME];	/* "" for an item that is no file */
	u8 *data;
	u32 len;
};

struct fw_cfg {
	unsigned int n;
	struct fw_cfg_item item[FW_CFG_ITEMS];
	u16 n_files;

	/* What the guest reads next. */
	u16 selected;
	u32 at;
};

/* Answer at @port and the one above; there is nothing to be read yet. */
int fw_cfg_init(struct fw_cfg *f, struct machine *m, u16 port, struct error *e);
void fw_cfg_destroy(struct fw_cfg *f);

/* Forget every item and file. */
void fw_cfg_clear(struct fw_cfg *f);

/* Add a copy of @len bytes, as an item of a number or as a file. */
int fw_cfg_add(struct fw_cfg *f, u16 key, const void *data, u32 len, struct error *e);
int fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, u32 len,
		    struct error *e);

/* All is added: make the signature and the directory of files. */
int fw_cfg_seal(struct fw_cfg *f, struct error *e);

#endif /* FERRY_VMM_DEV_FW_CFG_H */
