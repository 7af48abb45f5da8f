/* Which tools watch this build. */
#ifndef DUET_CORE_SANITIZER_H
#define DUET_CORE_SANITIZER_H

#include <stdbool.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DUET__ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define DUET__TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(DUET__ASAN)
#define DUET__ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(DUET__TSAN)
#define DUET__TSAN 1
#endif

#if defined(DUET__ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if defined(DUET__TSAN)
#include <sanitizer/tsan_interface.h>
#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define DUET__VALGRIND 1
#endif
#endif

static inline bool duet__is_on_valgrind(void)
{
#if defined(DUET__VALGRIND)
	return RUNNING_ON_VALGRIND;
#else
	return false;
#endif
}

#endif
