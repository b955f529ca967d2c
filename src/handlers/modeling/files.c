/*
 * One file of a project: get_file reads it, create_file, update_file and delete_file write it into
 * the dev workspace. Looker's routes for the text are not in its published API; what a file is
 * comes from one that is.
 */
#include "handlers/ask.h"
#include "handlers/items.h"
#include "handlers/modeling/project.h"
#include "handlers/rows.h"
#include "looker_tools.h"

static const char *workspace_name(bool dev)
{
    return dev ? "the dev workspace" : "production";
}

/* ---- get_file ---- */

struct piece {
    struct lk_str text;
    int64_t begin, total; /* bytes */
    bool there;           /* this Looker shows texts */
};

/* Where the character begins that has the byte at `offset`. */
static size_t character_at(struct lk_str text, size_t offset)
{
    while (offset > 0 && offset < text.len && ((unsigned char)text.ptr[offset] & 0xc0) == 0x80)
        offset--;
    return offset;
}

/* The text from the offset on, as much as fits. */
static bool read_piece(struct mcp_call *call, const struct looker_get_file_args *args,
                       struct lk_str path, struct piece *ret_piece, struct lk_error *err)
{
    struct looker_get_project_file_content_params params = {
        .project_id = args->project_id,
        .file_path = lk_string(path),
    };
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_api_answer answer;
    struct lk_error failure = {0};
    struct piece piece = {.begin = args->offset.value};

    if (!lk_api_call(context->api, mcp_call_arena(call),
                     lk_in_dev(looker_get_project_file_content(&params), args->dev_mode.value),
                     &answer, &failure)) {
        if (lk_failed_with(&failure, 404)) {
            *ret_piece = piece;
            return true;
        }
        *err = failure;
        return false;
    }
    struct lk_str text = lk_rows_text(mcp_call_arena(call), &answer);
    if (piece.begin > (int64_t)text.len)
        return lk_fail(err, LK_ERROR_ARGUMENT, "offset: the file has %zu bytes, so it ends before",
                       text.len);
    size_t begin = character_at(text, (size_t)piece.begin);
    piece.there = true;
    piece.begin = (int64_t)begin;
    piece.total = (int64_t)text.len;
    piece.text = lk_str_cut(text.len > begin ? lk_str_n(text.ptr + begin, text.len - begin)
                                             : (struct lk_str){0},
                            lk_tool_max_result_bytes(context));
    *ret_piece = piece;
    return true;
}

static void write_content(struct lk_json_writer *w, const struct lk_tool_context *context,
                          const struct piece *piece)
{
    int64_t next = piece->begin + (int64_t)piece->text.len;

    lk_json_key(w, "content");
    if (!piece->there) {
        lk_json_put_null(w);
        lk_json_member_string(
            w, "content_note",
            LK_STR("this Looker shows what it knows of the file, but not its text "
                   "(the route is not in its published API): read it in Looker's "
                   "IDE or in the git remote"));
        return;
    }
    lk_json_put_string(w, piece->text);
    lk_json_member_integer(w, "total_bytes", piece->total);
    if (piece->begin > 0)
        lk_json_member_integer(w, "offset", piece->begin);
    if (next < piece->total) {
        lk_json_member_integer(w, "next_offset", next);
        lk_write_truncated(w, lk_tool_max_result_bytes(context), (int64_t)piece->text.len,
                           piece->total, "call get_file again with offset = next_offset");
    }
}

bool lk_handler_get_file(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    static const char *const shown[] = {"path",      "title",    "type",      "extension",
                                        "mime_type", "editable", "git_status"};
    const struct looker_get_file_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_str file, value;
    struct piece piece = {0};

    /* 1. What Looker knows of the file. */
    struct looker_project_file_params params = {
        .project_id = args->project_id,
        .file_id = args->file_id,
    };
    if (!lk_ask(context->api, arena, lk_in_dev(looker_project_file(&params), args->dev_mode.value),
                LK_JSON_OBJECT, &file, err))
        return lk_explain_status(err, 404,
                                 "there is no file \"%.*s\" in %s of this project, or no access to "
                                 "it: list_project_files shows what there is",
                                 LK_STR_ARG(args->file_id.value),
                                 workspace_name(args->dev_mode.value));

    /* 2. Its text. */
    struct lk_str path = lk_text_member(arena, file, "path", args->file_id.value);
    if (!read_piece(call, args, path, &piece, err))
        return false;
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "project_id", args->project_id.value);
    lk_json_member_string(&w, "file_id", lk_text_member(arena, file, "id", args->file_id.value));
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        if (lk_json_get(file, lk_str(shown[i]), &value))
            lk_json_member_raw(&w, shown[i], value);
    write_content(&w, context, &piece);
    lk_json_end_object(&w);
    return true;
}

