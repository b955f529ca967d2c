/*
 * Leases in files: what the directory has to be, several processes and threads at once, processes
 * that are killed at any time, files that are damaged, disks that are full.
 */
#include "lease_store_harness.h"

#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void in_state(const struct fixture *f, const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", f->path, name);
}

static size_t n_files(const struct fixture *f, const char *name_start)
{
    char command[256];
    size_t n = 0;
    FILE *pipe;

    snprintf(command, sizeof(command), "ls -1 %s 2>/dev/null", f->path);
    pipe = popen(command, "r");
    while (fgets(command, sizeof(command), pipe) != NULL)
        n += strncmp(command, name_start, strlen(name_start)) == 0;
    pclose(pipe);
    return n;
}

/* The one file of a document that there is. */
static void document_path(const struct fixture *f, char path[256])
{
    FILE *pipe;

    snprintf(path, 256, "ls -1 %s/lease-*", f->path);
    pipe = popen(path, "r");
    assert_non_null(fgets(path, 256, pipe));
    path[strcspn(path, "\n")] = '\0';
    pclose(pipe);
}

static unsigned mode_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static struct deed try_load(struct fixture *f, const char *key)
{
    struct deed d = {.store = f->one, .key = lk_str(key)};

    run_deed(f, do_load, &d);
    return d;
}

static struct deed try_save(struct fixture *f, const char *key, uint64_t version, const char *text)
{
    struct deed d = {.store = f->one, .key = lk_str(key), .text = lk_str(text), .version = version};

    run_deed(f, do_save, &d);
    return d;
}

/* ---- the directory ---- */

static void test_made_when_needed_and_nobody_elses(void **state)
{
    struct fixture *f = *state;
    mode_t before = umask(0);
    char path[256];

    assert_int_equal(load(f, f->one, "7").text.len, 0);
    assert_true(save(f, f->one, "7", 0, ""));
    assert_false(save(f, f->one, "7", 5, ""));
    assert_int_equal(mode_of(f->path), 0);
    put(f, "7", "a");
    umask(before);
    assert_int_equal(mode_of(f->path), 0700);
    document_path(f, path);
    assert_int_equal(mode_of(path), 0600);
    in_state(f, "lock", path);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(n_files(f, "instance-"), 1);
    assert_int_equal(n_files(f, "temporary"), 0);
    put(f, "7", "");
    assert_int_equal(n_files(f, "lease-"), 0);
    close_stores(f);
    assert_int_equal(n_files(f, "instance-"), 0);
    assert_true(open_stores(f));
}

static void test_where_others_can_write(void **state)
{
    static const mode_t modes[] = {0770, 0777, 01777, 0702};
    struct fixture *f = *state;
    struct deed d;

    put(f, "7", "a");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        chmod(f->path, modes[i]);
        d = try_load(f, "7");
        assert_false(d.ok);
        assert_int_equal(d.err.kind, LK_ERROR_CONFIG);
        assert_in(d.err.message, "LOOKER_STATE_DIR=");
        assert_in(d.err.message, "chmod go-w");
        assert_false(try_save(f, "7", 0, "b").ok);
        d = (struct deed){.store = f->one};
        run_deed(f, do_keys, &d);
        assert_false(d.ok);
        d = (struct deed){.store = f->one};
        run_deed(f, do_check, &d);
        assert_false(d.ok);
    }
    chmod(f->path, 0755);
    assert_str(load(f, f->one, "7").text, "a");
}

static void test_places_that_cannot_be(void **state)
{
    static const char *const places[] = {"/dev/null/x", "/dev/null/x/y", "/dev/null", "/proc/nope",
                                         "/proc/self/nope/x/"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct deed d;

        close_stores(f);
        f->options.state_dir = lk_str(places[i]);
        assert_true(open_stores(f)); /* who never borrows does not mind */
        d = try_save(f, "7", 0, "a");
        assert_false(d.ok);
        assert_int_equal(d.err.kind, LK_ERROR_INTERNAL);
        assert_in(d.err.message, places[i]);
        assert_in(d.err.message, "LOOKER_STATE_DIR");
        d = (struct deed){.store = f->one};
        run_deed(f, do_check, &d);
        assert_false(d.ok);
        assert_in(d.err.message, places[i]);
    }
}

