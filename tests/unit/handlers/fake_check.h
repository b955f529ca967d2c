/*
 * What the tests of check_branch share: a project with a branch, and what Looker answers about it.
 */
#ifndef LK_TEST_FAKE_CHECK_H
#define LK_TEST_FAKE_CHECK_H

#include "fake_steps.h"

#define P "/projects/shop"
#define BRANCH "{\"name\":\"b\",\"ref\":\"abc\",\"ahead_count\":0,\"behind_count\":0}"
#define VALIDATE "POST " P "/validate"
#define RUN "GET " P "/lookml_tests/run"
#define LIST "GET " P "/lookml_tests"
#define CONTENT "GET /content_validation"
#define EXPLORE "GET /lookml_models/m/explores/e"
#define QUERY "POST /queries/run/json"
#define ARGS "{\"project_id\":\"shop\",\"branch\":\"b\""
#define LOOKML_ONLY ARGS ",\"tests\":false,\"content\":false}"
#define TESTS_ONLY ARGS ",\"content\":false}"
#define CONTENT_ONLY ARGS ",\"tests\":false}"
#define EXPLORES_ONLY ARGS ",\"tests\":false,\"content\":false,\"explores\":[\"m/e\"]}"
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

#define ERROR(text, line)                                                                          \
    "{\"severity\":\"error\",\"message\":\"" text                                                  \
    "\",\"file_path\":\"v.lkml\",\"line_number\":" #line "}"
#define WARNING "{\"severity\":\"warning\",\"message\":\"old\",\"file_path\":\"v.lkml\"}"
#define ERRORS(list) "{\"errors\":[" list "],\"models_not_validated\":[]}"
#define RESULT(name, success)                                                                      \
    "{\"model_name\":\"m\",\"test_name\":\"" name "\",\"success\":" success ",\"errors\":[]}"
#define LISTED(name) "{\"model_name\":\"m\",\"name\":\"" name "\",\"file\":\"t.lkml\",\"line\":7}"
#define FIELD(name) "{\"message\":\"gone\",\"model_name\":\"m\",\"field_name\":\"" name "\"}"
#define LOOK(id, errors) "{\"look\":{\"id\":\"" id "\",\"title\":\"L\"},\"errors\":[" errors "]}"
#define BROKEN(list) "{\"content_with_errors\":[" list "]}"
#define DIMENSIONS                                                                                 \
    "{\"source_file\":\"m.lkml\",\"errors\":[],\"fields\":{\"dimensions\":[{\"name\":\"v.a\","     \
    "\"hidden\":false},{\"name\":\"v.h\",\"hidden\":true}],\"measures\":[{\"name\":\"v.n\"}]}}"
#define REFUSED(text) "[{\"looker_error\":\"" text "\"}]"

__attribute__((unused)) static const char *text_at(struct lk_str answer, const char *path)
{
    return lk_arena_cstr(fake_arena, at(answer, path));
}

static void play_branch(void)
{
    fake_forget();
    fake_answers("GET " P "/git_branch", BRANCH);
}

__attribute__((unused)) static void play_tests(const char *results, const char *listed)
{
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    fake_answers(RUN, results);
    fake_answers(LIST, listed);
}

#endif
