/*
 * Coroutines (co.h): their stacks, the switch between stacks, and the ready queue. All that
 * sanitizers, valgrind and the C library must be told about stacks is in this file.
 *
 * A stack is entered for the first time by swapcontext and ever after by siglongjmp, which makes no
 * system call. Its bottom frame, `trampoline`, runs one coroutine after the other: between two of
 * them the stack lies in the pool of idle ones.
 *
 *     low address                                                        high address
 *     | guard page | <── grows ──  fn(arg)  <── trampoline |
 *
 * A coroutine returns control to whoever resumed it: the loop, or the coroutine that started it.
 * Woken ones are resumed by the loop only, so nesting is never deeper than starts are nested.
 */
/* Its longjmp takes a jump to another stack for a corrupt frame and aborts. */
#undef _FORTIFY_SOURCE

#include "rt/co.h"

#include "base/memory.h"
#include "rt/internal.h"

#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define NO_ASAN __attribute__((no_sanitize_address))
#else
#define NO_ASAN
#endif

#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#ifdef WITH_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0u
#define VALGRIND_STACK_DEREGISTER(id) (void)(id)
#endif

#define MAX_IDLE 64 /* stacks kept for the next ones */

/* A place that control can leave and come back to. */
struct context {
    sigjmp_buf env;
    const void *stack_low; /* of the stack it is on; NULL for the loop's until it is known */
    size_t stack_bytes;
    void *asan_fake_stack;
    void *tsan_fiber;
};

enum state { RUNNING, PARKED, READY, ENDED };

struct lk_co {
    struct context context;
    struct context *resumer; /* who gets control when this one parks or ends */
    struct lk_loop *loop;
    void (*fn)(void *arg);
    void *arg;
    enum state state;
    bool entered; /* the trampoline is on its stack */
    bool cancelled;
    struct lk_co *next; /* in the ready queue or among the idle */

    void *mapping; /* guard page and stack */
    size_t mapping_bytes;
    unsigned valgrind_id;
};

struct lk_co_state {
    struct context root; /* the loop's own stack */
    struct lk_co *current;
    struct lk_co *ready, **ready_tail;
    struct lk_co *idle;
    size_t n_idle, n_live, max;
};

/* ---- switching ---- */

static inline void before_switch(struct context *from, const struct context *to)
{
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&from->asan_fake_stack, to->stack_low, to->stack_bytes);
#else
    (void)from;
    (void)to;
#endif
}

/* On the stack just arrived at; left_*: where the stack just left is to be noted, or NULL. */
static inline void after_switch(struct context *here, struct context *left)
{
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(here->asan_fake_stack, left != NULL ? &left->stack_low : NULL,
                                    left != NULL ? &left->stack_bytes : NULL);
#else
    (void)here;
    (void)left;
#endif
}

/* Right before the jump: the jump itself has to be seen by the side that is jumped to. */
static inline void last_before_jump(struct context *from, const struct context *to)
{
#ifdef WITH_TSAN
    if (from->tsan_fiber == NULL) /* the loop's own stack */
        from->tsan_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#else
    (void)from;
    (void)to;
#endif
}

/* Leaves `from`; returns when something jumps back to it. */
static __attribute__((noinline)) void switch_to(struct context *from, struct context *to)
{
    before_switch(from, to);
    if (sigsetjmp(from->env, 0) == 0) {
        last_before_jump(from, to);
        siglongjmp(to->env, 1);
    }
    after_switch(from, NULL);
}

/* The bottom frame of every stack. makecontext passes ints only, hence the halves. */
static NO_ASAN void trampoline(unsigned high, unsigned low)
{
    struct lk_co *co = (struct lk_co *)(((uintptr_t)high << 32) | (uintptr_t)low);

    after_switch(&co->context, co->resumer);
    for (;;) {
        co->fn(co->arg);
        co->state = ENDED;
        switch_to(&co->context, co->resumer);
    }
}

/* Enters a stack that nobody has been on yet. */
static __attribute__((noinline)) void enter_first(struct lk_co *co)
{
    struct context *from = co->resumer;
    ucontext_t there, unused;
    uintptr_t bits = (uintptr_t)co;

    if (getcontext(&there) != 0)
        abort(); /* on Linux it has no way to fail */
    co->entered = true;
    there.uc_link = NULL;
    there.uc_stack.ss_sp = (void *)co->context.stack_low;
    there.uc_stack.ss_size = co->context.stack_bytes;
    makecontext(&there, (void (*)(void))trampoline, 2, (unsigned)(bits >> 32), (unsigned)bits);
    before_switch(from, &co->context);
    if (sigsetjmp(from->env, 0) == 0) {
        last_before_jump(from, &co->context);
        swapcontext(&unused, &there); /* never comes back this way */
    }
    after_switch(from, NULL);
}

/* ---- stacks ---- */

static struct lk_co *stack_new(void)
{
    size_t guard_bytes = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = guard_bytes + LK_CO_STACK_BYTES;
    struct lk_co *co;
    char *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

    if (mapping == MAP_FAILED)
        return NULL;
    if (mprotect(mapping, guard_bytes, PROT_NONE) != 0) {
        munmap(mapping, bytes);
        return NULL;
    }
    co = lk_memory_new(sizeof(*co));
    co->mapping = mapping;
    co->mapping_bytes = bytes;
    co->context.stack_low = mapping + guard_bytes;
    co->context.stack_bytes = LK_CO_STACK_BYTES;
    co->valgrind_id = VALGRIND_STACK_REGISTER(mapping + guard_bytes, mapping + bytes);
#ifdef WITH_TSAN
    co->context.tsan_fiber = __tsan_create_fiber(0);
#endif
    return co;
}