static void test_asking_tries_and_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    char base[200], deep[256];
    struct deed d;

    assert_int_equal(mode_of(f->path), 0);
    snprintf(base, sizeof(base), "%s", f->path);
    for (int slashes = 0; slashes < 2; slashes++) {
        close_stores(f);
        snprintf(deep, sizeof(deep), "%s/a/b%s", base, slashes ? "//" : "");
        f->options.state_dir = lk_str(deep);
        assert_true(open_stores(f));
        d = (struct deed){.store = f->one};
        run_deed(f, do_check, &d);
        assert_true(d.ok);
        assert_int_equal(mode_of(base), 0);
    }
    /* What is there stays, and no more is there than was. */
    put(f, "7", "a");
    d = (struct deed){.store = f->one};
    run_deed(f, do_check, &d);
    assert_true(d.ok);
    assert_str(load(f, f->one, "7").text, "a");
    snprintf(deep, sizeof(deep), "%s/a/b/check", base);
    assert_int_equal(mode_of(deep), 0);
    remove_all(base);
}

static void test_removed_while_it_is_used(void **state)
{
    struct fixture *f = *state;

    put(f, "7", "a");
    remove_all(f->path);
    assert_int_equal(load(f, f->one, "7").text.len, 0);
    put(f, "7", "b");
    assert_str(load(f, f->other, "7").text, "b");
    assert_true(lk_lease_store_is_alive(f->other, lk_lease_store_instance(f->one)));
}

/* ---- somebody else at the same time ---- */

static void increment(struct fixture *f, unsigned times)
{
    while (times > 0) {
        struct lk_lease_doc doc = load(f, f->one, "n");
        char text[16];

        snprintf(text, sizeof(text), "%lu",
                 doc.text.len > 0 ? strtoul(doc.text.ptr, NULL, 10) + 1 : 1);
        times -= save(f, f->one, "n", doc.version, text);
    }
}

static void *increment_in_thread(void *arg)
{
    struct fixture f = *(struct fixture *)arg;

    f.arena = lk_arena_new();
    assert_true(lk_loop_new(&f.loop, NULL));
    assert_true(lk_lease_store_open(f.shared, f.loop, &f.one, NULL));
    increment(&f, 25);
    lk_lease_store_close(f.one);
    lk_loop_free(f.loop);
    lk_arena_free(f.arena);
    return NULL;
}

/* A process of its own, which had better not be told of this one's loop: that is not meant to be
 * shared. */
static pid_t fork_with(const struct fixture *parent, void (*fn)(struct fixture *f))
{
    struct fixture f = *parent;
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!lk_loop_new(&f.loop, NULL) || !open_stores(&f))
        _exit(1);
    f.arena = lk_arena_new();
    fn(&f);
    close_stores(&f);
    _exit(0);
}

static void increment_in_process(struct fixture *f)
{
    increment(f, 25);
}

static void test_nothing_is_lost_between_threads_and_processes(void **state)
{
    enum { N = 3 };
    struct fixture *f = *state;
    pthread_t threads[N];
    pid_t pids[N];
    int status;

    for (int i = 0; i < N; i++)
        pids[i] = fork_with(f, increment_in_process);
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, increment_in_thread, f), 0);
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < N; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_str(load(f, f->one, "n").text, "150");
}

