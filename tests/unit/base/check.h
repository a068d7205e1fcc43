/* check.h - cmocka with the headers it wants before it. */
#ifndef UNIT_BASE_CHECK_H
#define UNIT_BASE_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#endif
