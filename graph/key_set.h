/*
 * key_set.h - the keys by which the login service signs: fetched, kept, renewed. graph-facts section 5, reliability.md 2.6.
 *
 * Both sets (of newer and older tokens) are kept for a day and fetched anew in the background; an unknown key fetches them sooner,
 * but not within KEY_SET_FLOOR_MS of the last time, whoever asks and however often: one flight at a time. What cannot be fetched
 * leaves what there is. Event-loop thread only.
 */
#ifndef GRAPH_KEY_SET_H
#define GRAPH_KEY_SET_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

#define KEY_SET_LIFE_MS  (24 * 3600 * 1000LL)
#define KEY_SET_FLOOR_MS (5 * 60 * 1000LL)
#define KEY_SET_RETRY_MS (60 * 1000LL) /* while there is none at all */

struct clock;
struct http_transport;
struct key_set;

/* Borrows transport and clock; copies login_url. The first fetch begins at once. Gives *ret. */
enum err key_set_new(struct http_transport *transport, struct clock *clock, const char *login_url, struct key_set **ret);
void key_set_free(struct key_set *set); /* NULL is fine */

/* {"keys": [...]}, each key id once; borrowed until the loop's next turn. NULL: none has come yet. */
const json_t *key_set_get(const struct key_set *set);
/* A token named a key that is not there. */
void key_set_want(struct key_set *set);

#endif
