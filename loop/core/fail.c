#include "loop/core/fail.h"

#include "loop/core/loop_impl.h"
#include "loop/core/words.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local int thread_error;
static _Thread_local struct duet__words thread_words;

static const struct {
	int code;
	const char *name;
	const char *words;
} own[] = {
#define OWN(name, number, words) {number, #name, words},
	DUET_ERRORS(OWN)
#undef OWN
};

enum { OWN_COUNT = sizeof(own) / sizeof(own[0]) };

const char *duet_strerror(int code)
{
	const char *words;

	if (code >= 0)
		return "success";
	for (size_t i = 0; i < OWN_COUNT; i++)
		if (own[i].code == code)
			return own[i].words;
	if (code < -4000)
		return "unknown error";
	words = strerrordesc_np(-code);
	return words != NULL ? words : "unknown error";
}

const char *duet_err_name(int code)
{
	const char *name;

	if (code >= 0)
		return "OK";
	for (size_t i = 0; i < OWN_COUNT; i++)
		if (own[i].code == code)
			return own[i].name;
	if (code < -4000)
		return "EUNKNOWN";
	name = strerrorname_np(-code);
	return name != NULL ? name : "EUNKNOWN";
}

static struct duet__words *words_to_write(void)
{
	duet_task *self = duet__current;

	if (self == NULL)
		return &thread_words;
	if (self->words == NULL)
		self->words = malloc(sizeof(*self->words));
	return self->words;
}

static void set_error(int code)
{
	duet_task *self = duet__current;

	if (self == NULL) {
		thread_error = code;
		thread_words.code = 0;
		return;
	}
	self->last_error = code;
	if (self->words != NULL)
		self->words->code = 0;
}

int duet__fail(int code)
{
	set_error(code);
	return code;
}

/* Words often quote what a stranger sent; they must not steer a terminal. */
static void disarm(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++)
		if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f)
			*c = '?';
}

static void set_words(int code, const char *format, va_list arguments) DUET_PRINTF(2, 0);

static void set_words(int code, const char *format, va_list arguments)
{
	struct duet__words *words;
	char text[DUET__WORDS_MOST];

	/* The new words may quote the old ones. */
	vsnprintf(text, sizeof(text), format, arguments);
	disarm(text);
	set_error(code);
	words = words_to_write();
	if (words == NULL)
		return;
	memcpy(words->text, text, sizeof(text));
	words->code = code;
}

int duet__failf(int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	set_words(code, format, arguments);
	va_end(arguments);
	return code;
}

static int errno_of(int code)
{
	switch (code) {
	case DUET_ECLOSED:
		return EPIPE;
	case DUET_ENOTASK:
	case DUET_EFORKED:
		return EINVAL;
	default:
		return code > -4000 ? -code : EIO;
	}
}

void *duet__null(int code)
{
	errno = errno_of(code);
	return NULL;
}

void *duet__fail_null(int code)
{
	duet__fail(code);
	return duet__null(code);
}

void *duet__failf_null(int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	set_words(code, format, arguments);
	va_end(arguments);
	return duet__null(code);
}

int duet__last_error(void)
{
	return duet__current != NULL ? duet__current->last_error : thread_error;
}

const char *duet_errmsg(void)
{
	duet_task *self = duet__current;
	int code = duet__last_error();
	const struct duet__words *words = self != NULL ? self->words : &thread_words;

	if (code == 0)
		return "no error";
	return words != NULL && words->code == code ? words->text : duet_strerror(code);
}

void duet__words_pass(duet_task *t)
{
	duet_task *self = duet__current;

	if (t->last_error != t->result) { /* the function made its code up itself */
		duet__fail(t->result);
		return;
	}
	if (self == NULL) {
		thread_error = t->last_error;
		if (t->words != NULL)
			thread_words = *t->words;
		return;
	}
	free(self->words);
	self->words = t->words;
	self->last_error = t->last_error;
	t->words = NULL;
}
