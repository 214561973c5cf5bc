/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's address map, all of it.
 *
 * Guest-physical memory
 *
 *	0x0000_0500	GDT for the boot entry
 *	0x0000_6000	PVH start info, module list and memory map
 *	0x0000_7000	zero page (struct boot_params)
 *	0x0000_9000	page tables for the 64-bit entry, 6 pages
 *	0x0002_0000	kernel command line, up to 64 KiB
 *	0x0009_fc00	end of low RAM
 *	0x000e_0000	RSDP and the other ACPI tables, just under 128 KiB
 *	0x000f_fff0	a BIOS's entry point: asks for a reset
 *	0x0010_0000	RAM; the kernel at its preferred address, the initrd at the top
 *	0xc000_0000	PCI: 32-bit BARs, 512 MiB. RAM ends here and goes on at 4 GiB
 *	0xe000_0000	PCI: ECAM of bus 0, 1 MiB
 *	0xfe00_0000	PCI: 32-bit BARs that firmware moves, 12 MiB
 *	0xfec0_0000	IOAPIC (KVM)
 *	0xfee0_0000	local APICs (KVM)
 *	0xfffb_c000	KVM's identity map and task state segment, 4 pages
 *	0x1_0000_0000	RAM above 3 GiB
 *
 * With firmware, instead of what a kernel is given:
 *
 *	0x000c_0000	the copy that it runs in, up to 256 KiB at the end of 1 MiB, of
 *	0xfffc_0000	its ROM, at the end of 4 GiB
 *	(RAM's end)	64 KiB before the end of the RAM below 3 GiB: the ACPI tables
 *
 * Ports
 *
 *	0x020, 0x0a0	8259 (KVM)	0x040	8254 (KVM)	0x061	speaker gate
 *	0x064		keyboard controller, of which only the reset is there
 *	0x070		real-time clock	0x3f8	COM1
 *	0x510		firmware configuration, with firmware
 *	0x600		ACPI sleep control and status, reset, event device
 *	0x610		PCI hot plug: slots to look at, slots to let go of, eject
 *	0xcf8		PCI configuration
 *	0x1000		PCI: BARs of ports, up to the last one
 *
 * Interrupts
 *
 *	4		COM1		9	ACPI event device
 *	10		SCI, with firmware, which never comes
 *	24 and up	MSI-X vectors
 */
#ifndef FERRY_VMM_X86_MAP_H
#define FERRY_VMM_X86_MAP_H

#define X86_GDT			0x500UL
#define X86_PVH_INFO		0x6000UL
#define X86_ZERO_PAGE		0x7000UL
#define X86_PAGE_TABLES		0x9000UL
#define X86_CMDLINE		0x20000UL
#define X86_CMDLINE_MAX		0x10000UL
#define X86_LOW_RAM_END		0x9fc00UL
#define X86_ACPI		0xe0000UL
#define X86_ACPI_END		0xffff0UL
#define X86_ACPI_SIZE		0x10000ULL
#define X86_BIOS_ENTRY		0xffff0UL
#define X86_BIOS_END		0x100000UL
#define X86_HIGH_RAM		0x100000UL

#define X86_RAM_END		0xc0000000ULL
#define X86_PCI_MMIO		0xc0000000ULL
#define X86_PCI_MMIO_SIZE	0x20000000ULL
#define X86_ECAM		0xe0000000ULL
#define X86_ECAM_SIZE		0x100000ULL
#define X86_PCI_FIRMWARE	0xfe000000ULL
#define X86_PCI_FIRMWARE_SIZE	0xc00000ULL
#define X86_IOAPIC		0xfec00000UL
#define X86_LAPIC		0xfee00000UL
#define X86_KVM_PAGES		0xfffbc000ULL
#define X86_KVM_PAGES_SIZE	0x4000ULL
#define X86_ROM_MIN		0x20000ULL
#define X86_ROM_MAX		0x40000ULL
#define X86_ROM_END		0x100000000ULL
#define X86_RAM_ABOVE_4G	0x100000000ULL

/* dsdt.asl names the same ports and interrupts. */
#define X86_PORT_SPEAKER	0x61
#define X86_PORT_KBD		0x64
#define X86_PORT_RTC		0x70
#define X86_PORT_COM1		0x3f8
#define X86_PORT_FW_CFG		0x510
#define X86_PORT_ACPI		0x600
#define X86_PORT_ACPI_LEN	0x10
#define X86_PORT_HOTPLUG	0x610
#define X86_PORT_PCI		0xcf8
#define X86_PORT_PCI_BARS	0x1000

/* Offsets from X86_PORT_ACPI. */
#define X86_ACPI_SLEEP_CONTROL	0
#define X86_ACPI_SLEEP_STATUS	1
#define X86_ACPI_PM1_CONTROL	2
#define X86_ACPI_PM1_CONTROL_LEN 2
#define X86_ACPI_RESET		4
#define X86_ACPI_EVENTS		8
#define X86_ACPI_PM1_EVENT	12
#define X86_ACPI_PM1_EVENT_LEN	4

#define X86_ACPI_RESET_VALUE	0x01
#define X86_ACPI_S5		5
#define X86_ACPI_EVENT_POWER	0x01
#define X86_ACPI_EVENT_HOTPLUG	0x02

#define X86_IRQ_COM1		4
#define X86_IRQ_ACPI		9
#define X86_IRQ_SCI		10

#endif /* FERRY_VMM_X86_MAP_H */
