/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The entry of a guest without an operating system, by Xen's PVH note: from 32-bit mode to
 * 64-bit mode, with the first 8 GiB mapped one to one, and on to bare_main().
 *
 * Interrupts stay off. What comes nevertheless is ignored (NMI, SMI); an exception finds no
 * handler, and so ends in a triple fault, which is a reset.
 */
#define PAGES_2M	(8 * 512)
#define SMM_ENTRY	0x38000

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18
	.asciz "Xen"
	.long start32

	.section .text.start, "ax"
	.code32
	.globl start32
start32:
	cli
	movl %ebx, %ebp
	movl $pd, %edi
	xorl %ecx, %ecx
1:	movl %ecx, %eax
	shll $21, %eax
	orl $0x83, %eax
	movl %eax, (%edi)
	movl %ecx, %eax
	shrl $11, %eax
	movl %eax, 4(%edi)
	addl $8, %edi
	incl %ecx
	cmpl $PAGES_2M, %ecx
	jb 1b
	movl $pd + 3, %eax
	movl $pdpt, %edi
2:	movl %eax, (%edi)
	addl $4096, %eax
	addl $8, %edi
	cmpl $pdpt + 8 * 8, %edi
	jb 2b
	movl $pdpt + 3, pml4
	movl %cr4, %eax
	orl $0x20, %eax
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmp $8, $start64

	.code64
start64:
	movl $16, %eax
	movl %eax, %ss
	movl %eax, %ds
	movl %eax, %es
	movq $stack_end, %rsp
	/* The gate of vector 2, all that is behind the table's limit is none. */
	movl $ignore_nmi, %eax
	movw %ax, idt + 32
	movw $8, idt + 34
	movw $0x8e00, idt + 36
	shrl $16, %eax
	movw %ax, idt + 38
	lidt idt_pointer
	/* rsm */
	movw $0xaa0f, SMM_ENTRY
	movl %ebp, %edi
	call bare_main
3:	hlt
	jmp 3b

ignore_nmi:
	iretq

	.section .rodata
	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.quad gdt
idt_pointer:
	.word 3 * 16 - 1
	.quad idt

	.section .bss
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip PAGES_2M * 8
idt:	.skip 3 * 16
	.balign 16
stack:	.skip 65536
stack_end:
	.section .note.GNU-stack, "", @progbits
