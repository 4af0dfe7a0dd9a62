/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of the row libvirt, a boot sector. It reads the first 32 KiB of the second drive to
 * 64 KiB, writes what the BIOS has said to 0x6000, and then ejects each device that it is asked
 * to eject, as a guest with ACPI does: on q35 the slots of bus n are at ports 0xcc0 and up
 * after n was written to 0xcd0.
 */
	.code16
	.globl	_start
_start:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0x7c00, %sp
	sti
	movw	$packet, %si
	movb	$0x81, %dl
	movb	$0x42, %ah
	int	$0x13
	movl	$0x646f6e65, %eax	/* "done" */
	jnc	1f
	movl	$0x6c696166, %eax	/* "fail" */
1:	movl	%eax, 0x6000

next:	hlt
	xorl	%ecx, %ecx
2:	movl	%ecx, %eax
	movw	$0xcd0, %dx
	outl	%eax, %dx
	movw	$0xcc4, %dx
	inl	%dx, %eax
	testl	%eax, %eax
	jz	3f
	movw	$0xcc8, %dx
	outl	%eax, %dx
3:	incw	%cx
	cmpw	$32, %cx
	jb	2b
	jmp	next

packet:
	.byte	16, 0
	.word	64, 0, 0x1000
	.quad	0
	.org	510
	.word	0xaa55
