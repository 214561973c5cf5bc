// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the command line: one table of options, each with its help and what
 *	takes its argument.
 * Threads: main, before the VM is built.
 * Locks: none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "version.h"

#define RAM_DEFAULT	"128M"

struct sandbox_words {
	bool enable;
};

/* What QEMU's other words allow is never allowed here. */
static const struct opt_row sandbox_rows[] = {
	{ "enable", OPT_BOOL, offsetof(struct sandbox_words, enable) },
	{ "obsolete", OPT_IGNORED },
	{ "elevateprivileges", OPT_IGNORED },
	{ "spawn", OPT_IGNORED },
	{ "resourcecontrol", OPT_IGNORED },
};

static const struct opt_table sandbox_table = {
	"enable", NULL, sandbox_rows, ARRAY_SIZE(sandbox_rows),
};

static const struct opt_row name_rows[] = {
	{ "guest", OPT_STRING, offsetof(struct config, name) },
	{ "debug-threads", OPT_IGNORED },
};

static const struct opt_table name_table = {
	"guest", NULL, name_rows, ARRAY_SIZE(name_rows),
};

static int set_string(char **slot, const char *arg, struct error *e)
{
	char *copy = strdup(arg);

	if (!copy)
		return error_errno(e, ENOMEM, "options");
	free(*slot);
	*slot = copy;
	return 0;
}

static int take_kernel(struct config *c, const char *arg, struct error *e)
{
	return set_string(&c->kernel, arg, e);
}

static int take_initrd(struct config *c, const char *arg, struct error *e)
{
	return set_string(&c->initrd, arg, e);
}

static int take_append(struct config *c, const char *arg, struct error *e)
{
	return set_string(&c->append, arg, e);
}

static int take_pidfile(struct config *c, const char *arg, struct error *e)
{
	return set_string(&c->pidfile, arg, e);
}

static int take_bios(struct config *c, const char *arg, struct error *e)
{
	return set_string(&c->bios, arg, e);
}

static int take_name(struct config *c, const char *arg, struct error *e)
{
	return opt_parse(&name_table, arg, c, e);
}

static int take_no_reboot(struct config *c, const char *arg, struct error *e)
{
	(void)arg, (void)e;
	c->no_reboot = true;
	return 0;
}

static int take_sandbox(struct config *c, const char *arg, struct error *e)
{
	struct sandbox_words w = { 0 };
	int ret = opt_parse(&sandbox_table, arg, &w, e);

	if (!ret)
		c->sandbox = w.enable;
	return ret;
}

static int take_runas(struct config *c, const char *arg, struct error *e)
{
	return set_string(&c->runas, arg, e);
}

static int take_chroot(struct config *c, const char *arg, struct error *e)
{
	return set_string(&c->chroot, arg, e);
}

static int take_nographic(struct config *c, const char *arg, struct error *e)
{
	/* There are no graphics: it only says what stdio is for. */
	(void)arg, (void)e;
	c->nographic = true;
	return 0;
}

static int take_nodefaults(struct config *c, const char *arg, struct error *e)
{
	(void)arg, (void)e;
	c->nodefaults = true;
	return 0;
}

static int take_stopped(struct config *c, const char *arg, struct error *e)
{
	(void)arg, (void)e;
	c->stopped = true;
	return 0;
}

static int take_daemonize(struct config *c, const char *arg, struct error *e)
{
	(void)arg, (void)e;
	c->daemonize = true;
	return 0;
}

static int take_ignored(struct config *c, const char *arg, struct error *e)
{
	(void)c, (void)arg, (void)e;
	return 0;
}

static int take_machine(struct config *c, const char *arg, struct error *e)
{
	(void)c;
	return config_check_machine(arg, e);
}

static int take_accel(struct config *c, const char *arg, struct error *e)
{
	(void)c;
	return config_check_accel(arg, e);
}

static int take_cpu(struct config *c, const char *arg, struct error *e)
{
	(void)c;
	return config_check_cpu(arg, e);
}

static int take_rtc(struct config *c, const char *arg, struct error *e)
{
	(void)c;
	return config_check_rtc(arg, e);
}

static int take_display(struct config *c, const char *arg, struct error *e)
{
	(void)c;
	if (strcmp(arg, "none"))
		return error_set(e, EINVAL, "Parameter 'type' does not accept value '%s': "
				 "there is no display but none", arg);
	return 0;
}

