/* err.c - the texts of the one error table. */
#include "base/err.h"

#include <stddef.h>

#define X(name, text, again) text,
static const char *const texts[] = { ERR_TABLE(X) };
#undef X

#define X(name, text, again) again,
static const bool may_pass[] = { ERR_TABLE(X) };
#undef X

static bool
in_table(enum err e)
{
	return (unsigned)e < ERR_COUNT;
}

const char *
err_text(enum err e)
{
	return in_table(e) ? texts[e] : "unknown error";
}

const char *
err_name(enum err e)
{
	/* By hand, for the preprocessor knows no lower case; the test holds it to the table. */
	static const char *const names[] = {
		"ok",
		"nomem",
		"malformed",
		"invalid",
		"toobig",
		"notfound",
		"exists",
		"conflict",
		"gone",
		"unauthorized",
		"forbidden",
		"throttled",
		"timeout",
		"unreachable",
		"tls",
		"remote",
		"unexpected",
		"full",
		"io",
		"corrupt",
		"toonew",
		"busy",
		"cancelled",
		"unsupported",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == ERR_COUNT, "a name for every error");
	return in_table(e) ? names[e] : "unknown";
}

bool
err_may_pass(enum err e)
{
	return in_table(e) && may_pass[e];
}