static void test_lock_of_another_process(void **state)
{
    struct fixture *f = *state;
    struct deed d = {.key = LK_STR_INIT("7"), .text = LK_STR_INIT("b")};
    char path[256];
    int fd;

    close_stores(f);
    f->options.lock_ms = 100;
    assert_true(open_stores(f));
    d.store = f->one;
    put(f, "7", "a");
    d.version = load(f, f->one, "7").version;
    in_state(f, "lock", path);
    fd = open(path, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_str(load(f, f->one, "7").text, "a"); /* reading needs none */
    run_deed(f, do_save, &d);
    assert_false(d.ok);
    assert_int_equal(d.err.kind, LK_ERROR_TIMEOUT);
    assert_in(d.err.message, "/lock for more than 100 ms");

    /* Who waits is served once it is let go. */
    d.ended = false;
    d.err = (struct lk_error){0};
    assert_true(lk_co_start(f->loop, do_save, &d, NULL, NULL));
    assert_false(d.ended);
    close(fd);
    while (!d.ended)
        lk_loop_run_once(f->loop, 1000);
    assert_true(d.ok && d.saved);
}

/* ---- processes that die ---- */

/* Documents of one letter each, so that a half is told from a whole. */
static void write_for_ever(struct fixture *f)
{
    static char text[60001];

    for (char c = 'a';; c = c == 'z' ? 'a' : (char)(c + 1)) {
        memset(text, c, sizeof(text) - 1);
        put(f, "7", text);
        put(f, "owner", lk_lease_store_instance(f->one).ptr);
    }
}

static void test_killed_at_any_time(void **state)
{
    struct fixture *f = *state;
    struct timespec pause = {0};

    for (int round = 0; round < 25; round++) {
        pid_t pid = fork_with(f, write_for_ever);
        struct lk_lease_doc doc, owner;

        do /* it has begun */
            doc = load(f, f->one, "7"), owner = load(f, f->one, "owner");
        while (doc.text.len == 0 || owner.text.len == 0);
        pause.tv_nsec = round * 137000;
        nanosleep(&pause, NULL);
        if (round == 0)
            assert_true(lk_lease_store_is_alive(f->one, owner.text));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        doc = load(f, f->one, "7");
        assert_int_equal(doc.text.len, 60000);
        for (size_t i = 1; i < doc.text.len; i++)
            assert_int_equal(doc.text.ptr[i], doc.text.ptr[0]);
        owner = load(f, f->one, "owner");
        assert_false(lk_lease_store_is_alive(f->one, owner.text));
        if (round % 5 == 4) { /* and this one goes on */
            put(f, "owner", "");
            put(f, "7", "");
        }
    }
    close_stores(f);
    assert_true(open_stores(f));
    put(f, "7", "a"); /* which sweeps */
    assert_int_equal(n_files(f, "instance-"), 1);
    assert_int_equal(n_files(f, "temporary"), 0);
}

static void live_a_little(struct fixture *f)
{
    put(f, "owner", lk_lease_store_instance(f->one).ptr);
    pause();
}

static void test_stopped_is_alive_and_killed_is_dead(void **state)
{
    struct fixture *f = *state;
    pid_t pid = fork_with(f, live_a_little);
    struct lk_str owner;

    while ((owner = load(f, f->one, "owner").text).len == 0)
        ;
    put(f, "7", "a"); /* so it has let go of the lock, and does no more */
    kill(pid, SIGSTOP);
    assert_true(lk_lease_store_is_alive(f->one, owner));
    close_stores(f);
    assert_true(open_stores(f));
    put(f, "7", "b"); /* which sweeps, and leaves it alone */
    assert_true(lk_lease_store_is_alive(f->one, owner));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_false(lk_lease_store_is_alive(f->one, owner));
}

/* ---- files that are not as they were written ---- */

static void assert_damaged(struct fixture *f, const char *said)
{
    struct deed d = try_load(f, "7");
    struct deed s = try_save(f, "7", d.doc.version, "new"), k = {.store = f->one};

    if (d.ok || s.ok)
        fail_msg("\"%.*s\" was taken for a document", LK_STR_ARG(d.doc.text));
    assert_int_equal(d.err.kind, LK_ERROR_INTERNAL);
    assert_in(d.err.message, "/lease-");
    assert_in(d.err.message, said);
    run_deed(f, do_keys, &k); /* whoever looks for what was left behind comes upon it */
    assert_true(k.ok);
    assert_int_equal(k.n_keys, 1);
}

static void test_damaged(void **state)
{
    struct fixture *f = *state;
    char path[256], other[256], bytes[1024] = "";
    struct stat st;
    size_t len;
    FILE *file;

    put(f, "7", "{\"cells\":[\"a\"]}");
    document_path(f, path);
    file = fopen(path, "r");
    len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    for (size_t i = 0; i < len; i++) { /* cut off anywhere, and a bit turned anywhere */
        file = fopen(path, "w");
        fwrite(bytes, 1, i, file);
        fclose(file);
        assert_damaged(f, "is damaged");
        bytes[i] ^= 4;
        file = fopen(path, "w");
        fwrite(bytes, 1, len, file);
        fclose(file);
        assert_damaged(f, "is damaged");
        bytes[i] ^= 4;
    }
    file = fopen(path, "w");
    fwrite(bytes, 1, len, file);
    fputc('x', file);
    fclose(file);
    assert_damaged(f, "is damaged");
    unlink(path);
    file = fopen(path, "w");
    for (int i = 0; i < 5000; i++)
        fwrite(bytes, 1, sizeof(bytes), file);
    fclose(file);
    assert_damaged(f, "");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_damaged(f, "is not a file");
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_damaged(f, "is not a file");
    unlink(path);

    /* Where a link leads is not looked at, let alone written. */
    in_state(f, "elsewhere", other);
    file = fopen(other, "w");
    fwrite(bytes, 1, len, file);
    fclose(file);
    assert_int_equal(symlink(other, path), 0);
    assert_damaged(f, "symbolic links");
    assert_int_equal(stat(other, &st), 0);
    assert_int_equal(st.st_size, len);
    unlink(path);

    /* A file of another key. */
    put(f, "8", "b");
    document_path(f, other);
    assert_int_equal(rename(other, path), 0);
    assert_damaged(f, "is damaged");
    unlink(path);
    put(f, "7", "b"); /* and when it is gone, all is well again */
}

static void test_disk_is_full(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, tight;
    struct deed d;
    char large[5000] = "";

    signal(SIGXFSZ, SIG_IGN);
    put(f, "7", "a");
    getrlimit(RLIMIT_FSIZE, &before);
    tight = (struct rlimit){.rlim_cur = 1000, .rlim_max = before.rlim_max};
    memset(large, 'x', sizeof(large) - 1);
    setrlimit(RLIMIT_FSIZE, &tight);
    d = try_save(f, "7", load(f, f->one, "7").version, large);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_false(d.ok);
    assert_int_equal(d.err.kind, LK_ERROR_INTERNAL);
    assert_in(d.err.message, "cannot write");
    assert_in(d.err.message, "LOOKER_STATE_DIR");
    assert_str(load(f, f->one, "7").text, "a");
    assert_int_equal(n_files(f, "temporary"), 0);
    put(f, "7", large);
    assert_str(load(f, f->one, "7").text, large);
}

static void test_limits(void **state)
{
    enum { N = 4 * 1024 * 1024 + 1 };
    struct fixture *f = *state;
    char key[66] = "";
    char *text = calloc(1, N + 1);
    struct deed d;

    memset(key, '%', 65);
    d = try_save(f, key, 0, "a");
    assert_int_equal(d.err.kind, LK_ERROR_LIMIT);
    d = try_save(f, "", 0, "a");
    assert_int_equal(d.err.kind, LK_ERROR_LIMIT);
    key[64] = '\0';
    assert_true(try_save(f, key, 0, "a").saved);
    memset(text, 'x', N);
    d = try_save(f, "7", 0, text);
    assert_int_equal(d.err.kind, LK_ERROR_LIMIT);
    assert_in(d.err.message, "limit 4194304");
    text[N - 1] = '\0';
    assert_true(try_save(f, "7", 0, text).saved);
    assert_int_equal(load(f, f->one, "7").text.len, N - 1);
    free(text);
}

/* What replaces a document that disk had to have is synced as well, until that is removed. */
static void test_what_is_synced(void **state)
{
    static const struct {
        const char *text;
        bool durable;
        const char *says;
    } saves[] = {{"a", false, " not "},  {"b", true, " synced "}, {"c", false, " synced "},
                 {"", false, NULL},      {"d", false, " not "},   {"e", true, " synced "},
                 {"f", true, " synced "}};
    struct fixture *f = *state;
    char path[256], head[128];
    FILE *file;

    for (size_t i = 0; i < sizeof(saves) / sizeof(saves[0]); i++) {
        struct deed d = {.store = f->one,
                         .key = LK_STR_INIT("7"),
                         .text = lk_str(saves[i].text),
                         .durable = saves[i].durable,
                         .version = load(f, f->one, "7").version};

        run_deed(f, do_save, &d);
        assert_true(d.saved);
        if (saves[i].says == NULL)
            continue;
        document_path(f, path);
        file = fopen(path, "r");
        assert_non_null(fgets(head, sizeof(head), file));
        fclose(file);
        assert_in(head, saves[i].says);
    }
}

int main(void)
{
    static enum kind files = IN_FILES;
#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, set_up, tear_down, &files)
    const struct CMUnitTest tests[] = {
        TEST(test_made_when_needed_and_nobody_elses),
        TEST(test_where_others_can_write),
        TEST(test_places_that_cannot_be),
        TEST(test_asking_tries_and_leaves_nothing_behind),
        TEST(test_removed_while_it_is_used),
        TEST(test_nothing_is_lost_between_threads_and_processes),
        TEST(test_lock_of_another_process),
        TEST(test_killed_at_any_time),
        TEST(test_stopped_is_alive_and_killed_is_dead),
        TEST(test_damaged),
        TEST(test_disk_is_full),
        TEST(test_limits),
        TEST(test_what_is_synced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