/* ---- create_file, update_file, delete_file ---- */

enum change { CREATE, UPDATE, DELETE };

struct write {
    enum change change;
    struct lk_string project_id, file_id, content;
};

static struct write write_of(struct mcp_call *call, const void *args_)
{
    const char *tool = mcp_call_tool(call)->name;

    if (strcmp(tool, "create_file") == 0) {
        const struct looker_create_file_args *args = args_;
        return (struct write){CREATE, args->project_id, args->file_id, args->content};
    }
    if (strcmp(tool, "update_file") == 0) {
        const struct looker_update_file_args *args = args_;
        return (struct write){UPDATE, args->project_id, args->file_id, args->content};
    }
    const struct looker_delete_file_args *args = args_;
    return (struct write){.change = DELETE, args->project_id, args->file_id};
}

/* Looker's own answers to a path that is taken or free are not known well enough to be relied on,
 * and a create that overwrites would lose a file: so look first. */
static bool check_file(struct mcp_call *call, const struct write *write, struct lk_str *ret_path,
                       struct lk_error *err)
{
    struct lk_str files, file;

    if (write->change == CREATE && !lk_is_project_path(write->file_id.value))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "file_id: \"%.*s\" is no path of a file within the project, such as "
                       "views/orders.view.lkml",
                       LK_STR_ARG(write->file_id.value));
    if (!lk_project_files(call, write->project_id, true, &files, err))
        return false;
    bool exists = lk_project_file(files, write->file_id.value, &file);
    if (exists && write->change == CREATE)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "the dev workspace has a file \"%.*s\" already, and it was left as it is: "
                       "update_file replaces it",
                       LK_STR_ARG(write->file_id.value));
    if (!exists && write->change != CREATE)
        return lk_fail(
            err, LK_ERROR_ARGUMENT,
            "the dev workspace has no file \"%.*s\": list_project_files shows what there "
            "is%s",
            LK_STR_ARG(write->file_id.value),
            write->change == UPDATE ? "; create_file makes a new one" : "");
    *ret_path = exists ? lk_text_member(mcp_call_arena(call), file, "path", write->file_id.value)
                       : write->file_id.value;
    return true;
}

static bool send_change(struct mcp_call *call, const struct write *write, struct lk_str path,
                        struct lk_error *err)
{
    struct looker_create_project_file_params create = {.project_id = write->project_id};
    struct looker_update_project_file_params update = {.project_id = write->project_id};
    struct looker_delete_project_file_params delete = {
        .project_id = write->project_id,
        .file_path = lk_string(path),
    };
    struct looker_project_file_content body = {.path = lk_string(path), .content = write->content};
    struct lk_api_request request =
        write->change == CREATE   ? looker_create_project_file(&create, &body)
        : write->change == UPDATE ? looker_update_project_file(&update, &body)
                                  : looker_delete_project_file(&delete);
    struct lk_api_answer answer;

    if (lk_api_call(lk_tool_context(call)->api, mcp_call_arena(call), request, &answer, err))
        return true;
    if (err->kind == LK_ERROR_TIMEOUT || err->kind == LK_ERROR_NETWORK)
        lk_error_advise(err, "look with get_file whether the file was changed all the same");
    return lk_explain_status(
        err, 404,
        "this Looker does not change files through its API (the route is not "
        "in its published API): nothing was changed; edit the file in Looker's "
        "IDE or push it to the git remote");
}

bool lk_handler_write_file(struct mcp_call *call, const void *args, struct lk_error *err)
{
    static const char *const done[] = {"created", "updated", "deleted"};
    struct write write = write_of(call, args);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_str path;

    /* 1. Whether the file is there, or is not, as it should. 2. The change. */
    if (!check_file(call, &write, &path, err) || !send_change(call, &write, path, err))
        return false;
    lk_json_begin_object(&w);
    lk_json_member_boolean(&w, "ok", true);
    lk_json_member_string(&w, "action", lk_str(done[write.change]));
    lk_json_member_string(&w, "project_id", write.project_id.value);
    lk_json_member_string(&w, "file_id", path);
    if (write.change != DELETE)
        lk_json_member_integer(&w, "bytes", (int64_t)write.content.value.len);
    lk_json_end_object(&w);
    return true;
}
