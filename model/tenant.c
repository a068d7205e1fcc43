/* tenant.c - the names of tenant states. */
#include "model/tenant.h"

#include <stddef.h>

const char *const tenant_state_names[] = { "active", "consent_missing", "unreachable", "removing", NULL };
