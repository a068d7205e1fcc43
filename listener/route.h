/*
 * route.h - which request is for whom: a table of path and method. Pure.
 */
#ifndef LISTENER_ROUTE_H
#define LISTENER_ROUTE_H

#include <stddef.h>

enum route { ROUTE_NOTIFICATIONS, ROUTE_LIFECYCLE, ROUTE_HEALTH, ROUTE_CONSENT, ROUTE_UNKNOWN_PATH, ROUTE_WRONG_METHOD };

/* Paths and methods are compared byte by byte. *ret_allow is set for ROUTE_WRONG_METHOD: the value of Allow. */
enum route route_find(const char *method, size_t method_len, const char *path, size_t path_len, const char **ret_allow);

#endif
