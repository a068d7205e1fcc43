/*
 * html_text.h - what a reader sees of an HTML body, as one line of text: to tell an edit from a rewriting by Outlook.
 *
 * Outlook gives no body back as it got it: it adds a head, classes, styles and entities. What counts here is the text with its white
 * space collapsed, the ends of blocks, headings, lists, tables and emphasis, and where links and pictures lead. Colours, sizes and
 * fonts do not. Not a parser of HTML for display: whatever it is given, it ends, in time that grows with the length. Pure.
 */
#ifndef MODEL_HTML_TEXT_H
#define MODEL_HTML_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Gives; NULL: out of memory. */
char *html_text(const char *html);
/* The same to a reader. Out of memory: the bytes decide. */
bool html_text_equal(const char *a, const char *b);

/* Plain text as HTML: &, <, > and quotes as entities, ends of lines as <br>. Gives; NULL: out of memory. */
char *html_of_plain(const char *text);

#endif
