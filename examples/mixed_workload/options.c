#include "options.h"

#include <duet/duet.h>
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEFAULT_ROWS = 2000, ROWS_LIMIT = 100000000 };

static const char help[] =
	"usage: mixed_workload [OPTION...]\n"
	"\n"
	"Sends N prompts to an LLM server, many at once, post-processes each reply on another\n"
	"core, and collects the results in input order.\n"
	"\n"
	"  -n N               how many prompts (2000; with --input: all of them)\n"
	"  --concurrency N    requests in flight at most (200)\n"
	"  --workers N        worker processes for the post-processing (2; 0: one for each core)\n"
	"  --mode heavy|light about 2 ms of post-processing for each reply, or 10 us (heavy)\n"
	"  --url URL          the server's .../v1/chat/completions (an embedded mock server)\n"
	"  --latency MS       how long the embedded server takes to answer (50)\n"
	"  --input FILE       prompts from FILE, one a line in JSON: {\"prompt\": \"...\"} or "
	"\"...\"\n"
	"                     (\"prompt number 0\", \"prompt number 1\", ...)\n"
	"  --output FILE      write a line of JSON for each row that was done or failed, in order\n"
	"  --trace FILE       write where the time went, for ui.perfetto.dev\n"
	"  --json             print one line of JSON instead of the summary\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 all rows done, 1 some rows failed, 2 wrong usage or input, 3 the server\n"
	"cannot be reached, 130 interrupted (what was done by then is kept).\n";

enum { CONCURRENCY = 256, WORKERS, MODE, URL, LATENCY, INPUT, OUTPUT, TRACE, JSON, HELP, VERSION };

static const struct option names[] = {
	{"concurrency", required_argument, NULL, CONCURRENCY},
	{"workers", required_argument, NULL, WORKERS},
	{"mode", required_argument, NULL, MODE},
	{"url", required_argument, NULL, URL},
	{"latency", required_argument, NULL, LATENCY},
	{"input", required_argument, NULL, INPUT},
	{"output", required_argument, NULL, OUTPUT},
	{"trace", required_argument, NULL, TRACE},
	{"json", no_argument, NULL, JSON},
	{"help", no_argument, NULL, HELP},
	{"version", no_argument, NULL, VERSION},
	{0},
};

static bool wrong(const char *option, const char *value, const char *expected)
{
	fprintf(stderr, "mixed_workload: %s wants %s, not '%s'\n", option, expected, value);
	return false;
}

static bool parse_count(const char *option, const char *text, size_t min, size_t max, size_t *out)
{
	char *end, expected[64];
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || v < min || v > max) {
		snprintf(expected, sizeof expected, "a number from %zu to %zu", min, max);
		return wrong(option, text, expected);
	}
	*out = (size_t)v;
	return true;
}

static bool parse_mode(const char *text, enum dk_mode *out)
{
	if (strcmp(text, "heavy") != 0 && strcmp(text, "light") != 0)
		return wrong("--mode", text, "heavy or light");
	*out = text[0] == 'h' ? DK_HEAVY : DK_LIGHT;
	return true;
}

static bool parse_latency(const char *text, duet_time *out)
{
	char *end;
	double ms = strtod(text, &end);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || !(ms <= 3600e3))
		return wrong("--latency", text, "milliseconds, from 0 to an hour");
	*out = (duet_time)(ms * 1e6);
	return true;
}

static bool parse_url(const char *text, const char **out)
{
	if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
		return wrong("--url", text, "http://... or https://...");
	*out = text;
	return true;
}

static bool parse_option(struct options *o, int name)
{
	switch (name) {
	case 'n':
		return parse_count("-n", optarg, 1, ROWS_LIMIT, &o->n);
	case CONCURRENCY:
		return parse_count("--concurrency", optarg, 1, 100000, &o->concurrency);
	case WORKERS:
		return parse_count("--workers", optarg, 0, DUET_POOL_MAX_WORKERS, &o->workers);
	case MODE:
		return parse_mode(optarg, &o->mode);
	case URL:
		return parse_url(optarg, &o->url);
	case LATENCY:
		return parse_latency(optarg, &o->latency);
	case INPUT:
		o->input = optarg;
		return true;
	case OUTPUT:
		o->output = optarg;
		return true;
	case TRACE:
		o->trace = optarg;
		return true;
	case JSON:
		o->json = true;
		return true;
	default: /* getopt_long has said what is wrong */
		return false;
	}
}

static enum options_next wrong_usage(void)
{
	fputs("Try 'mixed_workload --help'.\n", stderr);
	return OPTIONS_WRONG;
}

enum options_next options_parse(struct options *o, int argc, char *argv[])
{
	int name;

	*o = (struct options){
		.concurrency = 200, .workers = 2, .mode = DK_HEAVY, .latency = DUET_MS(50)};
	while ((name = getopt_long(argc, argv, "n:", names, NULL)) != -1) {
		if (name == HELP || name == VERSION) {
			fputs(name == HELP ? help : "mixed_workload " DUET_VERSION_STRING "\n",
			      stdout);
			return OPTIONS_EXIT;
		}
		if (!parse_option(o, name))
			return wrong_usage();
	}
	if (optind < argc) {
		fprintf(stderr, "mixed_workload: unexpected argument '%s'\n", argv[optind]);
		return wrong_usage();
	}
	if (o->n == 0 && o->input == NULL)
		o->n = DEFAULT_ROWS;
	return OPTIONS_RUN;
}
