/* SPDX-License-Identifier: GPL-2.0 */
/* The compiled DSDT, as iasl left it in the build directory. */
	.section .rodata
	.global x86_dsdt, x86_dsdt_end
	.balign 16
x86_dsdt:
	.incbin "dsdt.aml"
x86_dsdt_end:
	.section .note.GNU-stack, "", @progbits
