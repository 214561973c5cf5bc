// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what a guest without an operating system stands on.
 * Threads: the one processor.
 * Locks: none.
 */
#include "bare.h"

#define COM1		0x3f8
#define COM1_LCR	(COM1 + 3)
#define COM1_MCR	(COM1 + 4)
#define CMOS_INDEX	0x70
#define CMOS_DATA	0x71

u64 io_read(u16 port, u32 size)
{
	u32 val;
	u16 w;
	u8 b;

	switch (size) {
	case 1:
		asm volatile("inb %1, %0" : "=a" (b) : "d" (port));
		return b;
	case 2:
		asm volatile("inw %1, %0" : "=a" (w) : "d" (port));
		return w;
	default:
		asm volatile("inl %1, %0" : "=a" (val) : "d" (port));
		return val;
	}
}

void io_write(u16 port, u64 val, u32 size)
{
	switch (size) {
	case 1:
		asm volatile("outb %0, %1" : : "a" ((u8)val), "d" (port));
		break;
	case 2:
		asm volatile("outw %0, %1" : : "a" ((u16)val), "d" (port));
		break;
	default:
		asm volatile("outl %0, %1" : : "a" ((u32)val), "d" (port));
	}
}

u64 mem_read(u64 addr, u32 size)
{
	switch (size) {
	case 1:
		return *(volatile u8 *)addr;
	case 2:
		return *(volatile u16 *)addr;
	case 4:
		return *(volatile u32 *)addr;
	default:
		return *(volatile u64 *)addr;
	}
}

void mem_write(u64 addr, u64 val, u32 size)
{
	switch (size) {
	case 1:
		*(volatile u8 *)addr = val;
		break;
	case 2:
		*(volatile u16 *)addr = val;
		break;
	case 4:
		*(volatile u32 *)addr = val;
		break;
	default:
		*(volatile u64 *)addr = val;
	}
}

void io_string(u16 port, u64 at, u64 n, bool write)
{
	if (write)
		asm volatile("rep outsb" : "+S" (at), "+c" (n) : "d" (port) : "memory");
	else
		asm volatile("rep insb" : "+D" (at), "+c" (n) : "d" (port) : "memory");
}

/* The line may be in any state: it is put right first. */
void serial_print(const char *text)
{
	io_write(COM1_LCR, 3, 1);
	io_write(COM1_MCR, 3, 1);
	while (*text)
		io_write(COM1, *text++, 1);
}

void serial_hex(u64 val)
{
	char text[17];
	int i;

	for (i = 0; i < 16; i++)
		text[i] = "0123456789abcdef"[val >> (60 - 4 * i) & 15];
	text[16] = '\0';
	serial_print(text);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *skip_name(const char *line, const char *name)
{
	while (*name && *line == *name) {
		line++;
		name++;
	}
	return !*name && *line == '=' ? line + 1 : NULL;
}

u64 cmdline_hex(const char *line, const char *name, u64 otherwise)
{
	const char *p;
	u64 val = 0;

	for (; *line; line++) {
		p = skip_name(line, name);
		if (!p)
			continue;
		for (; hex_digit(*p) >= 0; p++)
			val = val << 4 | hex_digit(*p);
		return val;
	}
	return otherwise;
}

u8 cmos_read(u8 index)
{
	io_write(CMOS_INDEX, index, 1);
	return io_read(CMOS_DATA, 1);
}

void cmos_write(u8 index, u8 val)
{
	io_write(CMOS_INDEX, index, 1);
	io_write(CMOS_DATA, val, 1);
}