static int take_parallel(struct config *c, const char *arg, struct error *e)
{
	(void)c;
	if (strcmp(arg, "none") && strcmp(arg, "null"))
		return error_set(e, EINVAL, "there are no parallel ports");
	return 0;
}

static int take_hda(struct config *c, const char *arg, struct error *e)
{
	return config_add_disk(c, arg, 0, "-hda ", e);
}

static int take_hdb(struct config *c, const char *arg, struct error *e)
{
	return config_add_disk(c, arg, 1, "-hdb ", e);
}

static int take_hdc(struct config *c, const char *arg, struct error *e)
{
	return config_add_disk(c, arg, 2, "-hdc ", e);
}

static int take_hdd(struct config *c, const char *arg, struct error *e)
{
	return config_add_disk(c, arg, 3, "-hdd ", e);
}

static int take_cdrom(struct config *c, const char *arg, struct error *e)
{
	(void)c;
	error_set(e, EINVAL, "there are no CD-ROM drives");
	error_hint(e, "A disk that cannot be written does as well: -drive file=%s,format=raw,"
		   "readonly=on", arg);
	return -EINVAL;
}

static int take_readconfig(struct config *c, const char *arg, struct error *e);

struct cmd_option {
	const char *name;
	const char *arg;	/* its argument in the help, NULL if it has none */
	const char *help;	/* NULL: taken, but not worth a line */
	int (*take)(struct config *c, const char *arg, struct error *e);
};

static const struct cmd_option cmd_options[] = {
	{ "m", "[size=]MEGS", "guest memory; suffixes K, M, G, T (default: 128 MiB)",
	  config_set_memory },
	{ "smp", "[cpus=]N", "processors (default: 1)", config_set_smp },
	{ "kernel", "FILE", "bzImage, or ELF with a PVH entry", take_kernel },
	{ "initrd", "FILE", "initial RAM disk", take_initrd },
	{ "append", "CMDLINE", "kernel command line", take_append },
	{ "bios", "FILE", "firmware, which boots a disk where there is no -kernel\n"
	  "        (default: bios-256k.bin of Debian's package seabios)", take_bios },
	{ "boot", "[order=]c[,menu=on|off][,...]", "how the firmware does it ('-boot help')",
	  config_set_boot },
	{ "netdev", "tap|user,id=ID[,...]", "host side of a network card ('-netdev help')",
	  config_add_netdev },
	{ "nic", "tap|user[,model=virtio][,...]", "a network card and its host side in one",
	  config_add_nic },
	{ "net", "nic|tap|user[,...]", "one of the two", config_add_net },
	{ "drive", "file=FILE[,...]", "a disk ('-drive help')", config_add_drive },
	{ "hda", "FILE", "the first disk; -hdb, -hdc and -hdd are the others", take_hda },
	{ "hdb", "FILE", NULL, take_hdb },
	{ "hdc", "FILE", NULL, take_hdc },
	{ "hdd", "FILE", NULL, take_hdd },
	{ "cdrom", "FILE", NULL, take_cdrom },
	{ "fsdev", "local,id=ID,path=DIR,security_model=MODEL[,...]",
	  "a directory for a -device virtio-9p-pci ('-fsdev help')", config_add_fsdev },
	{ "virtfs", "local,path=DIR,mount_tag=TAG,security_model=MODEL[,...]",
	  "a directory and its device in one ('-virtfs help')", config_add_virtfs },
	{ "device", "DRIVER[,PROP=VALUE,...]",
	  "add a device ('-device help', '-device DRIVER,help')", config_add_device },
	{ "chardev", "BACKEND,id=ID[,...]",
	  "stdio, socket, file, pty or null for a -device virtconsole ('-chardev help')",
	  config_add_chardev },
	{ "balloon", "virtio[,addr=ADDR]|none", "a -device virtio-balloon-pci, or none",
	  config_add_balloon },
	{ "serial", "DEV", "stdio, mon:stdio, unix:PATH[,server=on|off][,wait=on|off], file:PATH, "
	  "pty, null\n        or none (default: mon:stdio)", config_set_serial },
	{ "monitor", "DEV", "the monitor (HMP) on stdio or unix:PATH[,server=on|off]"
	  "[,wait=on|off], or none", config_add_monitor },
	{ "qmp", "DEV", "likewise a monitor for programs (QMP)", config_add_qmp },
	{ "nographic", NULL, "no graphics: serial port and C-a keys on stdio", take_nographic },
	{ "nodefaults", NULL, "no serial port unless -serial asks for one", take_nodefaults },
	{ "S", NULL, "do not start the guest: 'cont' in a monitor does", take_stopped },
	{ "daemonize", NULL, "go into the background once all is set up", take_daemonize },
	{ "no-reboot", NULL, "end instead of rebooting", take_no_reboot },
	{ "name", "NAME", "name of the guest", take_name },
	{ "uuid", "UUID", "what the monitors tell of it", config_set_uuid },
	{ "pidfile", "FILE", "write the process id there", take_pidfile },
	{ "readconfig", "FILE", "take options from a file", take_readconfig },
	{ "sandbox", "on|off", "give up all that a running VM does not need (default: off)",
	  take_sandbox },
	{ "runas", "USER", "become USER, or UID:GID, once everything is open", take_runas },
	{ "chroot", "DIR", "have DIR as the root directory once everything is open", take_chroot },
	{ "machine", "[type=]NAME[,...]", "taken where it changes nothing", take_machine },
	{ "M", "[type=]NAME[,...]", NULL, take_machine },
	{ "cpu", "host", "taken where it changes nothing", take_cpu },
	{ "accel", "kvm", "taken where it changes nothing", take_accel },
	{ "enable-kvm", NULL, NULL, take_ignored },
	{ "no-user-config", NULL, NULL, take_ignored },
	{ "no-acpi", NULL, NULL, NULL },
	{ "display", "none", NULL, take_display },
	{ "vga", "none", NULL, take_display },
	{ "parallel", "none", NULL, take_parallel },
	{ "rtc", "base=utc", NULL, take_rtc },
	{ "msg", "...", NULL, take_ignored },
	{ "version", NULL, "print the version", NULL },
	{ "help", NULL, "print this", NULL },
	{ "h", NULL, NULL, NULL },
};

