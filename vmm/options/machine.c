// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what the machine is: -m and -smp, and the words of -machine, -accel, -cpu and -rtc
 *	that say what it is anyway. Others are refused.
 * Threads: main, before the VM is built.
 * Locks: none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

/* Memory and processors that the machine can have at all. */
#define RAM_MIN		(8 * MIB)
#define RAM_MAX		(1ULL << 45)
#define CPUS_MAX	254U

/* --- processors ------------------------------------------------------------------------ */

#define SMP_UNSET	UINT32_MAX

struct smp_config {
	u32 cpus;
	u32 sockets, dies, cores, threads, maxcpus;
};

static const struct opt_row smp_rows[] = {
	{ "cpus", OPT_UINT, offsetof(struct smp_config, cpus), .help = "processors" },
	{ "sockets", OPT_UINT, offsetof(struct smp_config, sockets) },
	{ "dies", OPT_UINT, offsetof(struct smp_config, dies) },
	{ "cores", OPT_UINT, offsetof(struct smp_config, cores) },
	{ "threads", OPT_UINT, offsetof(struct smp_config, threads) },
	{ "maxcpus", OPT_UINT, offsetof(struct smp_config, maxcpus) },
};

static const struct opt_table smp_table = { "cpus", NULL, smp_rows, ARRAY_SIZE(smp_rows) };

static u64 smp_product(const struct smp_config *s)
{
	u64 product = (u64)s->sockets * s->dies;

	if (__builtin_mul_overflow(product, s->cores, &product) ||
	    __builtin_mul_overflow(product, s->threads, &product))
		return UINT64_MAX;
	return product;
}

static void smp_default(u32 *n)
{
	if (*n == SMP_UNSET)
		*n = 1;
}

/* What was left out is one, and one of them, as QEMU chooses it, what makes @max of all. */
static void smp_complete(struct smp_config *s, u32 max)
{
	u32 *last = s->cores == SMP_UNSET ? &s->cores :
		    s->sockets == SMP_UNSET ? &s->sockets : &s->threads;
	bool open = *last == SMP_UNSET;

	smp_default(&s->sockets);
	smp_default(&s->dies);
	smp_default(&s->cores);
	smp_default(&s->threads);
	if (open && max > smp_product(s))
		*last = max / smp_product(s);
}

static int smp_check(struct smp_config *s, struct error *e)
{
	u32 max = s->maxcpus != SMP_UNSET ? s->maxcpus : s->cpus != SMP_UNSET ? s->cpus : 0;
	u64 product;

	if (!s->cpus || !s->sockets || !s->dies || !s->cores || !s->threads || !s->maxcpus)
		return error_set(e, EINVAL, "Invalid CPU topology: CPU topology parameters must be "
				 "greater than zero");
	if (s->maxcpus != SMP_UNSET && s->cpus != SMP_UNSET && s->maxcpus < s->cpus)
		return error_set(e, EINVAL, "Invalid CPU topology: maxcpus must be equal to or "
				 "greater than smp");
	smp_complete(s, max);
	product = smp_product(s);
	if (max && product != max) {
		error_set(e, EINVAL, "Invalid CPU topology: product of the hierarchy must match "
			  "maxcpus: sockets (%u) * dies (%u) * cores (%u) * threads (%u) != "
			  "maxcpus (%u)", s->sockets, s->dies, s->cores, s->threads, max);
		error_hint(e, "The guest sees one socket with one thread a core: -smp N.");
		return -EINVAL;
	}
	if (s->cpus == SMP_UNSET)
		s->cpus = max ?: product < SMP_UNSET ? product : SMP_UNSET - 1;
	return 0;
}

int config_set_smp(struct config *c, const char *arg, struct error *e)
{
	struct smp_config s = { SMP_UNSET, SMP_UNSET, SMP_UNSET, SMP_UNSET, SMP_UNSET, SMP_UNSET };
	int ret = opt_parse(&smp_table, arg, &s, e);

	if (!ret)
		ret = smp_check(&s, e);
	if (ret)
		return ret;
	if (s.cpus > CPUS_MAX)
		return error_set(e, ERANGE, "Invalid SMP CPUs %u. The max CPUs supported by this "
				 "machine is %u", s.cpus, CPUS_MAX);
	c->cpus = s.cpus;
	return 0;
}

