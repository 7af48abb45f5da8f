#include "tools/run/options.h"

#define AT(field) offsetof(struct run_options, field)

static const struct arg args[] = {
	{'o', "output", "FILE", ARG_TEXT, AT(output), "results (- or nothing = standard output)", 0,
	 0},
	{0, "errors", "FILE", ARG_TEXT, AT(errors), "failed rows, once more", 0, 0},
	{0, "format", "batch|jsonl|text", ARG_CHOICE, AT(format),
	 "batch = OpenAI's output lines (default); jsonl = id, code, text", 0, 0},
	{0, "unordered", NULL, ARG_FLAG, AT(unordered), "write rows as they end", 0, 0},
	{0, "window", "N", ARG_COUNT, AT(window),
	 "how far to read ahead of the oldest unfinished row (10000)", 1, 1e7},
	{0, "timings", NULL, ARG_FLAG, AT(timings),
	 "attempts and times in each row; they differ from run to run", 0, 0},

	{'m', "model", "MODEL", ARG_TEXT, AT(model), "model of rows that name none", 0, 0},
	{0, "prompt", "TEMPLATE", ARG_TEXT, AT(prompt),
	 "prompt made of a row's fields: 'Summarise: {text}'", 0, 0},
	{0, "system", "TEXT", ARG_TEXT, AT(system), "system message of prompts", 0, 0},
	{0, "body", "NAME=VALUE", ARG_LIST, AT(body),
	 "further member of the request, JSON or words (again for more)", 0, 0},
	{0, "max-tokens", "N", ARG_COUNT, AT(max_tokens), "longest reply", 1, 1e9},
	{0, "text", NULL, ARG_FLAG, AT(is_text), "each line of the input is a text, not JSON", 0,
	 0},
	{0, "limit", "N", ARG_COUNT, AT(limit), "the first N rows only", 1, 1e12},

	{0, "base-url", "URL", ARG_TEXT, AT(base_url), "endpoint, up to /v1 (or OPENAI_BASE_URL)",
	 0, 0},
	{0, "key-file", "FILE", ARG_TEXT, AT(key_file),
	 "file with the key, readable by you alone (or OPENAI_API_KEY)", 0, 0},
	{0, "mock", "SPEC", ARG_OPTIONAL, AT(mock),
	 "ask a mock server instead: latency=200ms,fail=429:0.05", 0, 0},
	{0, "proxy", "URL", ARG_TEXT, AT(proxy), "proxy (or HTTPS_PROXY)", 0, 0},
	{0, "ca-file", "FILE", ARG_TEXT, AT(ca_file), "certificates to trust (or SSL_CERT_FILE)", 0,
	 0},
	{0, "insecure", NULL, ARG_FLAG, AT(insecure), "DANGER: trust any certificate", 0, 0},

	{'j', "jobs", "N|auto", ARG_TEXT, AT(jobs), "requests at once (auto: found out, up to 256)",
	 0, 0},
	{0, "rpm", "N", ARG_REAL, AT(rpm), "requests a minute (found out from the server)", 0, 1e9},
	{0, "tpm", "N", ARG_REAL, AT(tpm), "tokens a minute (found out from the server)", 0, 1e12},
	{0, "retries", "N", ARG_COUNT, AT(retries), "attempts after the first (5)", 0, 1000},
	{0, "max-retry-after", "T", ARG_TIME, AT(max_retry_after),
	 "longest pause to grant the server (10m)", 0.001, 86400 * 30},
	{0, "timeout", "T", ARG_TIME, AT(timeout), "of one attempt (10m)", 0.001, 86400},
	{0, "connect-timeout", "T", ARG_TIME, AT(connect_timeout), "of connecting (5s)", 0.001,
	 86400},
	{0, "stall", "T", ARG_TIME, AT(stall), "of silence within an answer that has begun (60s)",
	 0.001, 86400},
	{0, "deadline", "T", ARG_TIME, AT(deadline), "stop after so long, resumable", 0.001,
	 86400 * 365},
	{0, "budget", "USD", ARG_REAL, AT(budget), "stop after so much, resumable; wants --price",
	 0, 0},
	{0, "price", "IN,OUT", ARG_TEXT, AT(price), "dollars for a million tokens", 0, 0},
	{0, "max-errors", "N", ARG_COUNT, AT(max_errors), "stop after N failed rows, resumable", 1,
	 1e12},
	{0, "fail-fast", NULL, ARG_FLAG, AT(fail_fast), "stop after the first failed row", 0, 0},
	{0, "allow-failures", NULL, ARG_FLAG, AT(allow_failures), "end with 0 if rows failed", 0,
	 0},
	{0, "grace", "T", ARG_TIME, AT(grace),
	 "wait so long for rows under way when interrupted (30s)", 0, 0},

	{0, "post", "NAME", ARG_TEXT, AT(post),
	 "run each reply through json, code-extract, tokens, simhash, busy=MS or ./lib.so:function",
	 0, 0},
	{0, "post-exec", "CMD", ARG_TEXT, AT(post_exec),
	 "or through a command, one for each worker: JSONL in, JSONL out", 0, 0},
	{'w', "workers", "N", ARG_COUNT, AT(workers), "worker processes (cores less one)", 1, 256},
	{0, "post-timeout", "T", ARG_TIME, AT(post_timeout), "of one reply (30s)", 0.001, 86400},
	{0, "post-mem", "SIZE", ARG_SIZE, AT(post_memory), "memory of a worker", 1 << 20, 1e15},
	{0, "expect", "nothing|json", ARG_CHOICE, AT(expect), "what a reply must be", 0, 0},
	{0, "dedup", NULL, ARG_FLAG, AT(dedup), "send equal requests once", 0, 0},
	{0, "reask", "N", ARG_COUNT, AT(reask), "ask again so often when it is not (0)", 0, 100},

	{0, "resume", NULL, ARG_FLAG, AT(resume),
	 "go on with an earlier run (the default if there is one)", 0, 0},
	{0, "fresh", NULL, ARG_FLAG, AT(fresh), "begin anew, whatever stands in the output", 0, 0},
	{0, "retry-failed", NULL, ARG_FLAG, AT(retry_failed),
	 "ask the failed rows of an earlier run again", 0, 0},
	{0, "dry-run", NULL, ARG_FLAG, AT(dry_run), "say what would be sent, and send nothing", 0,
	 0},

	{0, "progress", "auto|bar|json|none", ARG_CHOICE, AT(progress),
	 "on standard error; auto: bar on a terminal", 0, 0},
	{'q', "quiet", NULL, ARG_FLAG, AT(is_quiet), "say nothing but errors", 0, 0},
	{'v', "verbose", NULL, ARG_FLAG, AT(is_verbose), "name each failed row", 0, 0},
	{0, "log-json", NULL, ARG_FLAG, AT(log_json), "messages as JSON lines", 0, 0},
	{0, "stats", "FILE", ARG_TEXT, AT(stats), "the summary as JSON", 0, 0},
	{0, "report", "FILE.html", ARG_TEXT, AT(report), "a page that shows the run", 0, 0},
	{0, "trace", "FILE.json", ARG_TEXT, AT(trace),
	 "each row's times, for Perfetto or chrome://tracing", 0, 0},
	{0, "metrics", "FILE", ARG_TEXT, AT(metrics), "the summary as Prometheus text", 0, 0},
	{0, "compact-from", "SIZE", ARG_SIZE, AT(compact_from), NULL, 0, 0}, /* for the tests */
};

