/*
 * Identity plug-ins that must stop the start, one a value of BAD.
 */
#include "looker_mcp_identity.h"

#include <stdio.h>

#if BAD == NO_SYMBOL
const struct looker_identity_plugin *looker_identity_plugins(uint32_t abi);
#define looker_identity_plugin(abi) looker_identity_plugins(abi)
#endif

static void resolve(void *state, const struct looker_identity_request *request)
{
    (void)state;
    (void)request;
}

static int init(const struct looker_identity_host *host, struct looker_identity_setup *setup)
{
    (void)host;
    if (BAD == INIT_FAILS)
        snprintf(setup->error, sizeof(setup->error), "the moon is not full");
    if (BAD == BAD_HEADER)
        setup->headers = "X-Good, X Bad";
    return BAD == INIT_FAILS ? 7 : 0;
}

const struct looker_identity_plugin *looker_identity_plugin(uint32_t abi)
{
    static const struct looker_identity_plugin plugin = {
        .abi = BAD == WRONG_ABI ? LOOKER_IDENTITY_ABI + 1 : LOOKER_IDENTITY_ABI,
        .size = BAD == SMALL_TABLE ? 16 : sizeof(plugin),
        .name = BAD == NO_NAME ? NULL : "bad",
        .init = init,
        .resolve = BAD == NO_RESOLVE ? NULL : resolve,
    };

    return abi == LOOKER_IDENTITY_ABI && BAD != UNKNOWN_ABI ? &plugin : NULL;
}