void config_print_options(void)
{
	size_t i;

	printf("Options are QEMU's:\n");
	for (i = 0; i < ARRAY_SIZE(cmd_options); i++) {
		const struct cmd_option *o = &cmd_options[i];

		if (!o->help)
			continue;
		printf("  -%s %s\n        %s\n", o->name, o->arg ? o->arg : "", o->help);
	}
	printf("\nDuring emulation, with mon:stdio:\n"
	       "  C-a x    exit\n  C-a c    switch between serial port and monitor\n"
	       "  C-a h    help\n  C-a C-a  send C-a\n");
}

static bool print_table_help(const char *what, const struct opt_table *table, const char *arg)
{
	if (strcmp(arg, "help") && strcmp(arg, "?"))
		return false;
	printf("%s options:\n", what);
	opt_print_help(table);
	return true;
}

static bool print_device_help(const char *arg)
{
	const struct opt_table *table;
	const struct device_type *t;
	char driver[64], word[8];
	size_t i;

	if (!strcmp(arg, "help") || !strcmp(arg, "?")) {
		for (i = 0; (t = device_type_at(i)); i++)
			printf("name \"%s\", bus %s, desc \"%s\"\n", t->name, t->bus, t->desc);
		printf("name \"%s\", bus virtio-serial-bus, desc \"Console\"\n",
		       port_table.device);
		return true;
	}
	if (!opt_peek(arg, "driver", "driver", driver, sizeof(driver)))
		return false;
	snprintf(word, sizeof(word), "%s", strlen(arg) >= 5 ? arg + strlen(arg) - 5 : "");
	t = device_type_find(driver);
	table = t ? &t->table : strcmp(driver, port_table.device) ? NULL : &port_table;
	return table && !strcmp(word, ",help") && print_table_help(table->device, table, "help");
}

static bool print_netdev_help(const char *arg)
{
	if (!strcmp(arg, "help") || !strcmp(arg, "?")) {
		printf("Available netdev backend types:\ntap\nuser\n");
		return true;
	}
	if (strcmp(arg, "tap,help") && strcmp(arg, "user,help"))
		return false;
	printf("%.*s options:\n", (int)strcspn(arg, ","), arg);
	opt_print_help(*arg == 't' ? &netdev_table : &user_net_table);
	return true;
}

