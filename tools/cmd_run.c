/* duet run: sets up what run/engine.c drives.  The order matters: the pool forks, so it comes before
 * the key is read and before anything starts a thread. */
#include "tools/args.h"
#include "tools/commands.h"
#include "tools/input/template.h"
#include "tools/run/engine.h"
#include "tools/run/report.h"
#include "tools/run/summary.h"
#include "tools/units.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AUTO_JOBS = 256, KEY_MOST = 4096 };

static int refuse(const char *format, ...) DUET_PRINTF(1, 2);
static int refuse(const char *format, ...)
{
	va_list list;

	fputs("duet run: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

/* --- options that mean more than their value --- */

static int check_jobs(struct engine *e)
{
	long jobs = 0;

	if (strcmp(e->o->jobs, "auto") != 0 &&
	    (!units_count(e->o->jobs, &jobs) || jobs < 1 || jobs > 100000))
		return refuse("-j wants a number or auto, not '%s'", e->o->jobs);
	e->jobs = (size_t)jobs;
	return 0;
}

static int check_price(struct engine *e)
{
	const char *price = e->o->price;
	char in[32];
	size_t n = price != NULL ? strcspn(price, ",") : 0;

	if (e->o->budget > 0 && price == NULL)
		return refuse("--budget wants --price IN,OUT");
	if (price == NULL)
		return 0;
	snprintf(in, sizeof in, "%.*s", n < 31 ? (int)n : 31, price);
	if (price[n] != ',' || !units_real(in, &e->meter.price_in) ||
	    !units_real(price + n + 1, &e->meter.price_out))
		return refuse(
			"--price wants dollars for a million tokens in and out, such as 2.5,10");
	return 0;
}

static int check_bodies(struct engine *e)
{
	const struct run_options *o = e->o;
	const char *why;

	if (o->prompt != NULL && (why = template_check(o->prompt)) != NULL)
		return refuse("--prompt holds %s", why);
	if (o->prompt != NULL && !text_is_utf8(DUET_STR(o->prompt)))
		return refuse("--prompt is not UTF-8");
	for (size_t i = 0; i < o->body.n; i++)
		if (row_check_member(o->body.items[i]) < 0)
			return refuse("--body wants NAME=VALUE, not '%s'", o->body.items[i]);
	e->rules = (struct row_rules){
		.model = o->model != NULL  ? o->model
			 : o->mock != NULL ? "mock-1"
					   : NULL,
		.system = o->system,
		.template = o->prompt,
		.members = o->body.items,
		.member_count = o->body.n,
		.max_tokens = o->max_tokens,
		.is_text = o->is_text,
	};
	return 0;
}

static int check_mock(struct engine *e)
{
	const char *wrong = e->o->mock != NULL ? mock_spec_parse(&e->mock, e->o->mock) : NULL;

	return wrong != NULL ? refuse("--mock cannot be understood from '%s' on", wrong) : 0;
}

static int check_options(struct engine *e)
{
	const char *why;
	int r;

	if ((r = check_jobs(e)) != 0 || (r = check_price(e)) != 0 || (r = check_bodies(e)) != 0 ||
	    (r = check_mock(e)) != 0)
		return r;
	why = post_choose(&e->post, e->o->post, e->o->post_exec);
	if (why != NULL)
		return refuse("%s", why);
	if (e->o->fresh && (e->o->resume || e->o->retry_failed))
		return refuse("--fresh excludes --resume and --retry-failed");
	return 0;
}

/* --- the endpoint --- */

static const char *or_env(const char *value, const char *name)
{
	const char *found = value != NULL ? value : getenv(name);

	return found != NULL && *found != '\0' ? found : NULL;
}

static int read_key(const char *path, char key[KEY_MOST])
{
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0) {
		refuse("--key-file %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return EXIT_USAGE;
	}
	if (S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
		close(fd);
		return refuse("--key-file %s: others may read it: chmod 600 it first", path);
	}
	n = read(fd, key, KEY_MOST - 1);
	close(fd);
	if (n <= 0)
		return refuse("--key-file %s: it is empty", path);
	key[n] = '\0';
	key[strcspn(key, "\r\n")] = '\0';
	return 0;
}

/* The environment forgets the key, too: it stays readable in /proc as long as it is there. */
static int take_key(struct engine *e, char key[KEY_MOST])
{
	char *from_env = getenv("OPENAI_API_KEY");

	if (e->o->mock != NULL)
		return 0;
	e->key = "";
	if (e->o->key_file != NULL) {
		int r = read_key(e->o->key_file, key);
		if (r != 0)
			return r;
		e->key = key;
	} else if (from_env != NULL && *from_env != '\0') {
		if (strlen(from_env) >= KEY_MOST)
			return refuse("OPENAI_API_KEY is too long to be a key");
		strcpy(key, from_env);
		e->key = key;
	}
	if (from_env != NULL) {
		explicit_bzero(from_env, strlen(from_env));
		unsetenv("OPENAI_API_KEY");
	}
	return 0;
}

static int check_endpoint(struct run_options *o)
{
	if (o->mock != NULL || o->dry_run)
		return 0;
	o->base_url = or_env(o->base_url, "OPENAI_BASE_URL");
	if (o->base_url == NULL && o->key_file == NULL && or_env(NULL, "OPENAI_API_KEY") == NULL)
		return refuse("no endpoint: set OPENAI_API_KEY, OPENAI_BASE_URL or --mock");
	if (o->base_url == NULL)
		o->base_url = "https://api.openai.com/v1";
	o->ca_file = or_env(o->ca_file, "SSL_CERT_FILE");
	return 0;
}

/* --- the input --- */

/* Rows are alike: if the first names no model, all of them would fail for it. */
static int check_model(struct engine *e)
{
	struct row *row = NULL;
	int r = input_next(&e->input, &e->rules, &row);

	if (r > 0 && row->lacks_model)
		r = refuse("%s:%zu: %s", e->input.name, row->line, row->problem);
	else
		r = 0; /* what else is wrong is told later, of each row */
	row_free(row);
	return r;
}

static int scan(struct engine *e)
{
	struct input_scan scan;
	struct text shown = {0};
	int r;

	if (!e->input.is_regular)
		return 0;
	if (e->rules.model == NULL && (r = check_model(e)) != 0)
		return r;
	r = input_scan(&e->input, &e->rules, (uint64_t)e->o->limit, &scan);
	if (r < 0)
		return refuse("%s: %s", e->input.name, duet_strerror(r));
	e->meter.total = scan.rows;
	if (scan.id == NULL)
		return 0;
	text_show(&shown, scan.id, strlen(scan.id), 200);
	r = refuse("%s: the custom_id \"%s\" stands on lines %zu and %zu", e->input.name,
		   shown.data != NULL ? shown.data : "", scan.first, scan.second);
	text_free(&shown);
	free(scan.id);
	return r;
}

static int dry_run(struct engine *e)
{
	uint64_t rows = 0, bad = 0, most = e->o->limit > 0 ? (uint64_t)e->o->limit : UINT64_MAX;
	char words[32];
	double bytes = 0;
	struct row *row;
	int r;

	while (rows < most && (r = input_next(&e->input, &e->rules, &row)) > 0) {
		if (row->problem == NULL && bytes == 0)
			printf("POST %s\n%s\n", row->path, row->body);
		rows++;
		bad += row->problem != NULL;
		bytes += (double)row->body_len;
		row_free(row);
	}
	printf("%llu rows, %llu of them wrong; about %s prompt tokens", (unsigned long long)rows,
	       (unsigned long long)bad, units_say_count(words, bytes / 4));
	if (e->meter.price_in > 0)
		printf(", %.4f USD for the prompts", bytes / 4 * e->meter.price_in / 1e6);
	puts("; nothing was sent");
	return args_end_output(EXIT_DONE);
}

/* --- the run --- */

static int open_pool(struct engine *e)
{
	const struct run_options *o = e->o;
	int cores = duet_usable_cores();
	duet_pool_options options = {
		.workers = o->workers > 0 ? (int)o->workers
			   : cores > 1    ? cores - 1
					  : 1,
		.job_timeout = o->post_timeout,
		.memory_limit = (size_t)o->post_memory,
		.nice = 5,
	};

	if (e->post.kind == POST_NONE)
		return 0;
	if (post_register(&e->post, &options) == 0)
		e->pool = duet_pool_open(&options);
	if (e->pool == NULL) {
		refuse("cannot start the workers: %s", duet_errmsg());
		return EXIT_INTERNAL;
	}
	e->places += (size_t)options.workers * 8;
	return 0;
}

/* Descriptors for all requests at once, as far as the system allows. */
static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max < 65536 ? files.rlim_max : 65536;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ,
	       SIG_IGN); /* a file over its limit is an error of write, as a full disk is */
}

