/*
 * backend.h - the app API's operations (app/api.h) on the reconciler's state.
 *
 * Each reads and writes the store and returns; what it starts on Graph follows after the commit. Tenants, ERGs, members and events have a
 * file each (backend_ops.h); resyncs, plans, changes and keys are here.
 */
#ifndef RECONCILER_BACKEND_H
#define RECONCILER_BACKEND_H

#include "app/api.h"

/* ctx of every operation is the struct reconciler. */
extern const struct app_ops backend_ops;

#endif