static const struct arg_group groups[] = {
	{"output", "Results"},          {"model", "Questions"},       {"base-url", "Endpoint"},
	{"jobs", "Speed and patience"}, {"deadline", "When to stop"}, {"post", "Replies"},
	{"resume", "Going on"},         {"progress", "What is told"}, {0},
};

const struct arg_set run_options_set = {
	.command = "duet run",
	.usage = "[OPTION...] [INPUT|-]",
	.summary =
		"Answers every row of a JSONL file, in its order.  A row is OpenAI's batch line, a "
		"request\nbody, or {\"prompt\": ...}.  Interrupted in any way, the same command "
		"goes "
		"on where it was.",
	.args = args,
	.n = sizeof args / sizeof *args,
	.max_words = 1,
	.groups = groups,
	.footer = "Each option can also be set as DUET_<OPTION> in the environment.\n\nEnds with 0 "
		  "(all "
		  "well), 1 (some rows failed), 2 (usage, input), 3 (endpoint unreachable),\n4 "
		  "(key or "
		  "quota refused), 5 (budget or deadline reached), 74 (output cannot be "
		  "written),\n130 or "
		  "143 (interrupted).  After 3, 4, 5, 74, 130 and 143 the same command goes on.",
};

const struct run_options run_options_default = {
	.window = 10000,
	.compact_from = 64L * 1024 * 1024,
	.jobs = "auto",
	.retries = 5,
	.max_retry_after = DUET_S(600),
	.timeout = DUET_S(600),
	.connect_timeout = DUET_S(5),
	.stall = DUET_S(60),
	.grace = DUET_S(30),
	.post_timeout = DUET_S(30),
};