/* --- memory ---------------------------------------------------------------------------- */

struct memory_config {
	u64 size;
	u32 slots;
	u64 maxmem;
};

static const struct opt_row memory_rows[] = {
	{ "size", OPT_SIZE, offsetof(struct memory_config, size), .unit = MIB,
	  .help = "guest memory" },
	{ "slots", OPT_UINT, offsetof(struct memory_config, slots) },
	{ "maxmem", OPT_SIZE, offsetof(struct memory_config, maxmem), .unit = MIB },
};

static const struct opt_table memory_table = {
	"size", NULL, memory_rows, ARRAY_SIZE(memory_rows),
};

int config_set_memory(struct config *c, const char *arg, struct error *e)
{
	struct memory_config m = { .size = c->ram_size, .maxmem = UINT64_MAX };
	int ret = opt_parse(&memory_table, arg, &m, e);

	if (ret)
		return ret;
	if (m.size < RAM_MIN)
		return error_set(e, ERANGE, "ram size too small: the least is %llu MiB",
				 RAM_MIN / MIB);
	if (m.size > RAM_MAX)
		return error_set(e, ERANGE, "ram size too large: the most is %llu GiB",
				 RAM_MAX / GIB);
	if (m.maxmem < m.size)
		return error_set(e, EINVAL, "invalid value of maxmem: maximum memory size (0x%llx) "
				 "must be at least the initial memory size (0x%llx)",
				 (unsigned long long)m.maxmem, (unsigned long long)m.size);
	c->ram_size = ALIGN_UP(m.size, 4096);
	return 0;
}

/* --- what it is anyway ----------------------------------------------------------------- */

struct machine_words {
	char *type, *accel, *model, *base, *clock;
	enum tri acpi, pcie, irqchip, usb, vmport, hpet, smm, nvdimm;
};

#define WORD(field)	offsetof(struct machine_words, field)

/* The default is what the machine has; of OPT_TRI nothing else is taken. */
static const struct opt_row machine_rows[] = {
	{ "type", OPT_STRING, WORD(type) },
	{ "accel", OPT_STRING, WORD(accel) },
	{ "acpi", OPT_TRI, WORD(acpi), .def = "on" },
	{ "pcie", OPT_TRI, WORD(pcie), .def = "on" },
	{ "kernel-irqchip", OPT_TRI, WORD(irqchip), .def = "on" },
	{ "kernel_irqchip", OPT_TRI, WORD(irqchip), .def = "on" },
	{ "usb", OPT_TRI, WORD(usb), .def = "off" },
	{ "vmport", OPT_TRI, WORD(vmport), .def = "off" },
	{ "hpet", OPT_TRI, WORD(hpet), .def = "off" },
	{ "smm", OPT_TRI, WORD(smm), .def = "off" },
	{ "nvdimm", OPT_TRI, WORD(nvdimm), .def = "off" },
	{ "graphics", OPT_IGNORED },
	{ "dump-guest-core", OPT_IGNORED },
	{ "mem-merge", OPT_IGNORED },
	{ "suppress-vmdesc", OPT_IGNORED },
};

static const struct opt_table machine_table = {
	"type", "ferry-machine", machine_rows, ARRAY_SIZE(machine_rows),
};

static const struct opt_row accel_rows[] = {
	{ "accel", OPT_STRING, WORD(accel) },
	{ "kernel-irqchip", OPT_TRI, WORD(irqchip), .def = "on" },
	{ "thread", OPT_IGNORED },
	{ "dirty-ring-size", OPT_IGNORED },
};

static const struct opt_table accel_table = {
	"accel", "kvm-accel", accel_rows, ARRAY_SIZE(accel_rows),
};

static const struct opt_row cpu_rows[] = {
	{ "model", OPT_STRING, WORD(model) },
	{ "migratable", OPT_IGNORED },
};

