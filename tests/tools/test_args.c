#include "tests/lib/test.h"
#include "tools/args.h"
#include "tools/units.h"

#include <stdlib.h>
#include <string.h>

struct options {
	bool flag, other;
	const char *words, *maybe;
	int choice;
	long count, size;
	double real;
	duet_time time;
	struct arg_list list;
};

#define AT(field) offsetof(struct options, field)

static const struct arg table[] = {
	{'f', "flag", NULL, ARG_FLAG, AT(flag), "a flag", 0, 0},
	{'g', "other-flag", NULL, ARG_FLAG, AT(other), "another", 0, 0},
	{'w', "words", "WORDS", ARG_TEXT, AT(words), "words", 0, 0},
	{0, "maybe", "WORDS", ARG_OPTIONAL, AT(maybe), "words or none", 0, 0},
	{0, "choice", "one|two|three", ARG_CHOICE, AT(choice), "one of them", 0, 0},
	{'n', "count", "N", ARG_COUNT, AT(count), "a count", 1, 100},
	{0, "size", "SIZE", ARG_SIZE, AT(size), "a size", 0, 0},
	{0, "real", "X", ARG_REAL, AT(real), "a number", 0, 0},
	{'t', "time", "T", ARG_TIME, AT(time), "a time", 0, 3600},
	{'l', "list", "X", ARG_LIST, AT(list), "again and again", 0, 0},
};

static const struct arg_set set = {.command = "prog",
				   .usage = "[OPTION...]",
				   .summary = "Does it.",
				   .args = table,
				   .n = sizeof table / sizeof *table,
				   .max_words = 2,
				   .footer = "The end."};

static struct options options;
static struct arg_result result;

/* The words of a line, parted by blanks. */
static int parse(const char *line)
{
	static char copy[1024];
	char *argv[128] = {"prog"};
	int argc = 1;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
		argv[argc++] = word;
	options = (struct options){.count = 7};
	return args_parse(&set, argc, argv, &options, &result);
}

/* Each kind of option, long and short, with its value in each place. */
TEST(args_values_are_taken)
{
	CHECK_EQ(parse("-fg -w a --maybe --choice two -n5 --size=2K --real 2.5 -t 1m30s -lx -l y p "
		       "q"),
		 0);
	CHECK(options.flag && options.other);
	CHECK_STR(options.words, "a");
	CHECK_STR(options.maybe, "");
	CHECK_EQ(options.choice, 1);
	CHECK_EQ(options.count, 5);
	CHECK_EQ(options.size, 2048);
	CHECK(options.real == 2.5);
	CHECK_EQ(options.time, DUET_S(90));
	CHECK_EQ(options.list.n, 2);
	CHECK_STR(options.list.items[1], "y");
	CHECK_EQ(result.n, 2);
	CHECK_STR(result.words[1], "q");
	CHECK_EQ(parse("--maybe=x --words= -fw-"), 0);
	CHECK_STR(options.maybe, "x");
	CHECK_STR(options.words, "-");
	CHECK_EQ(options.count, 7);
	CHECK_EQ(parse("- -- -f"), 0);
	CHECK_STR(result.words[0], "-");
	CHECK_STR(result.words[1], "-f");
	CHECK(!options.flag);
	CHECK_EQ(parse("--help --nonsense"), 0);
	CHECK(result.help);
}

/* What is wrong is named, and what was probably meant. */
TEST(args_mistakes_are_named)
{
	static const char *const wrong[][2] = {
		{"--flga", "did you mean --flag?"},
		{"-x", "unknown option '-x'"},
		{"--zebra", "unknown option '--zebra'"},
		{"--flag=1", "takes no value"},
		{"--words", "--words wants a value"},
		{"-w", "-w wants a value"},
		{"-n 101", "-n wants a number from 1 to 100"},
		{"-n 0", "from 1 to 100"},
		{"-n 5x", "not '5x'"},
		{"-n -5", "not '-5'"},
		{"--real nan", "wants a number"},
		{"--real 1e5", "wants a number"},
		{"--time 5y", "a time such as"},
		{"--time 2h", "from 0 to 3600"},
		{"--size 5T", "a size such as"},
		{"--choice four", "one|two|three"},
		{"a b c", "unexpected argument 'c'"},
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		CHECK_EQ(parse(wrong[i][0]), -EINVAL);
		CHECK_HAS(result.error, wrong[i][1]);
	}
}

