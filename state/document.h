/*
 * document.h - texts longer than a record, in parts of DOCUMENT_PART_SIZE, each a sealed row like all others.
 *
 * A document is one key of a table whose record is struct document_part; its parts are the rows at that key and a number. Written and
 * deleted as a whole within the turn, so that no mixture of two is ever on disk. Event-loop thread only.
 */
#ifndef STATE_DOCUMENT_H
#define STATE_DOCUMENT_H

#include <stddef.h>

#include "base/err.h"
#include "state/store.h"

#define DOCUMENT_MAX (2u << 20) /* all parts together; the bug it catches: a text that grows without end */

/* ERR_NOTFOUND; ERR_CORRUPT: a part is missing, damaged or of another length; ERR_NOMEM. Gives *ret, NUL-terminated. */
enum err document_get(struct store *s, enum table t, const struct store_key *key, char **ret, size_t *ret_len);
/* text has no NUL. ERR_TOOBIG: nothing was put. */
enum err document_put(struct store *s, enum table t, const struct store_key *key, const char *text, size_t len);
void document_del(struct store *s, enum table t, const struct store_key *key); /* absent is fine */

#endif
