/* policy.c - the names of policy.h's words, once. */
#include "model/policy.h"

#include <stddef.h>

const char *const membership_policy_names[] = { "two-way", "teams", "app", "off", NULL };
const char *const meetings_policy_names[] = { "two-way", "app", "off", NULL };
const char *const role_names[] = { "member", "owner", "guest", NULL };
const char *const channel_type_names[] = { "standard", "private", "shared", "unknown", NULL };
