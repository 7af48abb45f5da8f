/* What duet run was told. */
#ifndef TOOLS_RUN_OPTIONS_H
#define TOOLS_RUN_OPTIONS_H

#include "tools/args.h"

#include <duet/time.h>

enum run_format { FORMAT_BATCH, FORMAT_JSONL, FORMAT_TEXT };
enum run_progress { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_JSON, PROGRESS_NONE };
enum run_expect { EXPECT_NOTHING, EXPECT_JSON };

struct run_options {
	const char *input; /* "-" = standard input */
	/* what comes out */
	const char *output, *errors, *stats, *metrics, *report, *trace;
	int format, progress;
	bool unordered, timings, is_quiet, is_verbose, log_json;
	long window;
	/* what is asked */
	const char *model, *prompt, *system;
	struct arg_list body;
	bool is_text;
	long max_tokens, limit;
	/* whom */
	const char *base_url, *key_file, *mock, *proxy, *ca_file;
	bool insecure;
	/* how fast, how often, how long */
	const char *jobs;
	double rpm, tpm;
	long retries;
	duet_time max_retry_after, timeout, connect_timeout, stall, deadline, grace;
	double budget;
	const char *price;
	long max_errors;
	bool fail_fast, allow_failures;
	/* what becomes of a reply */
	const char *post, *post_exec;
	long workers, post_memory;
	long compact_from; /* size of a journal that is looked at */
	duet_time post_timeout;
	int expect;
	long reask;
	bool dedup;
	/* again */
	bool fresh, resume, retry_failed, dry_run;
};

extern const struct arg_set run_options_set;
extern const struct run_options run_options_default;

#endif