static const struct opt_table cpu_table = {
	.implied = "model",
	.rows = cpu_rows,
	.n = ARRAY_SIZE(cpu_rows),
	.unknown = "the processor is the host's as it is, and cannot be changed by",
};

static const struct opt_row rtc_rows[] = {
	{ "base", OPT_STRING, WORD(base) },
	{ "clock", OPT_STRING, WORD(clock) },
	{ "driftfix", OPT_IGNORED },
};

static const struct opt_table rtc_table = { NULL, NULL, rtc_rows, ARRAY_SIZE(rtc_rows) };

/* Whether the machine has it so; what was left out is as it is. */
static int words_check_row(const struct opt_row *r, const struct machine_words *w,
			   struct error *e)
{
	const enum tri val = *(const enum tri *)((const char *)w + r->offset);

	if (r->type != OPT_TRI || val == TRI_AUTO ||
	    val == (strcmp(r->def, "on") ? TRI_OFF : TRI_ON))
		return 0;
	error_set(e, EINVAL, "%s=%s is not supported", r->name, val == TRI_ON ? "on" : "off");
	error_hint(e, "This machine has %s=%s; leave it out.", r->name, r->def);
	return -EINVAL;
}

static int words_check_accel(const struct machine_words *w, struct error *e)
{
	size_t len = w->accel ? strcspn(w->accel, ":") : 0;

	/* Of a list, which has colons, the first that can be had. */
	if (!w->accel || (len == strlen("kvm") && !strncmp(w->accel, "kvm", len)))
		return 0;
	return error_set(e, EINVAL, "invalid accelerator %s: there is only kvm", w->accel);
}

static int words_check_type(const struct machine_words *w, struct error *e)
{
	static const char *const types[] = { "pc", "q35", "microvm", "virt", "none", "ferry" };
	size_t i;

	if (!w->type || !strncmp(w->type, "pc-", 3))
		return 0;
	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(w->type, types[i]))
			return 0;
	error_set(e, EINVAL, "unsupported machine type");
	error_hint(e, "There is one machine, with ACPI, PCI and virtio; -machine is not needed.");
	return -EINVAL;
}

static int words_check_model(const struct machine_words *w, struct error *e)
{
	if (!w->model || !strcmp(w->model, "host") || !strcmp(w->model, "max"))
		return 0;
	return error_set(e, EINVAL, "unable to find CPU model '%s': there is only host", w->model);
}

static int words_check_rtc(const struct machine_words *w, struct error *e)
{
	if (w->base && strcmp(w->base, "utc")) {
		error_set(e, EINVAL, "base=%s is not supported: the clock tells the host's time in "
			  "UTC", w->base);
		error_hint(e, "Use base=utc, and let the guest know its time zone.");
		return -EINVAL;
	}
	if (w->clock && strcmp(w->clock, "host"))
		return error_set(e, EINVAL, "clock=%s is not supported: there is only host",
				 w->clock);
	return 0;
}

/* Read @arg by a table, and look whether all that it says is so. */
static int words_take(const struct opt_table *t, const char *arg, struct error *e)
{
	struct machine_words w = { 0 };
	int ret = opt_parse(t, arg, &w, e);
	size_t i;

	for (i = 0; i < t->n && !ret; i++)
		ret = words_check_row(&t->rows[i], &w, e);
	if (!ret)
		ret = words_check_accel(&w, e) ?: words_check_type(&w, e) ?:
		      words_check_model(&w, e) ?: words_check_rtc(&w, e);
	opt_free(t, &w);
	return ret;
}

int config_check_machine(const char *arg, struct error *e)
{
	return words_take(&machine_table, arg, e);
}

int config_check_accel(const char *arg, struct error *e)
{
	return words_take(&accel_table, arg, e);
}

int config_check_cpu(const char *arg, struct error *e)
{
	return words_take(&cpu_table, arg, e);
}

int config_check_rtc(const char *arg, struct error *e)
{
	return words_take(&rtc_table, arg, e);
}
