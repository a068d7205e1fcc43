/*
 * resource.h - what the "resource" of a notification names. graph-facts 4.1. Pure.
 */
#ifndef MODEL_RESOURCE_H
#define MODEL_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/ids.h"

/* teams('ID')..., teams/ID..., in any case, with or without a leading slash, percent-encoded or not. False, and ret is empty: of no team. */
bool resource_team(const char *resource, size_t len, struct guid *ret);

#endif
