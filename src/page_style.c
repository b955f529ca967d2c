/*
 * The style sheet of the page (page.css, whose path the build gives), as it is in the binary.
 */
#include "page.h"

__asm__(".section .rodata\n"
        "lk_page_css:\n"
        ".incbin \"" LK_PAGE_CSS "\"\n"
        "lk_page_css_end:\n"
        ".previous\n");

extern const char lk_page_css[] __attribute__((visibility("hidden")));
extern const char lk_page_css_end[] __attribute__((visibility("hidden")));

struct lk_str lk_page_style(void)
{
    return lk_str_n(lk_page_css, (size_t)(lk_page_css_end - lk_page_css));
}
