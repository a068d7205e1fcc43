/* erg.c - the names of ERG states. */
#include "model/erg.h"

#include <stddef.h>

const char *const erg_state_names[] = { "linking", "in_sync", "working", "held", "broken", "off", NULL };
