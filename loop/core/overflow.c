/* A task that runs over its stack hits the guard below it, and the process dies of SIGSEGV without a
 * word.  Whoever asks has it named first: the handler runs on a stack of its own, writes one line, and
 * leaves the rest to what was there before it, so that core dumps and crash reporters still see the
 * fault itself. */
#include "loop/core/loop_impl.h"

#include "loop/core/fail.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIGNAL_STACK = 64 * 1024, NAME = 64, SITE = 128 };

static pthread_mutex_t installing = PTHREAD_MUTEX_INITIALIZER;
static bool is_installed;
static struct sigaction former;
static _Thread_local void *signal_stack; /* ours, while this thread runs a loop */

/* snprintf of strings alone takes no lock and no memory. */
static void tell(const duet_task *t)
{
	char name[NAME], site[SITE], text[NAME + SITE + 160];
	int n;

	duet__task_describe(t, name, sizeof(name), site, sizeof(site));
	n = snprintf(text, sizeof(text),
		     "duet: task %s (%s) has overflowed its stack of %zu KiB; .stack_size of "
		     "duet_task_options, or of the run's, gives it more\n",
		     name, site[0] != '\0' ? site : "the main task", t->stacks->size / 1024);
	if (write(STDERR_FILENO, text, (size_t)n) < 0)
		return;
}

static bool is_overflow(const duet_task *t, const siginfo_t *info)
{
	return t != NULL && t->stack != NULL && info->si_code > 0 &&
	       duet__stack_is_overrun(t->stack, info->si_addr);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	bool is_ours = is_overflow(duet__current, info);

	if (is_ours)
		tell(duet__current);
	if (!is_ours && (former.sa_flags & SA_SIGINFO) != 0)
		former.sa_sigaction(signal, info, context);
	else if (!is_ours && former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN)
		former.sa_handler(signal);
	else
		sigaction(signal, &former, NULL); /* and faults again, on returning */
}

static int install(void)
{
	struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	int r = 0;

	pthread_mutex_lock(&installing);
	if (!is_installed && sigaction(SIGSEGV, &ours, &former) != 0)
		r = -errno;
	is_installed = r == 0;
	pthread_mutex_unlock(&installing);
	return r;
}

/* A thread that has a stack for signals keeps it. */
static int give_signal_stack(void)
{
	stack_t stack, found;

	if (sigaltstack(NULL, &found) != 0 || (found.ss_flags & SS_DISABLE) == 0)
		return 0;
	stack = (stack_t){.ss_size = SIGNAL_STACK};
	stack.ss_sp = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack.ss_sp == MAP_FAILED)
		return DUET_ENOMEM;
	signal_stack = stack.ss_sp;
	return sigaltstack(&stack, NULL) == 0 ? 0 : -errno;
}

void duet__overflow_begin(void)
{
	if (!is_installed && duet__is_debugging())
		install();
	if (is_installed)
		give_signal_stack();
}

void duet__overflow_end(void)
{
	if (signal_stack == NULL)
		return;
	sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
	munmap(signal_stack, SIGNAL_STACK);
	signal_stack = NULL;
}

int duet_overflow_report(void)
{
	int r = install();

	if (r == 0 && duet__current_loop != NULL)
		r = give_signal_stack();
	return r == 0 ? 0 : duet__fail(r);
}
