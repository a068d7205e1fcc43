/* tenant.c - the names of tenant states. */
#include "model/tenant.h"

#include <stddef.h>

const char *const tenant_state_names[] = { "active", "consent_missing", "unreachable", "removing", "sign_in_needed", NULL };
const char *const tenant_sign_in_names[] = { "application", "delegated", NULL };
const char *const tenant_meetings_names[] = { "on", "off", NULL };
