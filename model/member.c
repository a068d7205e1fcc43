/* member.c - the names of member statuses. */
#include "model/member.h"

#include <stddef.h>

const char *const member_status_names[] = { "synced", "adding_to_teams", "removing_from_teams", "adding_to_app",
	"removing_from_app", "unresolved", "refused_by_teams", "refused_by_app", "held", "private", "kept_in_teams", NULL };