/* The environment comes first, the line has the last word. */
TEST(args_environment_is_overridden_by_the_line)
{
	setenv("DUET_COUNT", "9", 1);
	setenv("DUET_OTHER_FLAG", "yes", 1);
	setenv("DUET_WORDS", "", 1);
	CHECK_EQ(parse(""), 0);
	CHECK_EQ(options.count, 9);
	CHECK(options.other);
	CHECK(options.words == NULL);
	CHECK_EQ(parse("-n 3"), 0);
	CHECK_EQ(options.count, 3);
	setenv("DUET_COUNT", "many", 1);
	CHECK_EQ(parse(""), -EINVAL);
	CHECK_HAS(result.error, "DUET_COUNT wants a number");
}

/* A list that is too long is refused, not cut. */
TEST(args_list_has_an_end)
{
	char line[1024] = "";

	for (int i = 0; i < ARG_LIST_MAX; i++)
		strcat(line, "-l x ");
	CHECK_EQ(parse(line), 0);
	strcat(line, "-l x ");
	CHECK_EQ(parse(line), -EINVAL);
}

/* Times, sizes and counts as people write them. */
TEST(units_are_read_and_said)
{
	static const struct {
		const char *text;
		duet_time want; /* -1 = none */
	} times[] = {{"200ms", DUET_MS(200)},
		     {"1.5s", DUET_MS(1500)},
		     {"1h30m", DUET_S(5400)},
		     {"5", DUET_S(5)},
		     {"0.25", DUET_MS(250)},
		     {"2d", DUET_S(172800)},
		     {"100us", DUET_US(100)},
		     {"", -1},
		     {"s", -1},
		     {"5 s", -1},
		     {"1.s", -1},
		     {".5s", -1},
		     {"-1s", -1},
		     {"1m2", -1},
		     {"99999999d", -1},
		     {"1e3s", -1}};
	char words[32];
	duet_time t;
	long n;

	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		test_note("%s", times[i].text);
		t = -1;
		CHECK_EQ(units_time(times[i].text, &t), times[i].want >= 0);
		CHECK_EQ(t, times[i].want);
	}
	CHECK(units_size("1.5M", &n) && n == 1572864);
	CHECK(!units_size("9999999999999G", &n));
	CHECK(!units_count("99999999999999999999", &n));
	CHECK_STR(units_say_time(words, DUET_MS(1500)), "1.5 s");
	CHECK_STR(units_say_time(words, DUET_S(125)), "2 m 05 s");
	CHECK_STR(units_say_time(words, DUET_S(7260)), "2 h 01 m");
	CHECK_STR(units_say_time(words, DUET_US(999900)), "1 s");
	CHECK_STR(units_say_count(words, 12345), "12.3k");
	CHECK_STR(units_say_count(words, 999999), "1M");
}

/* The help shows every option once, under its usage. */
TEST(args_help_shows_every_option)
{
	char *help = NULL;
	size_t len;
	FILE *to = open_memstream(&help, &len);

	CHECK(to != NULL);
	args_print_help(&set, to);
	fclose(to);
	for (size_t i = 0; i < set.n; i++)
		CHECK_HAS(help, table[i].name);
	CHECK_HAS(help, "  -n, --count N");
	CHECK_HAS(help, "--maybe[=WORDS]");
	CHECK_HAS(help, "The end.");
	free(help);
}
