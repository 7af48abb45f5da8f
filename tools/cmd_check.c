/* duet check INPUT: says what duet run would make of a file, without sending anything. */
#include "tools/args.h"
#include "tools/commands.h"
#include "tools/input/input.h"
#include "tools/input/template.h"
#include "tools/text.h"
#include "tools/units.h"

#include <duet/error.h>
#include <stdlib.h>

struct check_options {
	struct row_rules rules;
	bool is_text, is_quiet;
	long limit;
};

struct check_counts {
	uint64_t rows, bad, by_path[5];
	double bytes;
};

enum { SHOWN_PROBLEMS = 20 };

static const struct arg args[] = {
	{'m', "model", "MODEL", ARG_TEXT, offsetof(struct check_options, rules.model),
	 "model of rows that name none", 0, 0},
	{0, "prompt", "TEMPLATE", ARG_TEXT, offsetof(struct check_options, rules.template),
	 "prompt made of a row's fields: 'Summarise: {text}'", 0, 0},
	{0, "text", NULL, ARG_FLAG, offsetof(struct check_options, is_text),
	 "each line of the input is a text, not JSON", 0, 0},
	{0, "limit", "N", ARG_COUNT, offsetof(struct check_options, limit),
	 "look at the first N rows only", 0, 1e12},
	{'q', "quiet", NULL, ARG_FLAG, offsetof(struct check_options, is_quiet),
	 "say nothing, only end with the status", 0, 0},
};

static const struct arg_set set = {
	.command = "duet check",
	.usage = "[OPTION...] INPUT",
	.summary = "Looks for mistakes in an input file: lines that are no rows, a custom_id that "
		   "stands\ntwice.  Sends nothing.  Ends with 0 if there are none, else with 2.",
	.args = args,
	.n = sizeof args / sizeof *args,
	.max_words = 1,
};

static void show_problem(const char *name, const struct row *row, uint64_t nth)
{
	struct text shown = {0};

	if (nth == SHOWN_PROBLEMS)
		printf("...\n");
	if (nth >= SHOWN_PROBLEMS)
		return;
	text_show(&shown, row->problem, strlen(row->problem), 300);
	printf("%s:%zu: %s\n", name, row->line, shown.data);
	text_free(&shown);
}

static int look(const struct check_options *o, struct input *in, struct check_counts *counts)
{
	struct row *row;
	int r;

	while ((o->limit == 0 || counts->rows < (uint64_t)o->limit) &&
	       (r = input_next(in, &o->rules, &row)) != 0) {
		if (r < 0)
			return r;
		counts->rows++;
		counts->bytes += (double)row->body_len;
		if (row->problem != NULL && !o->is_quiet)
			show_problem(in->name, row, counts->bad);
		counts->bad += row->problem != NULL;
		row_free(row);
	}
	return 0;
}

static void print_counts(const struct check_counts *counts)
{
	char tokens[32];

	printf("%llu rows, %llu of them wrong; about %s prompt tokens\n",
	       (unsigned long long)counts->rows, (unsigned long long)counts->bad,
	       units_say_count(tokens, counts->bytes / 4));
}

static int check(const struct check_options *o, struct input *in)
{
	struct check_counts counts = {0};
	struct input_scan scan = {0};
	struct text shown = {0};
	int r = in->is_regular ? input_scan(in, &o->rules, (uint64_t)o->limit, &scan) : 0;

	if (r == 0)
		r = look(o, in, &counts);
	if (r < 0) {
		fprintf(stderr, "duet check: %s: %s\n", in->name, duet_strerror(r));
		return EXIT_USAGE;
	}
	if (scan.id != NULL && !o->is_quiet) {
		text_show(&shown, scan.id, strlen(scan.id), 200);
		printf("%s:%zu: the custom_id \"%s\" stands on line %zu already\n", in->name,
		       scan.second, shown.data, scan.first);
		text_free(&shown);
	}
	counts.bad += scan.id != NULL;
	free(scan.id);
	if (!o->is_quiet)
		print_counts(&counts);
	return counts.bad > 0 ? EXIT_USAGE : EXIT_DONE;
}

int cmd_check(int argc, char **argv)
{
	struct check_options o = {.rules.model = "(any)"};
	struct arg_result words;
	const char *why = NULL;
	struct input in;
	int r = args_begin(&set, argc, argv, &o, &words);

	if (r >= 0)
		return r;
	if (words.n == 0)
		return fputs("duet check: which file? (see duet check --help)\n", stderr),
		       EXIT_USAGE;
	if (o.rules.template != NULL && (why = template_check(o.rules.template)) != NULL) {
		fprintf(stderr, "duet check: --prompt holds %s\n", why);
		return EXIT_USAGE;
	}
	o.rules.is_text = o.is_text;
	r = input_open(&in, words.words[0]);
	if (r < 0) {
		fprintf(stderr, "duet check: %s: %s\n", words.words[0], duet_strerror(r));
		return EXIT_USAGE;
	}
	r = check(&o, &in);
	input_close(&in);
	return args_end_output(r);
}