/* Options that print and end; CONFIG_DONE if this was one. */
static int take_help(const struct cmd_option *o, const char *arg)
{
	if (!strcmp(o->name, "help") || !strcmp(o->name, "h"))
		return CONFIG_HELP;
	if (!strcmp(o->name, "version")) {
		printf("Ferry version %s\n", FERRY_VERSION);
		return CONFIG_DONE;
	}
	if ((!strcmp(o->name, "device") && print_device_help(arg)) ||
	    (!strcmp(o->name, "netdev") && print_netdev_help(arg)) ||
	    (!strcmp(o->name, "boot") && print_table_help(o->name, &boot_table, arg)) ||
	    (!strcmp(o->name, "drive") && print_table_help(o->name, &drive_table, arg)) ||
	    (!strcmp(o->name, "fsdev") && print_table_help(o->name, &fsdev_table, arg)) ||
	    (!strcmp(o->name, "chardev") && print_table_help(o->name, &chardev_table, arg)) ||
	    (!strcmp(o->name, "virtfs") && print_table_help(o->name, &virtfs_table, arg)))
		return CONFIG_DONE;
	if ((!strcmp(o->name, "machine") || !strcmp(o->name, "M")) && !strcmp(arg, "help")) {
		printf("Supported machines are:\nferry                PCI, ACPI and virtio "
		       "(default)\n");
		return CONFIG_DONE;
	}
	return CONFIG_RUN;
}

static const struct cmd_option *find_option(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cmd_options); i++)
		if (!strcmp(cmd_options[i].name, name))
			return &cmd_options[i];
	return NULL;
}

static int take_from_file(struct config *c, const char *option, const char *arg,
			  struct error *e)
{
	return find_option(option)->take(c, arg, e);
}

static int take_readconfig(struct config *c, const char *arg, struct error *e)
{
	return config_read_file(c, arg, take_from_file, e);
}

static int take_option(struct config *c, int argc, char **argv, int *i, struct error *e)
{
	const char *word = argv[*i], *arg = NULL;
	const struct cmd_option *o;
	char prefix[160];
	int ret;

	if (word[0] != '-') {
		ret = config_add_disk(c, word, 0, "", e);
		if (ret)
			error_prefix(e, word);
		return ret;
	}
	o = find_option(word + 1 + (word[1] == '-'));
	if (!o)
		return error_set(e, EINVAL, "%s: invalid option", word);
	if (o->arg) {
		if (*i + 1 >= argc)
			return error_set(e, EINVAL, "%s: requires an argument", word);
		arg = argv[++*i];
	}
	ret = take_help(o, arg);
	if (ret != CONFIG_RUN)
		return ret;
	if (!o->take)
		return error_set(e, EINVAL, "%s: invalid option", word);
	ret = o->take(c, arg, e);
	if (ret < 0) {
		snprintf(prefix, sizeof(prefix), "%s%s%s", word, arg ? " " : "", arg ? arg : "");
		error_prefix(e, prefix);
	}
	return ret;
}

int config_check(struct config *c, struct error *e)
{
	return config_check_chardevs(c, e) ?: config_check_ports(c, e) ?:
	       config_check_devices(c, e) ?: config_check_boot(c, e);
}

int config_take(struct config *c, int argc, char **argv, struct error *e)
{
	int i, ret;

	*c = (struct config){ .cpus = 1 };
	ret = config_set_memory(c, RAM_DEFAULT, e) ?: opt_defaults(&boot_table, &c->boot, e);
	for (i = 1; i < argc && ret == CONFIG_RUN; i++)
		ret = take_option(c, argc, argv, &i, e);
	return ret;
}

int config_parse(struct config *c, int argc, char **argv, struct error *e)
{
	int ret = config_take(c, argc, argv, e);

	return ret == CONFIG_RUN ? config_check(c, e) : ret;
}

void config_free(struct config *c)
{
	unsigned int i;

	for (i = 0; i < c->n_netdevs; i++)
		config_free_netdev(c->netdev[i]);
	for (i = 0; i < c->n_drives; i++)
		config_free_drive(c->drive[i]);
	for (i = 0; i < c->n_fsdevs; i++)
		config_free_fsdev(c->fsdev[i]);
	for (i = 0; i < c->n_devices; i++)
		config_free_device(c->device[i]);
	free(c->name);
	free(c->kernel);
	free(c->initrd);
	free(c->append);
	free(c->bios);
	opt_free(&boot_table, &c->boot);
	free(c->pidfile);
	config_free_chardevs(c);
	config_free_consoles(c);
	free(c->runas);
	free(c->chroot);
}