static void stack_free(struct lk_co *co)
{
    VALGRIND_STACK_DEREGISTER(co->valgrind_id);
#ifdef WITH_TSAN
    __tsan_destroy_fiber(co->context.tsan_fiber);
#endif
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(co->context.stack_low, co->context.stack_bytes);
#endif
    munmap(co->mapping, co->mapping_bytes);
    free(co);
}

struct lk_co_state *lk_co_state_new(void)
{
    struct lk_co_state *state = lk_memory_new(sizeof(*state));

    state->ready_tail = &state->ready;
    state->max = LK_CO_MAX;
    return state;
}

void lk_co_state_free(struct lk_co_state *state)
{
    while (state->idle != NULL) {
        struct lk_co *co = state->idle;

        state->idle = co->next;
        stack_free(co);
    }
    free(state);
}

/* ---- life ---- */

static void retire(struct lk_co_state *state, struct lk_co *co)
{
    state->n_live--;
    if (state->n_idle >= MAX_IDLE) {
        stack_free(co);
        return;
    }
    co->next = state->idle;
    state->idle = co;
    state->n_idle++;
}

/* Gives control to co until it parks or ends; false when it has ended, and then co is dead. */
static bool resume(struct lk_co_state *state, struct lk_co *co)
{
    struct lk_co *resumer = state->current;

    co->state = RUNNING;
    co->resumer = resumer != NULL ? &resumer->context : &state->root;
    state->current = co;
    if (co->entered)
        switch_to(co->resumer, &co->context);
    else
        enter_first(co);
    state->current = resumer;
    if (co->state != ENDED)
        return true;
    retire(state, co);
    return false;
}

static struct lk_co *take_stack(struct lk_co_state *state)
{
    struct lk_co *co = state->idle;

    if (co == NULL)
        return stack_new();
    state->idle = co->next;
    state->n_idle--;
    return co;
}

bool lk_co_start(struct lk_loop *loop, void (*fn)(void *arg), void *arg, struct lk_co **ret_co,
                 struct lk_error *err)
{
    struct lk_co_state *state = loop->co;
    struct lk_co *co;
    bool lives;

    if (state->n_live >= state->max)
        return lk_fail(err, LK_ERROR_LIMIT,
                       "%zu calls are in progress, the limit of one worker; try again when some of "
                       "them have ended",
                       state->max);
    co = take_stack(state);
    if (co == NULL)
        return lk_fail(err, LK_ERROR_LIMIT,
                       "there is no memory for the stack of another call (%s); try again when "
                       "some have ended",
                       strerror(errno));
    state->n_live++;
    co->loop = loop;
    co->fn = fn;
    co->arg = arg;
    co->cancelled = false;
    lives = resume(state, co);
    if (ret_co != NULL)
        *ret_co = lives ? co : NULL;
    return true;
}

void lk_co_set_max(struct lk_loop *loop, size_t max)
{
    loop->co->max = max;
}

struct lk_co *lk_co_self(const struct lk_loop *loop)
{
    return loop->co->current;
}

size_t lk_co_count(const struct lk_loop *loop)
{
    return loop->co->n_live;
}

/* ---- parking and waking ---- */

void lk_co_park(struct lk_loop *loop)
{
    struct lk_co *co = loop->co->current;

    assert(co != NULL && "awaiting on the loop's own stack");
    co->state = PARKED;
    switch_to(&co->context, co->resumer);
}

void lk_co_wake(struct lk_co *co)
{
    struct lk_co_state *state = co->loop->co;

    if (co->state != PARKED)
        return;
    co->state = READY;
    co->next = NULL;
    *state->ready_tail = co;
    state->ready_tail = &co->next;
}

bool lk_co_any_ready(const struct lk_loop *loop)
{
    return loop->co->ready != NULL;
}

void lk_co_run_ready(struct lk_loop *loop)
{
    struct lk_co_state *state = loop->co;
    struct lk_co *co = state->ready, *next;

    state->ready = NULL;
    state->ready_tail = &state->ready;
    for (; co != NULL; co = next) {
        next = co->next;
        (void)resume(state, co);
    }
}

void lk_co_cancel(struct lk_co *co)
{
    co->cancelled = true;
    lk_co_wake(co);
}

bool lk_co_cancelled(const struct lk_co *co)
{
    return co->cancelled;
}

/* ---- sleeping ---- */

struct sleep {
    struct lk_co *co;
    bool over;
};

static void wake_sleeper(void *arg)
{
    struct sleep *sleeping = arg;

    sleeping->over = true;
    lk_co_wake(sleeping->co);
}

bool lk_co_sleep(struct lk_loop *loop, uint64_t delay_ms, struct lk_error *err)
{
    struct sleep sleeping = {.co = lk_co_self(loop)};
    struct lk_timer timer = lk_timer(wake_sleeper, &sleeping);

    assert(sleeping.co != NULL && "awaiting on the loop's own stack");
    lk_timer_start(loop, &timer, delay_ms);
    while (!sleeping.over && !sleeping.co->cancelled)
        lk_co_park(loop);
    lk_timer_stop(loop, &timer);
    if (sleeping.over)
        return true;
    return lk_fail(err, LK_ERROR_CANCELLED, "cancelled while waiting");
}
