// SPDX-License-Identifier: GPL-2.0
/*
 * Role: speaker gate (0x61), keyboard controller (0x64), of which only the reset
 *	line is there, and the real-time clock (0x70), which tells UTC and keeps the
 *	other bytes until the VM ends.
 * Threads: vCPUs.
 * Locks: the machine's lock is held by the caller.
 */
#include "legacy.h"

#include <errno.h>
#include <time.h>

#define KBD_RESET	0xfe

#define RTC_SECONDS	0x00
#define RTC_MINUTES	0x02
#define RTC_HOURS	0x04
#define RTC_WEEKDAY	0x06
#define RTC_DAY		0x07
#define RTC_MONTH	0x08
#define RTC_YEAR	0x09
#define RTC_STATUS_A	0x0a
#define RTC_STATUS_B	0x0b
#define RTC_STATUS_C	0x0c
#define RTC_STATUS_D	0x0d
#define RTC_CENTURY	0x32

#define RTC_B_24H	0x02
#define RTC_D_VALID	0x80

static u64 speaker_read(void *opaque, u64 off, unsigned int size)
{
	struct legacy *l = opaque;

	(void)off, (void)size;
	/* Bit 4 is the refresh clock, which some loops count, bit 5 the timer's output. */
	l->speaker ^= 0x10;
	return (l->speaker & 0x13) | 0x20;
}

static void speaker_write(void *opaque, u64 off, u64 val, unsigned int size)
{
	struct legacy *l = opaque;

	(void)off, (void)size;
	l->speaker = (l->speaker & 0x10) | (val & 3);
}

static u64 kbd_read(void *opaque, u64 off, unsigned int size)
{
	(void)opaque, (void)off, (void)size;
	return 0;
}

static void kbd_write(void *opaque, u64 off, u64 val, unsigned int size)
{
	struct legacy *l = opaque;

	(void)off, (void)size;
	if ((val & 0xff) == KBD_RESET)
		machine_ask(l->m, MACHINE_RESET);
}

static u8 rtc_bcd(int v)
{
	return v / 10 << 4 | v % 10;
}

static u8 rtc_get(const struct legacy *l, u8 index)
{
	time_t now = time(NULL);
	struct tm t;

	gmtime_r(&now, &t);
	switch (index) {
	case RTC_SECONDS:
		return rtc_bcd(t.tm_sec);
	case RTC_MINUTES:
		return rtc_bcd(t.tm_min);
	case RTC_HOURS:
		return rtc_bcd(t.tm_hour);
	case RTC_WEEKDAY:
		return t.tm_wday + 1;
	case RTC_DAY:
		return rtc_bcd(t.tm_mday);
	case RTC_MONTH:
		return rtc_bcd(t.tm_mon + 1);
	case RTC_YEAR:
		return rtc_bcd(t.tm_year % 100);
	case RTC_CENTURY:
		return rtc_bcd((t.tm_year + 1900) / 100);
	case RTC_STATUS_A:
		return 0x26;
	case RTC_STATUS_B:
		return RTC_B_24H;
	case RTC_STATUS_C:
		return 0;
	case RTC_STATUS_D:
		return RTC_D_VALID;
	default:
		return l->rtc[index];
	}
}

static u64 rtc_read(void *opaque, u64 off, unsigned int size)
{
	struct legacy *l = opaque;

	if (size != 1 || !off)
		return ~0ULL;
	return rtc_get(l, l->rtc_index);
}

static void rtc_write(void *opaque, u64 off, u64 val, unsigned int size)
{
	struct legacy *l = opaque;

	if (size != 1)
		return;
	if (!off)
		l->rtc_index = val & 0x7f;
	else
		l->rtc[l->rtc_index] = val;
}

int legacy_init(struct legacy *l, struct machine *m, const struct legacy_ports *p,
		struct error *e)
{
	static const struct bus_ops speaker = { speaker_read, speaker_write };
	static const struct bus_ops kbd = { kbd_read, kbd_write };
	static const struct bus_ops rtc = { rtc_read, rtc_write };
	int ret;

	*l = (struct legacy){ .m = m };
	/* gmtime_r() opens a file the first time, which a vCPU in the sandbox may not. */
	tzset();
	ret = bus_add(&m->pio, p->speaker, 1, &speaker, l);
	if (!ret)
		ret = bus_add(&m->pio, p->kbd, 1, &kbd, l);
	if (!ret)
		ret = bus_add(&m->pio, p->rtc, 2, &rtc, l);
	return ret ? error_errno(e, ret, "legacy ports") : 0;
}
