/*
 * event_view.h - what takes place in a mailbox within a window of time: facts 7.3.
 */
#ifndef SIM_EVENT_VIEW_H
#define SIM_EVENT_VIEW_H

#include "sim/occasion.h"

/* A window's end as a client writes it, with or without offset. */
bool event_window_read(const char *text, int64_t *ret_ms);
/* By start. The caller frees the list; what it names is borrowed from box. */
struct occasion *event_view(const struct mailbox *box, int64_t read_ms, int64_t from_ms, int64_t to_ms, size_t *ret_count);

#endif
