/*
 * known_states.h - clientStates that were checked lately, so that the HMAC is computed once a subscription and not once an item.
 *
 * Graph repeats the same clientState on every notification of a subscription. Only what proved to be ours gets in, so a sender of
 * forged ones can neither fill it nor push anything out. Comparing takes the same time wherever two states differ.
 */
#ifndef LISTENER_KNOWN_STATES_H
#define LISTENER_KNOWN_STATES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/hash.h"
#include "model/client_state.h"

/* As many subscriptions as stay fast; 115 KiB. Further ones take turns. */
#define KNOWN_STATES 1024

struct known_states;

/* Copies the key. NULL when out of memory. */
struct known_states *known_states_new(const struct key32 *intake_key);
void known_states_free(struct known_states *known); /* wipes; NULL is fine */

/* As client_state_check. */
bool known_states_check(struct known_states *known, const char *text, size_t len, struct scope_id *ret);

#endif
