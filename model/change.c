/* change.c - the CloudEvents type of each change. */
#include "model/change.h"

#include <stddef.h>

const char *
change_type_name(enum change_type t)
{
#define X(name, type, order) type,
	static const char *const names[] = { CHANGE_TABLE(X) };
#undef X

	return (size_t)t < CHANGE_TYPE_COUNT ? names[t] : "";
}
