#include "tools/args.h"

#include "tools/commands.h"
#include "tools/units.h"
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int refuse(struct arg_result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int refuse(struct arg_result *result, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(result->error, sizeof result->error, format, list);
	va_end(list);
	return -EINVAL;
}

/* --- values --- */

static int pick(const char *choices, const char *text)
{
	size_t len = strlen(text);

	for (int i = 0;; i++) {
		size_t n = strcspn(choices, "|");

		if (n == len && strncmp(choices, text, n) == 0)
			return i;
		if (choices[n] == '\0')
			return -1;
		choices += n + 1;
	}
}

static bool is_within(const struct arg *arg, double value)
{
	return (arg->least == 0 && arg->most == 0) || (value >= arg->least && value <= arg->most);
}

static bool store_number(const struct arg *arg, const char *text, void *field)
{
	duet_time time;
	double real;
	long count;

	switch (arg->kind) {
	case ARG_COUNT:
		if (!units_count(text, &count) || !is_within(arg, (double)count))
			return false;
		*(long *)field = count;
		return true;
	case ARG_SIZE:
		if (!units_size(text, &count) || !is_within(arg, (double)count))
			return false;
		*(long *)field = count;
		return true;
	case ARG_REAL:
		if (!units_real(text, &real) || !is_within(arg, real))
			return false;
		*(double *)field = real;
		return true;
	default:
		if (!units_time(text, &time) || !is_within(arg, (double)time / 1e9))
			return false;
		*(duet_time *)field = time;
		return true;
	}
}

static bool store_flag(const char *text, void *field)
{
	static const char *const words[] = {"0|no|false|off|", "1|yes|true|on"};

	for (int value = 0; value < 2; value++) {
		if (pick(words[value], text) >= 0) {
			*(bool *)field = value;
			return true;
		}
	}
	return false;
}

static bool store_item(const char *text, struct arg_list *list)
{
	if (list->n == ARG_LIST_MAX)
		return false;
	list->items[list->n++] = text;
	return true;
}

static bool store(const struct arg *arg, const char *text, void *options)
{
	void *field = (char *)options + arg->offset;
	int choice;

	switch (arg->kind) {
	case ARG_FLAG:
		return store_flag(text, field);
	case ARG_TEXT:
	case ARG_OPTIONAL:
		*(const char **)field = text;
		return true;
	case ARG_CHOICE:
		choice = pick(arg->value, text);
		if (choice >= 0)
			*(int *)field = choice;
		return choice >= 0;
	case ARG_LIST:
		return store_item(text, field);
	default:
		return store_number(arg, text, field);
	}
}

static const char *wants(const struct arg *arg)
{
	switch (arg->kind) {
	case ARG_CHOICE:
		return arg->value;
	case ARG_TIME:
		return "a time such as 500ms, 10s or 5m";
	case ARG_SIZE:
		return "a size such as 64M";
	case ARG_FLAG:
		return "1 or 0";
	case ARG_LIST:
		return "fewer values";
	default:
		return "a number";
	}
}

static int set_value(const struct arg *arg, const char *name, const char *text, void *options,
		     struct arg_result *result)
{
	if (store(arg, text, options))
		return 0;
	if (arg->least != 0 || arg->most != 0)
		return refuse(result, "%s wants %s from %.15g to %.15g, not '%s'", name, wants(arg),
			      arg->least, arg->most, text);
	return refuse(result, "%s wants %s, not '%s'", name, wants(arg), text);
}

/* --- the environment --- */

static int take_environment(const struct arg_set *set, void *options, struct arg_result *result)
{
	for (size_t i = 0; i < set->n; i++) {
		char name[64] = "DUET_";
		size_t n = 5;

		for (const char *p = set->args[i].name; *p != '\0' && n + 1 < sizeof name; p++)
			name[n++] = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
		name[n] = '\0';
		const char *value = getenv(name);
		if (value == NULL || *value == '\0')
			continue;
		int r = set_value(&set->args[i], name, value, options, result);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the line --- */

static const struct arg *find_letter(const struct arg_set *set, char letter)
{
	for (size_t i = 0; i < set->n; i++)
		if (letter != 0 && set->args[i].letter == letter)
			return &set->args[i];
	return NULL;
}

static const struct arg *find_name(const struct arg_set *set, const char *name, size_t len)
{
	for (size_t i = 0; i < set->n; i++)
		if (strlen(set->args[i].name) == len && strncmp(set->args[i].name, name, len) == 0)
			return &set->args[i];
	return NULL;
}

/* How many letters differ, counted roughly: enough to guess what was meant. */
static size_t distance(const char *a, size_t n, const char *b)
{
	size_t row[65], m = strlen(b);

	if (n > 64 || m > 64)
		return 99;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = corner + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			corner = row[j];
			row[j] = best;
		}
	}
	return row[m];
}

static int refuse_unknown(const struct arg_set *set, const char *word, struct arg_result *result)
{
	size_t len = strcspn(word, "="), best = 3;
	const char *guess = NULL;

	for (size_t i = 0; i < set->n && strncmp(word, "--", 2) == 0; i++) {
		size_t d = distance(word + 2, len - 2, set->args[i].name);

		if (d < best) {
			best = d;
			guess = set->args[i].name;
		}
	}
	if (guess != NULL)
		return refuse(result, "unknown option '%.*s': did you mean --%s?",
			      (int)(len < 60 ? len : 60), word, guess);
	return refuse(result, "unknown option '%.*s'", (int)(len < 60 ? len : 60), word);
}

struct cursor {
	int argc, at;
	char **argv;
};

static int take_long(const struct arg_set *set, struct cursor *c, void *options,
		     struct arg_result *result)
{
	char *word = c->argv[c->at++], shown[80];
	size_t len = strcspn(word + 2, "=");
	const char *value = word[2 + len] == '=' ? word + 2 + len + 1 : NULL;
	const struct arg *arg = find_name(set, word + 2, len);

	if (arg == NULL)
		return refuse_unknown(set, word, result);
	snprintf(shown, sizeof shown, "--%s", arg->name);
	if (arg->kind == ARG_FLAG && value != NULL)
		return refuse(result, "%s takes no value", shown);
	if (arg->kind == ARG_FLAG)
		value = "1";
	else if (arg->kind == ARG_OPTIONAL && value == NULL)
		value = "";
	else if (value == NULL && c->at < c->argc)
		value = c->argv[c->at++];
	if (value == NULL)
		return refuse(result, "%s wants a value", shown);
	return set_value(arg, shown, value, options, result);
}

/* -v, -j8, -j 8, -qv */
static int take_letters(const struct arg_set *set, struct cursor *c, void *options,
			struct arg_result *result)
{
	char *word = c->argv[c->at++];
	int r;

	for (const char *p = word + 1; *p != '\0'; p++) {
		char shown[] = {'-', *p, '\0'};
		const struct arg *arg = find_letter(set, *p);

		if (arg == NULL)
			return refuse(result, "unknown option '%s'", shown);
		if (arg->kind == ARG_FLAG) {
			if ((r = set_value(arg, shown, "1", options, result)) < 0)
				return r;
			continue;
		}
		if (p[1] != '\0')
			return set_value(arg, shown, p + 1, options, result);
		if (c->at == c->argc)
			return refuse(result, "%s wants a value", shown);
		return set_value(arg, shown, c->argv[c->at++], options, result);
	}
	return 0;
}

static int take_word(const struct arg_set *set, const char *word, struct arg_result *result)
{
	if (result->n == set->max_words || result->n == ARG_WORDS_MAX)
		return refuse(result, "unexpected argument '%.60s'", word);
	result->words[result->n++] = word;
	return 0;
}

int args_parse(const struct arg_set *set, int argc, char **argv, void *options,
	       struct arg_result *result)
{
	struct cursor c = {argc, 1, argv};
	bool only_words = false;
	int r;

	*result = (struct arg_result){0};
	if ((r = take_environment(set, options, result)) < 0)
		return r;
	while (r == 0 && c.at < argc && !result->help) {
		char *word = argv[c.at];

		if (only_words || word[0] != '-' || word[1] == '\0') {
			r = take_word(set, word, result);
			c.at++;
		} else if (strcmp(word, "--") == 0) {
			only_words = true;
			c.at++;
		} else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			result->help = true;
		} else if (word[1] == '-') {
			r = take_long(set, &c, options, result);
		} else {
			r = take_letters(set, &c, options, result);
		}
	}
	return r;
}

