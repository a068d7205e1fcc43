/*
 * drift.h - the cheap check between sweeps: asks the directory every drift_check what changed in up to 50 teams at once.
 *
 * Standard channels only, for the directory knows no others. What it tells is a hint like a notification: a difference from what we
 * know makes the scope dirty, and the roster itself is read; nobody is added or removed by it. Links are kept on disk, one for
 * each fifty teams of a tenant; a link that is lost (410) or is for other teams is begun anew, and after a 410 those teams are read.
 */
#ifndef RECONCILER_DRIFT_H
#define RECONCILER_DRIFT_H

#include "base/err.h"

struct drift;
struct reconciler;

enum err drift_new(struct reconciler *r, struct drift **ret);
/* Before the Graph client. NULL is fine. */
void drift_free(struct drift *d);

#endif
