/*
 * GET /: a page for people who open the server's address in a browser. Is it up, what to paste into
 * which client, and the reference of the tools that are served. HTML and one style sheet, no
 * script; written anew for each request from the rows of the tools.
 */
#ifndef LK_PAGE_H
#define LK_PAGE_H

#include "config.h"
#include "toolset.h"
#include "transport/http.h"

/* Borrowed: must outlive its use. */
struct lk_page {
    const struct lk_config *config;
    const struct lk_toolset *toolset;
};

/* LOOKER_PAGE; where it is `auto`, whether the mode is dev. */
bool lk_page_is_wanted(const struct lk_config *config);

/* For struct lk_http_server_options.page; arg is a struct lk_page. */
void lk_page_write(void *arg, const struct lk_http_page_facts *facts, struct lk_buf *out);

/* What GET /page.css answers. */
struct lk_str lk_page_style(void);

#endif
