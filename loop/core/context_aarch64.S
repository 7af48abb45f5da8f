/* Stack switch for aarch64 (AAPCS64): x19-x30, d8-d15 and sp.  It ends in br rather than ret, which
 * would be mispredicted after every switch. */
#if defined(__aarch64__) && !defined(DUET_UCONTEXT)

#define FRAME 160

	.text

/* void duet__context_swap(void **save_sp, void *load_sp) */
	.globl	duet__context_swap
	.hidden	duet__context_swap
	.type	duet__context_swap, %function
	.p2align 4
duet__context_swap:
	.cfi_startproc
	hint	#34 /* bti c */
	sub	sp, sp, #FRAME
	.cfi_adjust_cfa_offset FRAME
	stp	x19, x20, [sp, #0]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	.cfi_rel_offset x19, 0
	.cfi_rel_offset x20, 8
	.cfi_rel_offset x21, 16
	.cfi_rel_offset x22, 24
	.cfi_rel_offset x23, 32
	.cfi_rel_offset x24, 40
	.cfi_rel_offset x25, 48
	.cfi_rel_offset x26, 56
	.cfi_rel_offset x27, 64
	.cfi_rel_offset x28, 72
	.cfi_rel_offset x29, 80
	.cfi_rel_offset x30, 88
	mov	x9, sp
	str	x9, [x0]
	mov	sp, x1
	ldp	x19, x20, [sp, #0]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	add	sp, sp, #FRAME
	.cfi_adjust_cfa_offset -FRAME
	mov	x16, x30
	br	x16
	.cfi_endproc
	.size	duet__context_swap, . - duet__context_swap

/* The first frame of every task: calls the function in x19. */
	.type	duet__context_first, %function
	.p2align 4
duet__context_first:
	.cfi_startproc
	.cfi_undefined x30
	nop
	.globl	duet__context_start
	.hidden	duet__context_start
duet__context_start:
	hint	#38 /* bti jc */
	mov	x29, xzr
	blr	x19
	brk	#1
	.cfi_endproc
	.size	duet__context_first, . - duet__context_first

#endif

	.section .note.GNU-stack, "", %progbits
