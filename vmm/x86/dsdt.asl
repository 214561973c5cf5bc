// SPDX-License-Identifier: GPL-2.0
/*
 * The machine's fixed devices for the guest's ACPI. Compiled by iasl when the
 * VMM is built. Ports, interrupts and windows are those of x86/map.h.
 */
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
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0, 0xc0000000, 0xdfffffff, 0, 0x20000000)
			})
		}

		/* ECAM, and the ports of the ACPI registers. */
		Device (MB00)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xe0000000, 0x00100000)
				IO (Decode16, 0x0600, 0x0600, 1, 0x10)
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
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 9 }
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
			}
		}
	}
}
