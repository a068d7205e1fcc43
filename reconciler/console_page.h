/*
 * console_page.h - the console: one page that says whether all is well, as HTML without scripts or anything from elsewhere. Pure.
 *
 * It is shown to whoever reaches the admin address, so it has figures, states and ages, and nothing of a status that names a tenant,
 * an ERG or a person. What is wrong is said in the words of attention.h.
 */
#ifndef RECONCILER_CONSOLE_PAGE_H
#define RECONCILER_CONSOLE_PAGE_H

#include <stdbool.h>

#include "app/api.h"
#include "base/text.h"

#define CONSOLE_REFRESH_S 10

/* "sha256-..." of the page's style sheet: all that its Content-Security-Policy lets in. */
#define CONSOLE_STYLE_HASH_SIZE 64
void console_style_hash(char ret[CONSOLE_STYLE_HASH_SIZE]);

/* still: it does not load itself again. */
void console_page(const struct app_status *s, bool still, struct text *ret);
/* Text as HTML: of what is not UTF-8 a question mark is left. */
void console_escape(const char *s, struct text *ret);

#endif
