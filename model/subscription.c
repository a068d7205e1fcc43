/* subscription.c - the names of subscription states. */
#include "model/subscription.h"

#include <stddef.h>

const char *const subscription_state_names[] = { "wanted", "active", "failing", "leaving", "covered", "refused", NULL };
