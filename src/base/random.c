/*
 * SplitMix64 (Steele, Lea and Flood, 2014), begun with what the kernel gives (base/random.h).
 */
#include "base/random.h"

#include <sys/random.h>
#include <time.h>

static uint64_t seed(void)
{
    uint64_t value = 0;
    struct timespec now;

    if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value) || value == 0) {
        clock_gettime(CLOCK_REALTIME, &now);
        value = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ 1;
    }
    return value;
}

uint64_t lk_random_next(struct lk_random *random)
{
    uint64_t z;

    if (random->state == 0)
        random->state = seed();
    z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
