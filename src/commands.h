/*
 * What the binary does besides serving. Each prints to standard output and answers an exit status.
 */
#ifndef LK_COMMANDS_H
#define LK_COMMANDS_H

#include "toolset.h"
#include "worker.h"

/* LK_EXIT_SIGNAL: and the number of the signal, as shells have it. */
enum { LK_EXIT_OK = 0, LK_EXIT_FAILURE = 1, LK_EXIT_USAGE = 2, LK_EXIT_SIGNAL = 128 };

/* --list-tools: "group<TAB>name<TAB>title", one a line. */
int lk_command_list_tools(const struct lk_toolset *toolset);

/* --check: settings, certificate, leases, reachability, credentials, CI users, each with a verdict.
 */
int lk_command_check(struct lk_worker *worker);

/* call TOOL 'JSON': the answer of one tool, as it would be the text of an MCP result. A signal
 * cancels it, and is its exit status. */
int lk_command_call(struct lk_worker *worker, const struct lk_toolset *toolset);

#endif
