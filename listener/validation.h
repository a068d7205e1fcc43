/*
 * validation.h - Graph's endpoint handshake: the validationToken of a query string, decoded. Pure.
 *
 * Graph wants back exactly the decoded token (graph-facts.md 3): "+" is a space, %XX a byte in either case. Other
 * parameters may stand beside it and are not judged.
 */
#ifndef LISTENER_VALIDATION_H
#define LISTENER_VALIDATION_H

#include <stddef.h>

#include "base/err.h"

#define VALIDATION_TOKEN_MAX 4096

/*
 * ERR_NOTFOUND: no such parameter, so the request is a notification. ERR_INVALID: a broken escape, more than one token, none in
 * it, a control character or invalid UTF-8. ERR_TOOBIG: more than VALIDATION_TOKEN_MAX bytes. All but the first mean 400.
 * ret holds VALIDATION_TOKEN_MAX bytes; no NUL is added.
 */
enum err validation_token(const char *query, size_t query_len, char *ret, size_t *ret_len);

#endif