/* --- help --- */

static void print_arg(const struct arg *arg, FILE *to)
{
	const char *value = arg->value != NULL ? arg->value : "";
	const char *gap = arg->kind == ARG_OPTIONAL ? "[=" : *value != '\0' ? " " : "";
	char left[80], letter[8] = "    ";

	if (arg->letter != 0)
		snprintf(letter, sizeof letter, "-%c, ", arg->letter);
	snprintf(left, sizeof left, "%s--%s%s%s%s", letter, arg->name, gap, value,
		 arg->kind == ARG_OPTIONAL ? "]" : "");
	if (strlen(left) > 28)
		fprintf(to, "  %s\n  %28s %s\n", left, "", arg->help);
	else
		fprintf(to, "  %-28s %s\n", left, arg->help);
}

static void print_title(const struct arg_set *set, const struct arg *arg, FILE *to)
{
	for (const struct arg_group *g = set->groups; g != NULL && g->first != NULL; g++)
		if (strcmp(g->first, arg->name) == 0)
			fprintf(to, "\n%s:\n", g->title);
}

void args_print_help(const struct arg_set *set, FILE *to)
{
	fprintf(to, "Usage: %s %s\n\n%s\n%s", set->command, set->usage, set->summary,
		set->groups == NULL ? "\nOptions:\n" : "");
	for (size_t i = 0; i < set->n; i++) {
		print_title(set, &set->args[i], to);
		if (set->args[i].help != NULL)
			print_arg(&set->args[i], to);
	}
	if (set->groups != NULL)
		fputc('\n', to);
	fprintf(to, "  %-28s %s\n", "-h, --help", "show this and exit");
	if (set->footer != NULL)
		fprintf(to, "\n%s\n", set->footer);
}

int args_begin(const struct arg_set *set, int argc, char **argv, void *options,
	       struct arg_result *result)
{
	if (args_parse(set, argc, argv, options, result) < 0) {
		fprintf(stderr, "%s: %s (see %s --help)\n", set->command, result->error,
			set->command);
		return EXIT_USAGE;
	}
	if (!result->help)
		return -1;
	args_print_help(set, stdout);
	return args_end_output(EXIT_DONE);
}

int args_end_output(int status)
{
	bool was_short = ferror(stdout) != 0; /* then errno is of something else by now */

	if (fflush(stdout) == 0 && !was_short)
		return status;
	fprintf(stderr, "duet: cannot write standard output%s%s\n", was_short ? "" : ": ",
		was_short ? "" : strerror(errno));
	return EXIT_OUTPUT;
}
