// SPDX-License-Identifier: GPL-2.0
/*
 * The machine's fixed devices for the guest's ACPI, and its slots. Compiled by iasl,
 * behind the C preprocessor, when the VMM is built. Ports, interrupts and windows are those
 * of x86/map.h.
 */
#define SLOT(name, address, number)		\
	Device (name)				\
	{					\
		Name (_ADR, address)		\
		Name (_SUN, number)		\
		Method (_EJ0, 1)		\
		{				\
			EJCT (_SUN)		\
		}				\
	}
#define TELL(name, bit)				\
	If (Arg0 & bit)				\
	{					\
		Notify (name, Arg1)		\
	}

DefinitionBlock ("", "DSDT", 2, "FERRY ", "FERRYVMM", 1)
{
	Name (\_S5, Package () { 5, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_BBN, 0)
			Name (_SEG, 0)
			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0, 0, 1)
				IO (Decode16, 0x0cf8, 0x0cf8, 1, 8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0x1000, 0xffff, 0, 0xf000)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0, 0xc0000000, 0xdfffffff, 0, 0x20000000)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0, 0xfe000000, 0xfebfffff, 0, 0x00c00000)
			})

			/* Hot plug: what vmm/pci/hotplug.h says of its registers. */
			OperationRegion (HOTP, SystemIO, 0x0610, 12)
			Field (HOTP, DWordAcc, NoLock, WriteAsZeros)
			{
				UP, 32,
				DOWN, 32,
				EJEC, 32,
			}
			Method (EJCT, 1, Serialized)
			{
				EJEC = (1 << Arg0)
			}

			SLOT (S01, 0x00010000, 1)
			SLOT (S02, 0x00020000, 2)
			SLOT (S03, 0x00030000, 3)
			SLOT (S04, 0x00040000, 4)
			SLOT (S05, 0x00050000, 5)
			SLOT (S06, 0x00060000, 6)
			SLOT (S07, 0x00070000, 7)
			SLOT (S08, 0x00080000, 8)
			SLOT (S09, 0x00090000, 9)
			SLOT (S10, 0x000a0000, 10)
			SLOT (S11, 0x000b0000, 11)
			SLOT (S12, 0x000c0000, 12)
			SLOT (S13, 0x000d0000, 13)
			SLOT (S14, 0x000e0000, 14)
			SLOT (S15, 0x000f0000, 15)
			SLOT (S16, 0x00100000, 16)
			SLOT (S17, 0x00110000, 17)
			SLOT (S18, 0x00120000, 18)
			SLOT (S19, 0x00130000, 19)
			SLOT (S20, 0x00140000, 20)
			SLOT (S21, 0x00150000, 21)
			SLOT (S22, 0x00160000, 22)
			SLOT (S23, 0x00170000, 23)
			SLOT (S24, 0x00180000, 24)
			SLOT (S25, 0x00190000, 25)
			SLOT (S26, 0x001a0000, 26)
			SLOT (S27, 0x001b0000, 27)
			SLOT (S28, 0x001c0000, 28)
			SLOT (S29, 0x001d0000, 29)
			SLOT (S30, 0x001e0000, 30)
			SLOT (S31, 0x001f0000, 31)

			/* Tell the slots of a mask. */
			Method (TELS, 2)
			{
				TELL (S01, 0x00000002)
				TELL (S02, 0x00000004)
				TELL (S03, 0x00000008)
				TELL (S04, 0x00000010)
				TELL (S05, 0x00000020)
				TELL (S06, 0x00000040)
				TELL (S07, 0x00000080)
				TELL (S08, 0x00000100)
				TELL (S09, 0x00000200)
				TELL (S10, 0x00000400)
				TELL (S11, 0x00000800)
				TELL (S12, 0x00001000)
				TELL (S13, 0x00002000)
				TELL (S14, 0x00004000)
				TELL (S15, 0x00008000)
				TELL (S16, 0x00010000)
				TELL (S17, 0x00020000)
				TELL (S18, 0x00040000)
				TELL (S19, 0x00080000)
				TELL (S20, 0x00100000)
				TELL (S21, 0x00200000)
				TELL (S22, 0x00400000)
				TELL (S23, 0x00800000)
				TELL (S24, 0x01000000)
				TELL (S25, 0x02000000)
				TELL (S26, 0x04000000)
				TELL (S27, 0x08000000)
				TELL (S28, 0x10000000)
				TELL (S29, 0x20000000)
				TELL (S30, 0x40000000)
				TELL (S31, 0x80000000)
			}
			Method (CHNG, 0, Serialized)
			{
				Local0 = UP
				Local1 = DOWN
				TELS (Local0, 1)
				TELS (Local1, 3)
			}
		}

		/* ECAM, and the ports of the ACPI registers. */
		Device (MB00)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xe0000000, 0x00100000)
				IO (Decode16, 0x0510, 0x0510, 1, 2)
				IO (Decode16, 0x0600, 0x0600, 1, 0x20)
			})
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03f8, 0x03f8, 1, 8)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
			})
		}

		Device (PWRB)
		{
			Name (_HID, EisaId ("PNP0C0C"))
			Name (_UID, 0)
		}

		/* The event device: a bit a kind of event, cleared by reading. */
		Device (GED0)
		{
			Name (_HID, "ACPI0013")
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { 9 }
			})
			OperationRegion (EVTS, SystemIO, 0x0608, 4)
			Field (EVTS, DWordAcc, NoLock, WriteAsZeros)
			{
				ESEL, 32
			}
			Method (_EVT, 1, Serialized)
			{
				Local0 = ESEL
				If (Local0 & 1)
				{
					Notify (PWRB, 0x80)
				}
				If (Local0 & 2)
				{
					\_SB.PCI0.CHNG ()
				}
			}
		}
	}
}
