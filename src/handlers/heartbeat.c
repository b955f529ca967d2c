/*
 * See heartbeat.h. The timer fires on the loop while the tool's coroutine awaits.
 */
#include "handlers/heartbeat.h"

#include <stdio.h>

static void beat(void *arg)
{
    struct lk_heartbeat *heartbeat = arg;
    struct lk_loop *loop = lk_tool_context(heartbeat->call)->loop;
    char text[128];

    snprintf(text, sizeof(text), "%.*s, %llu s", LK_STR_ARG(heartbeat->what),
             (unsigned long long)(lk_loop_now_ms(loop) - heartbeat->began_ms) / 1000);
    mcp_call_progress(heartbeat->call, ++heartbeat->n, 0, lk_str(text));
    lk_timer_start(loop, &heartbeat->timer, heartbeat->every_ms);
}

void lk_heartbeat_start(struct lk_heartbeat *heartbeat, struct mcp_call *call, uint64_t every_ms,
                        struct lk_str what)
{
    struct lk_loop *loop = lk_tool_context(call)->loop;

    *heartbeat = (struct lk_heartbeat){
        .call = call,
        .timer = lk_timer(beat, heartbeat),
        .what = what,
        .every_ms = every_ms,
        .began_ms = lk_loop_now_ms(loop),
    };
    lk_timer_start(loop, &heartbeat->timer, every_ms);
}

void lk_heartbeat_stop(struct lk_heartbeat *heartbeat)
{
    lk_timer_stop(lk_tool_context(heartbeat->call)->loop, &heartbeat->timer);
}
