/* The pool's native code under a thread sanitizer: eight threads share loops, nested ones too, some
   of which fail. CPython is played by a lock and an error of each thread. See test_sanitized.py. */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t gil = PTHREAD_MUTEX_INITIALIZER;
static __thread int holds_gil;
static __thread const char *error;

static void take_gil(void) { pthread_mutex_lock(&gil); holds_gil = 1; }
static void let_gil_go(void) { holds_gil = 0; pthread_mutex_unlock(&gil); }

int PyErr_CheckSignals(void) { return 0; }
void PyErr_Fetch(void **type, void **value, void **traceback) {
    *type = (void *)error;
    *value = *traceback = NULL;
    error = NULL;
}
void PyErr_Restore(void *type, void *value, void *traceback) { error = type; }
void PyEval_RestoreThread(void *state) { take_gil(); }
void *PyEval_SaveThread(void) { let_gil_go(); return &gil; }
int PyGILState_Check(void) { return holds_gil; }
int PyGILState_Ensure(void) { return holds_gil ? 0 : (take_gil(), 1); }
void PyGILState_Release(int taken) { if (taken) let_gil_go(); }
uint64_t PyThread_get_thread_ident(void) { return (uint64_t)pthread_self(); }
void Py_DecRef(void *object) {}

int kernelgen_share(void *words, void *run, void *argument, int64_t n);
void kernelgen_worker(void *pool, int64_t number);
void kernelgen_pool_reset(void *pool);

char pool[384] __attribute__((aligned(64)));
char start;
double limits[4] = {0};

static int64_t *const workers = (int64_t *)(pool + WORKERS);
static int64_t *const room = (int64_t *)(pool + ROOM);
enum { MOST = 3, THREADS = 8, CALLS = 300 };

static void *work(void *number) {
    kernelgen_worker(pool, (intptr_t)number);
    return NULL;
}

void *PyObject_CallNoArgs(void *starter) {
    static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&starting);
    for (intptr_t n = *workers + 1; n <= MOST; n++) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, (void *)n);
        __atomic_store_n(workers, n, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&starting);
    return starter;
}

typedef struct { double time; int64_t certain, fixed, memory[3]; } Words;
typedef struct { int64_t n, bad, *out; int nested; } Loop;

static void fail(const char *what) { fprintf(stderr, "%s\n", what); abort(); }

static int run(Loop *loop, int64_t first, int64_t end) {
    for (int64_t i = first; i < end; i++) {
        if (i == loop->bad) { error = "bad"; return -1; }
        loop->out[i] += i;
        if (loop->nested && i % 7 == 0) {
            int64_t out[20] = {0};
            Loop inner = {20, -1, out, 0};
            Words words = {1e9};
            if (kernelgen_share(&words, run, &inner, inner.n)) return -1;
            for (int k = 0; k < 20; k++) if (out[k] != k) fail("a nested loop is wrong");
        }
    }
    return 0;
}

static void *drive(void *seed) {
    static Words common[2] = {{1e9}, {1e9, 0, 1}};
    unsigned random = (unsigned)(intptr_t)seed;
    for (int call = 0; call < CALLS; call++) {
        int64_t n = 1 + rand_r(&random) % 300, *out = calloc(n, sizeof *out);
        int bad = rand_r(&random) % 4 == 0, gil_is_held = rand_r(&random) % 2;
        Loop loop = {n, bad ? rand_r(&random) % n : -1, out, rand_r(&random) % 3 == 0};
        if (gil_is_held) take_gil();
        int failed = kernelgen_share(&common[rand_r(&random) % 2], run, &loop, n) != 0;
        if (failed != bad) fail("an error is lost, or made up");
        if (failed && (!error || strcmp(error, "bad"))) fail("it is another error");
        for (int64_t i = 0; i < n && !failed; i++) if (out[i] != i) fail("a loop is wrong");
        error = NULL;
        if (gil_is_held) let_gil_go();
        free(out);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    kernelgen_pool_reset(pool);
    *room = MOST;
    for (intptr_t k = 0; k < THREADS; k++) pthread_create(threads + k, NULL, drive, (void *)k);
    for (int k = 0; k < THREADS; k++) pthread_join(threads[k], NULL);
    puts("all right");
    fflush(stdout);
    _exit(0);
}
