/* subscription.c - the names of what a subscription may be. */
#include "model/subscription.h"

#include <stddef.h>

const char *const subscription_state_names[] = { "wanted", "active", "failing", "leaving", "covered", "refused", NULL };
const char *const subscription_address_names[] = { "current", "former", "both", NULL };
