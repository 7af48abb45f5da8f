// Tasks in C++ that suspend where an exception is being handled, each with one of its own.
#include <duet/duet.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

namespace {

enum { TASKS = 8 };

duet_time nap_of(void *arg)
{
	return DUET_MS(TASKS - (std::intptr_t)arg);
}

int rethrow_after_a_nap(void *arg)
{
	auto own = (std::intptr_t)arg;

	try {
		throw own;
	} catch (std::intptr_t) {
		duet_sleep(nap_of(arg));
		try {
			throw;
		} catch (std::intptr_t again) {
			return again == own && std::current_exception() ? 0 : -1;
		}
	}
}

struct sleeper {
	void *arg;
	bool *right;
	~sleeper()
	{
		duet_sleep(nap_of(arg));
		*right = std::uncaught_exceptions() == 1;
	}
};

int nap_while_unwinding(void *arg)
{
	bool right = false;

	try {
		sleeper s{arg, &right};
		throw std::string("unwinding");
	} catch (const std::string &) {
	}
	return right && std::uncaught_exceptions() == 0 ? 0 : -1;
}

int look_on(void *)
{
	for (int i = 0; i < TASKS; i++)
		if (duet_sleep(DUET_MS(1)) < 0 || std::uncaught_exceptions() != 0 ||
		    std::current_exception())
			return -1;
	return 0;
}

int mix(void *)
{
	duet_task *tasks[3 * TASKS];

	for (std::intptr_t i = 0; i < TASKS; i++) {
		tasks[3 * i] = duet_spawn(rethrow_after_a_nap, (void *)i);
		tasks[3 * i + 1] = duet_spawn(nap_while_unwinding, (void *)i);
		tasks[3 * i + 2] = duet_spawn(look_on, nullptr);
	}
	return duet_gather(tasks, 3 * TASKS, nullptr);
}

int run_in_catch_block()
{
	try {
		throw 1;
	} catch (int) {
		duet_run_options o{};
		o.clock = DUET_CLOCK_VIRTUAL;
		int r = duet_run_with(&o, mix, nullptr);
		return std::current_exception() ? r : -1;
	}
}

} // namespace

int main()
{
	int r = run_in_catch_block();

	std::printf("%s\n", r == 0 ? "each task has its own exceptions" : "exceptions got mixed up");
	return r != 0 || std::current_exception();
}
