/* Pure: command lines.  A table says what each option is and where its value goes; from it come the
 * parser, the environment (DUET_<OPTION>, which an option on the line overrides) and the help. */
#ifndef TOOLS_ARGS_H
#define TOOLS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum arg_kind {
	ARG_FLAG,     /* bool                                                       */
	ARG_TEXT,     /* const char *                                               */
	ARG_OPTIONAL, /* const char *: "" without =VALUE                            */
	ARG_CHOICE,   /* int: which of value's words, parted by '|'                 */
	ARG_COUNT,    /* long                                                       */
	ARG_REAL,     /* double                                                     */
	ARG_TIME,     /* duet_time                                                  */
	ARG_SIZE,     /* long, bytes                                                */
	ARG_LIST,     /* struct arg_list: may be given again                        */
};

enum { ARG_LIST_MAX = 32, ARG_WORDS_MAX = 4 };

struct arg_list {
	const char *items[ARG_LIST_MAX];
	size_t n;
};

struct arg {
	char letter; /* or 0                                                            */
	const char *name;
	const char *value; /* what the help calls it; NULL for flags                          */
	enum arg_kind kind;
	size_t offset;      /* of its field in the options                                     */
	const char *help;   /* NULL = not shown                                                */
	double least, most; /* of numbers and times (in seconds); both 0 = no bounds           */
};

/* Where a group of options begins in the help. */
struct arg_group {
	const char *first, *title;
};

struct arg_set {
	const char *command; /* "duet run"                                               */
	const char *usage;   /* "[OPTION...] [INPUT]"                                    */
	const char *summary;
	const struct arg *args;
	size_t n;
	size_t max_words; /* arguments that are no options                                */
	const char *footer;
	const struct arg_group *groups; /* ended by {0}; NULL = one group                   */
};

struct arg_result {
	bool help;
	const char *words[ARG_WORDS_MAX];
	size_t n;
	char error[256]; /* after a failure: one line without '\n'               */
};

/* Fills options (the caller's defaults stay where nothing is said); strings are lent by argv and
 * the environment.  -> 0, -EINVAL (see result->error) */
int args_parse(const struct arg_set *set, int argc, char **argv, void *options,
	       struct arg_result *result);

void args_print_help(const struct arg_set *set, FILE *to);

/* The usual beginning of a command: parses, and deals with --help and mistakes.
 * -> -1: go on; else the exit status */
int args_begin(const struct arg_set *set, int argc, char **argv, void *options,
	       struct arg_result *result);

/* The usual end of one that prints: what it printed has reached standard output, or it says why not.
 * -> status, or EXIT_OUTPUT */
int args_end_output(int status);

#endif
