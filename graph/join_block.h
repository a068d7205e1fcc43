/*
 * join_block.h - the part of a meeting's body that Teams puts there and that must survive every edit. graph-facts section 9.3.
 *
 * Exchange appends the block, from a line of underscores to the end of the invitation, to whatever the organiser wrote. A PATCH of
 * the body without it takes the join link out of everybody's calendar. Pure.
 */
#ifndef GRAPH_JOIN_BLOCK_H
#define GRAPH_JOIN_BLOCK_H

#include <stdbool.h>

/*
 * Cuts a body of Graph's into what people wrote and the block. Both are given (caller frees); *ret_block is "" when there is none.
 * Wrapping html, head and body tags are left out of *ret_body. False: out of memory.
 */
bool join_block_split(const char *html, char **ret_body, char **ret_block);
/* body with the block behind it, as one HTML document. Gives; NULL: out of memory. */
char *join_block_join(const char *body, const char *block);

#endif
