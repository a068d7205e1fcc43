/*
 * err.h - the one list of what can go wrong, with its text and whether trying again can help.
 *
 * Every fallible function of ergsync returns enum err. Each foreign library's errors are
 * translated into it at the border of the folder that knows the library.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

/*        name          text                                    worth retrying? */
#define ERR_TABLE(X)                                                                                                             \
	X(OK, "ok", false)                                                                                                       \
	X(NOMEM, "out of memory", true)                                                                                          \
	X(MALFORMED, "malformed input", false)                                                                                   \
	X(INVALID, "a value is not allowed", false)                                                                              \
	X(TOOBIG, "larger than the ceiling", false)                                                                              \
	X(NOTFOUND, "not found", false)                                                                                          \
	X(EXISTS, "exists already", false)                                                                                       \
	X(CONFLICT, "conflicts with the present state", false)                                                                   \
	X(GONE, "gone for good", false)                                                                                          \
	X(UNAUTHORIZED, "credentials were refused", false)                                                                       \
	X(FORBIDDEN, "permission is missing", false)                                                                             \
	X(THROTTLED, "the remote side asked us to wait", true)                                                                   \
	X(TIMEOUT, "no answer in time", true)                                                                                    \
	X(UNREACHABLE, "the remote side cannot be reached", true)                                                                \
	X(TLS, "the TLS connection was refused", true)                                                                           \
	X(REMOTE, "the remote side failed", true)                                                                                \
	X(UNEXPECTED, "the answer was not what the protocol says", false)                                                        \
	X(FULL, "a ceiling is reached", true)                                                                                    \
	X(IO, "reading or writing failed", true)                                                                                 \
	X(CORRUPT, "stored data is damaged", false)                                                                              \
	X(TOONEW, "stored by a newer version", false)                                                                            \
	X(BUSY, "in use", true)                                                                                                  \
	X(CANCELLED, "cancelled", false)                                                                                         \
	X(UNSUPPORTED, "not supported", false)

#define X(name, text, again) ERR_##name,
enum err { ERR_TABLE(X) ERR_COUNT };
#undef X

/* Static texts; never NULL, also for values outside the table. */
const char *err_text(enum err e);
/* The bare name in lower case ("notfound"): for logs and JSON. */
const char *err_name(enum err e);
bool err_may_pass(enum err e);

#endif
