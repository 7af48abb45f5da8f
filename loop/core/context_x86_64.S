/* Where every task's stack begins, for x86-64 (System V ABI).  The switch itself is in context.h. */
#if defined(__x86_64__) && !defined(DUET_UCONTEXT)

#if defined(__CET__) && (__CET__ & 1) != 0
#define ENDBR endbr64
#else
#define ENDBR
#endif

	.text

/* The first frame of every task: calls the function on top of its stack.  The nop keeps unwinders,
 * which look up the address before a return address, inside this entry; the undefined %rip ends
 * backtraces here. */
	.type	duet__context_first, @function
	.p2align 4
duet__context_first:
	.cfi_startproc
	.cfi_undefined %rip
	nop
	.globl	duet__context_start
	.hidden	duet__context_start
duet__context_start:
	ENDBR
	popq	%rax
	xorl	%ebp, %ebp
	call	*%rax
	ud2
	.cfi_endproc
	.size	duet__context_first, . - duet__context_first

#endif

#if defined(__x86_64__) && !defined(DUET_UCONTEXT) && defined(__CET__) && (__CET__ & 1) != 0
/* Says that indirect branches are tracked.  It does not say, as <cet.h> would, that there may be a
 * shadow stack: the switch leaves that behind, and the linker turns it off for whoever has this. */
	.section .note.gnu.property, "a", @note
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 1, 0
#endif

	.section .note.GNU-stack, "", @progbits