static void tell_earlier(struct engine *e)
{
	const struct files *f = &e->files;
	uint64_t done = f->resume.marked + f->resume.n;

	if (e->o->retry_failed && f->again == 0)
		console_note(&e->console, "no row of %s has failed", e->o->output);
	else if (e->o->retry_failed)
		console_note(&e->console, "asking %lld failed rows again", (long long)f->again);
	else if (done > 0)
		console_note(&e->console, "going on with %s: %llu rows are done", e->o->output,
			     (unsigned long long)done);
}

/* Rows cost money: whether the files beside the output can be written is found out before the first
 * is asked.  A pipe is let be, as its reader may come later. */
static int probe_side(const char *option, const char *path)
{
	int fd = path != NULL
			 ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644)
			 : -1;

	if (fd >= 0)
		close(fd);
	else if (path != NULL && errno != ENXIO) {
		refuse("%s %s: %s", option, path, strerror(errno));
		return EXIT_OUTPUT;
	}
	return 0;
}

static int open_sides(struct engine *e)
{
	const struct run_options *o = e->o;
	int r = 0;

	if ((r = probe_side("--stats", o->stats)) != 0 ||
	    (r = probe_side("--metrics", o->metrics)) != 0 ||
	    (r = probe_side("--report", o->report)) != 0)
		return r;
	r = record_open(&e->record, o->trace, o->report != NULL);
	if (r == 0)
		return 0;
	refuse("--trace %s: %s", o->trace, strerror(-r));
	return EXIT_OUTPUT;
}

