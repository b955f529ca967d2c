/*
 * Arguments that tools declare and this version cannot honour yet.
 */
#ifndef LK_HANDLERS_REFUSE_H
#define LK_HANDLERS_REFUSE_H

#include "base/error.h"
#include "json/type.h"

/*
 * Fails with LK_ERROR_UNSUPPORTED when `args` (a struct of `type`) has act_as_user, branch or
 * project_id, or dev_mode: true. Silence would be worse than refusal: the call would run as another
 * user, or against other LookML, than was asked for. To be called before any call to Looker.
 */
bool lk_refuse_unavailable(const struct lk_type *type, const void *args, struct lk_error *err);

#endif
