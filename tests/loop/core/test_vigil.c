/* Waiting awake: how often it is worth trying. */
#include "loop/core/vigil.h"
#include "tests/lib/test.h"

static int rest_of(duet__vigil *v)
{
	int n = 0;

	while (!duet__vigil_is_worth(v))
		n++;
	return n;
}

TEST(vigil_is_kept_as_long_as_it_is_not_in_vain)
{
	duet__vigil v = {0};

	for (int i = 0; i < 1000; i++) {
		CHECK(duet__vigil_is_worth(&v));
		duet__vigil_end(&v, true);
	}
}

/* In vain, it is tried less and less often, but never given up. */
TEST(vigil_in_vain_rests_longer_each_time)
{
	static const int rests[] = {1, 3, 7, 15, 31, 63, 63, 63};
	duet__vigil v = {0};

	for (size_t i = 0; i < sizeof rests / sizeof *rests; i++) {
		duet__vigil_end(&v, false);
		CHECK_EQ(rest_of(&v), rests[i]);
	}
	duet__vigil_end(&v, true);
	CHECK(duet__vigil_is_worth(&v));
	duet__vigil_end(&v, false);
	CHECK_EQ(rest_of(&v), 1);
}
