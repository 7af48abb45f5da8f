/* Stack switch for x86-64 (System V ABI).
 *
 * It ends in pop and jmp rather than ret: after a switch the return address predictor is out of
 * step, and a ret would be mispredicted every time. */
#if defined(__x86_64__) && !defined(DUET_UCONTEXT)

#if defined(__CET__)
#include <cet.h>
#else
#define _CET_ENDBR
#endif

	.text

/* void duet__context_swap(void **save_sp, void *load_sp) */
	.globl	duet__context_swap
	.hidden	duet__context_swap
	.type	duet__context_swap, @function
	.p2align 4
duet__context_swap:
	.cfi_startproc
	_CET_ENDBR
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_same_value %r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_same_value %r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_same_value %r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_same_value %r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_same_value %rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_same_value %rbp
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rcx
	notrack jmp *%rcx
	.cfi_endproc
	.size	duet__context_swap, . - duet__context_swap

/* The first frame of every task: calls the function in %rbx.  The nop keeps unwinders, which look
 * up the address before a return address, inside this entry; the undefined %rip ends backtraces
 * here. */
	.type	duet__context_first, @function
	.p2align 4
duet__context_first:
	.cfi_startproc
	.cfi_undefined %rip
	nop
	.globl	duet__context_start
	.hidden	duet__context_start
duet__context_start:
	_CET_ENDBR
	xorl	%ebp, %ebp
	call	*%rbx
	ud2
	.cfi_endproc
	.size	duet__context_first, . - duet__context_first

#endif

	.section .note.GNU-stack, "", @progbits
