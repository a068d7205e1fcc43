/*
 * notification.h - from one item of a notification body to the hint that is stored. Pure.
 */
#ifndef LISTENER_NOTIFICATION_H
#define LISTENER_NOTIFICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "model/hint.h"

struct envelope_item;
struct known_states;

/*
 * False when the item's clientState was not made with our intake key: foreign, and ret is not set.
 * The hint's item is resourceData.id, or what "resource" ends in when it names a member or an event; none, so that the whole
 * scope is dirty, for lifecycle events, kinds not known, and ids beyond HINT_ITEM_MAX. Bytes of ret->item behind item_len are
 * left as they were. Its team is the one that "resource" names, if any.
 */
bool notification_hint(struct known_states *known, const struct envelope_item *item, int64_t now_wall_ms, struct hint *ret);

#endif
