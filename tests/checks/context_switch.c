/* The stack switch alone, without the library around it, so that it can be built for another
 * machine and run in an emulator: see aarch64.sh. */
#include "loop/core/context.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { STACK = 64 * 1024, ROUNDS = 100 };

static duet__context main_context, left, right;
static int ended;

/* Keeps values in integer and floating point registers across switches. */
static __attribute__((noinline)) double work(double x, long salt, duet__context *self,
					     duet__context *other)
{
	double sum = x;
	long checksum = salt;

	for (int i = 0; i < ROUNDS; i++) {
		sum = sum * 0.5 + x;
		checksum = checksum * 31 + i;
		duet__context_switch(self, other);
	}
	return sum + (double)(checksum % 1000);
}

static void check(double got, double x, long salt)
{
	double sum = x;
	long checksum = salt;

	for (int i = 0; i < ROUNDS; i++) {
		sum = sum * 0.5 + x;
		checksum = checksum * 31 + i;
	}
	if (got != sum + (double)(checksum % 1000)) {
		printf("wrong: %g\n", got);
		exit(1);
	}
	ended++;
}

static void run_left(void)
{
	_Alignas(16) volatile char room[16];

	duet__context_entered(&left, &main_context);
	room[0] = 0;
	if ((uintptr_t)room % 16 != 0)
		exit(1);
	check(work(1.25, 7, &left, &right), 1.25, 7);
	duet__context_switch(&left, &right);
	abort();
}

static void run_right(void)
{
	duet__context_entered(&right, &main_context);
	check(work(2.5, 11, &right, &left), 2.5, 11);
	duet__context_leave(&right, &main_context);
}

int main(void)
{
	static _Alignas(64) char stacks[2][STACK];
	volatile double kept = 3.25;

	duet__context_init_running(&main_context);
	duet__context_make(&left, stacks[0], stacks[0] + STACK, run_left);
	duet__context_make(&right, stacks[1], stacks[1] + STACK, run_right);
	duet__context_switch(&main_context, &left);
	printf("%d of 2 ended, %g kept\n", ended, kept);
	return ended != 2 || kept != 3.25;
}
