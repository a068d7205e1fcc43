/*
 * heap.h - how much memory malloc has given out, and giving back to the system what nobody uses.
 *
 * glibc keeps the pages of freed memory. A rush (a thousand handshakes, a large resync) leaves megabytes of them, and without an end of
 * the work ever more of what it once had stays touched: daemons call heap_give_back when it is quiet, and now and then when it is not.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>

/* How long a busy daemon may go without giving back. It costs about a millisecond for each ten MiB. */
#define HEAP_GIVE_BACK_MS (5 * 60 * 1000)

/* What malloc has given out and not got back; what its threads keep for the next call counts as given out. */
size_t heap_bytes(void);
/* Pages in which nothing is in use go back to the system. Any thread. */
void heap_give_back(void);

#endif
