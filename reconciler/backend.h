/*
 * backend.h - the app API's operations (app/api.h) on the reconciler's state.
 *
 * Each reads and writes the store and returns; what it starts on Graph follows after the commit.
 */
#ifndef RECONCILER_BACKEND_H
#define RECONCILER_BACKEND_H

#include "app/api.h"

/* ctx of every operation is the struct reconciler. */
extern const struct app_ops backend_ops;

#endif