/* A file beside the output: the run is as it is, but who asked for the file must hear of it.
 * -> exit status */
static int check_side(struct engine *e, int status, const char *option, const char *path, int r)
{
	if (r >= 0)
		return status;
	console_error(&e->console, "%s %s: %s", option, path, strerror(-r));
	return status == EXIT_DONE || status == EXIT_ROWS ? EXIT_OUTPUT : status;
}

static int write_sides(struct engine *e, const struct summary *s)
{
	const struct run_options *o = e->o;
	int status = s->status;

	if (o->stats != NULL)
		status =
			check_side(e, status, "--stats", o->stats, summary_write_json(s, o->stats));
	if (o->metrics != NULL)
		status = check_side(e, status, "--metrics", o->metrics,
				    summary_write_metrics(s, o->metrics));
	if (o->report != NULL)
		status = check_side(e, status, "--report", o->report,
				    report_write(&e->record, s, o->report));
	return check_side(e, status, "--trace", o->trace, record_close(&e->record));
}

/* -> exit status */
static int tell_end(struct engine *e, int status)
{
	const struct run_options *o = e->o;
	int cores = duet_usable_cores();
	struct summary s = {
		.meter = &e->meter,
		.llm = e->llm_stats,
		.pool = e->pool_stats,
		.has_pool = e->post.kind != POST_NONE,
		.workers = o->workers > 0 ? (int)o->workers
			   : cores > 1    ? cores - 1
					  : 1,
		.status = status,
		.words = e->why,
	};
	bool may_resume = e->files.has_journal && status != EXIT_ROWS && status != EXIT_USAGE;

	if (e->why[0] != '\0' && status != EXIT_CLOSED_PIPE)
		console_error(&e->console, "%s%s", e->why,
			      may_resume ? " (the same command goes on from here)" : "");
	if (!o->is_quiet && !o->log_json && status != EXIT_CLOSED_PIPE)
		summary_print(&s, stderr);
	return write_sides(e, &s);
}

static int run_engine(struct engine *e)
{
	char key[KEY_MOST] = "";
	int r;

	raise_limits();
	r = files_open(&e->files, e->o, e->input.fd);

	if (r != 0) {
		refuse("%s", e->files.why);
		files_close(&e->files);
		return r;
	}
	if ((r = open_pool(e)) != 0 || (r = take_key(e, key)) != 0 || (r = open_sides(e)) != 0) {
		explicit_bzero(key, sizeof key);
		duet_pool_close(e->pool);
		files_close(&e->files);
		return r;
	}
	console_init(&e->console, e->o);
	tell_earlier(e);
	duet_run_options options = {
		.trace = e->o->trace != NULL || e->o->report != NULL ? record_hear : NULL,
		.trace_context = &e->record};
	r = duet_run_with(&options, engine_run, e);
	explicit_bzero(key, sizeof key);
	duet_pool_close(e->pool);
	if (r < 0) {
		refuse("%s", duet_strerror(r));
		r = EXIT_INTERNAL;
	} else {
		r = tell_end(e, r);
	}
	files_close(&e->files);
	return r;
}

static int run_with_input(struct engine *e)
{
	int r = input_open(&e->input, e->o->input);

	if (r < 0)
		return refuse("%s: %s", e->input.name, duet_strerror(r));
	r = e->o->dry_run ? dry_run(e) : scan(e);
	if (r == 0 && !e->o->dry_run)
		r = run_engine(e);
	input_close(&e->input);
	return r;
}

int cmd_run(int argc, char **argv)
{
	struct run_options o = run_options_default;
	struct engine e = {.o = &o};
	struct arg_result words;
	int r = args_begin(&run_options_set, argc, argv, &o, &words);

	if (r >= 0)
		return r;
	o.input = words.n > 0 ? words.words[0] : "-";
	if (words.n == 0 && isatty(STDIN_FILENO))
		return refuse("which input? (see duet run --help)");
	if ((r = check_options(&e)) == 0 && (r = check_endpoint(&o)) == 0) {
		e.places = (e.jobs > 0 ? e.jobs : AUTO_JOBS) + 16;
		r = run_with_input(&e);
	}
	post_fini(&e.post);
	return r;
}
