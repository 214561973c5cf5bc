// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin: how often each instruction ran between two marks, which are
 * functions of the program under measurement. Runs in QEMU's only vCPU thread
 * (-icount implies one).
 *
 * Of all intervals that begin at "small", end at "end" and are then found good
 * ("keep"), the shortest is kept, likewise of those that begin at "large"; the
 * difference is what the further frames cost.
 *
 * Arguments: small=ADDR,large=ADDR,end=ADDR,keep=ADDR,out=FILE. FILE gets lines
 * "ADDR SMALL LARGE", numbers in hexadecimal.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The plugin interface as QEMU documents it: no header of it is packaged. What is used
 * of it is the same in versions 1 and 2, but no QEMU takes both.
 */
#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { PLUGIN_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int vcpu, void *data), int flags,
					    void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, void *),
				    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = PLUGIN_VERSION;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

enum { SMALL, LARGE, KINDS };

/* Open addressing; QEMU keeps pointers to `now`, so entries never move. */
#define PROFILE_BITS	21
#define PROFILE_ADDRS	(1U << PROFILE_BITS)

struct profile_addr {
	uint64_t addr;
	uint64_t now;
	uint64_t begin;
	uint64_t last;
	uint64_t best[KINDS];
};

struct profile {
	uint64_t mark[KINDS], end, keep;
	const char *out;
	struct profile_addr *table;
	int kind;		/* of the last interval */
	uint64_t total;		/* of the last interval */
	uint64_t shortest[KINDS];
};

/* The callbacks that run at translation get no pointer. */
static struct profile profile;

static struct profile_addr *profile_find(uint64_t addr)
{
	uint32_t i = (addr * 0x9e3779b97f4a7c15ULL) >> (64 - PROFILE_BITS);

	while (profile.table[i].addr && profile.table[i].addr != addr)
		i = (i + 1) % PROFILE_ADDRS;
	profile.table[i].addr = addr;
	return &profile.table[i];
}

static void profile_count(unsigned int vcpu, void *data)
{
	struct profile_addr *a = data;

	(void)vcpu;
	a->now++;
}

static void profile_begin(unsigned int vcpu, void *data)
{
	(void)vcpu;
	profile.kind = (int)(intptr_t)data;
	for (uint32_t i = 0; i < PROFILE_ADDRS; i++)
		profile.table[i].begin = profile.table[i].now;
}

static void profile_end(unsigned int vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	profile.total = 0;
	for (uint32_t i = 0; i < PROFILE_ADDRS; i++) {
		struct profile_addr *a = &profile.table[i];

		a->last = a->now - a->begin;
		profile.total += a->last;
	}
}

static void profile_keep(unsigned int vcpu, void *data)
{
	int kind = profile.kind;

	(void)vcpu;
	(void)data;
	if (profile.total >= profile.shortest[kind])
		return;
	profile.shortest[kind] = profile.total;
	for (uint32_t i = 0; i < PROFILE_ADDRS; i++)
		profile.table[i].best[kind] = profile.table[i].last;
}

static void profile_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t addr = qemu_plugin_insn_vaddr(insn);

		if (addr == profile.end)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, profile_end, PLUGIN_NO_REGS,
							       NULL);
		if (addr == profile.keep)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, profile_keep, PLUGIN_NO_REGS,
							       NULL);
		for (int kind = 0; kind < KINDS; kind++)
			if (addr == profile.mark[kind])
				qemu_plugin_register_vcpu_insn_exec_cb(insn, profile_begin,
								       PLUGIN_NO_REGS,
								       (void *)(intptr_t)kind);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, profile_count, PLUGIN_NO_REGS,
						       profile_find(addr));
	}
}

static void profile_write(qemu_plugin_id_t id, void *data)
{
	FILE *f = fopen(profile.out, "w");

	(void)id;
	(void)data;
	if (!f) {
		perror(profile.out);
		return;
	}
	for (uint32_t i = 0; i < PROFILE_ADDRS; i++) {
		const struct profile_addr *a = &profile.table[i];

		if (a->best[SMALL] || a->best[LARGE])
			fprintf(f, "%" PRIx64 " %" PRIx64 " %" PRIx64 "\n", a->addr, a->best[SMALL],
				a->best[LARGE]);
	}
	fclose(f);
}

static bool profile_argument(char *argument)
{
	char *value = strchr(argument, '=');

	if (!value)
		return false;
	*value++ = '\0';
	if (!strcmp(argument, "small"))
		profile.mark[SMALL] = strtoull(value, NULL, 0);
	else if (!strcmp(argument, "large"))
		profile.mark[LARGE] = strtoull(value, NULL, 0);
	else if (!strcmp(argument, "end"))
		profile.end = strtoull(value, NULL, 0);
	else if (!strcmp(argument, "keep"))
		profile.keep = strtoull(value, NULL, 0);
	else if (!strcmp(argument, "out"))
		profile.out = strdup(value);
	else
		return false;
	return true;
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!profile_argument(argv[i]))
			return -1;
	profile.table = calloc(PROFILE_ADDRS, sizeof(*profile.table));
	if (!profile.table || !profile.out)
		return -1;
	profile.shortest[SMALL] = UINT64_MAX;
	profile.shortest[LARGE] = UINT64_MAX;
	qemu_plugin_register_vcpu_tb_trans_cb(id, profile_translate);
	qemu_plugin_register_atexit_cb(id, profile_write, NULL);
	return 0;
}
