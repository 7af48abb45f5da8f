/* The frame codec. */
#include "ipc/frame.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static unsigned char buf[DUET__MESSAGE_MAX] __attribute__((aligned(16)));

static const duet__frame full = {
	.type = DUET__FRAME_RESULT,
	.ticket = 511,
	.job = UINT64_C(0x1122334455667788),
	.epoch = 0xdeadbeef,
	.code = -4711,
	.offset = UINT64_C(1) << 40,
	.length = UINT64_C(1) << 33,
	.nanos = 123456789,
	.slot = 77,
	.flags = DUET__FRAME_SHARED,
	.data = "hello",
	.size = 5,
};

/* Every field survives; the inline bytes have a NUL behind them. */
TEST(frame_round_trip)
{
	duet__frame f;
	size_t n = duet__frame_put(buf, sizeof(buf), &full);
	CHECK_EQ(n, 80);
	CHECK_EQ(duet__frame_get(buf, n, &f), 80);
	CHECK_STR(f.data, "hello");
	CHECK_EQ(f.type, full.type);
	CHECK_EQ(f.ticket, full.ticket);
	CHECK_EQ(f.job, full.job);
	CHECK_EQ(f.epoch, full.epoch);
	CHECK_EQ(f.code, full.code);
	CHECK_EQ(f.offset, full.offset);
	CHECK_EQ(f.length, full.length);
	CHECK_EQ(f.nanos, full.nanos);
	CHECK_EQ(f.slot, full.slot);
	CHECK_EQ(f.flags, full.flags);
	CHECK_EQ(f.size, full.size);
}

/* Frames of every size fill a message one after the other, and come out again. */
TEST(frame_sequence_in_a_message)
{
	static unsigned char data[DUET__FRAME_INLINE_MAX];
	size_t len = 0, n = 0;
	for (uint32_t size = 0; size < 200; size++, len += n) {
		memset(data, (int)size, size);
		duet__frame f = {.type = DUET__FRAME_JOB, .data = data, .size = size};
		n = duet__frame_put(buf + len, sizeof(buf) - len, &f);
		CHECK_NE(n, 0);
		CHECK_EQ(n % 16, 0);
	}
	size_t at = 0;
	for (uint32_t size = 0; size < 200; size++) {
		duet__frame f;
		ssize_t r = duet__frame_get(buf + at, len - at, &f);
		CHECK_OK(r);
		CHECK_EQ(f.size, size);
		CHECK(size == 0 || ((const unsigned char *)f.data)[size - 1] == (size & 255));
		at += (size_t)r;
	}
	CHECK_EQ(at, len);
}

/* What does not fit is not written. */
TEST(frame_without_room_is_refused)
{
	duet__frame f = full;
	CHECK_EQ(duet__frame_put(buf, 79, &f), 0);
	CHECK_EQ(duet__frame_put(buf, 80, &f), 80);
	f.size = DUET__FRAME_INLINE_MAX + 1;
	CHECK_EQ(duet__frame_put(buf, sizeof(buf), &f), 0);
}

static void check_bad(size_t at, unsigned char value)
{
	duet__frame f;
	duet__frame_put(buf, sizeof(buf), &full);
	buf[at] = value;
	test_note("byte %zu = %u", at, value);
	CHECK_ERR(duet__frame_get(buf, 80, &f), DUET_EPROTO);
}

/* A wrong magic, version, type, flag, size or reserved field is refused; so is a short message. */
TEST(frame_with_a_wrong_header_is_refused)
{
	duet__frame f;
	check_bad(0, 'd');
	check_bad(4, 2);
	check_bad(5, 0);
	check_bad(5, DUET__FRAME_TYPES);
	check_bad(5, 255);
	check_bad(52, 2);
	check_bad(55, 1);
	check_bad(56, 16);  /* one byte longer than the message */
	check_bad(59, 128); /* and two gigabytes */
	check_bad(60, 1);
	duet__frame_put(buf, sizeof(buf), &full);
	for (size_t len = 0; len < 80; len++)
		CHECK_ERR(duet__frame_get(buf, len, &f), DUET_EPROTO);
}

/* A million random changes are either refused or stay inside the message. */
TEST(frame_mutations_stay_inside)
{
	srand((unsigned)test_seed());
	for (int i = 0; i < 1000000; i++) {
		duet__frame f;
		unsigned char *exact = buf + 4096; /* nothing but the frame may be read */
		size_t n = duet__frame_put(exact, 80, &full);
		for (int k = 0; k < 3; k++)
			exact[(size_t)rand() % n] ^= (unsigned char)(1 << rand() % 8);
		ssize_t r = duet__frame_get(exact, n, &f);
		CHECK(r == DUET_EPROTO || (r > 0 && (size_t)r <= n));
		if (r > 0)
			CHECK((const unsigned char *)f.data + f.size <= exact + n);
	}
}
