/* threads MODEL: eight threads stream from one model at once, and each gets, bit for bit, what it gets alone. */
#include "edifice.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, STEPS = 200, WIDEST = 4096 };

static edifice_model model;
static size_t vocabulary;

typedef struct run {
    int32_t tokens[STEPS];
    float last[WIDEST];
    int failed;
    int seed;
} run;

static void *stream(void *argument)
{
    run *r = argument;
    edifice_stream s;
    int32_t token = 'a' + r->seed;
    r->failed = edifice_stream_create(model, 1, &s) != EDIFICE_OK;
    for (int i = 0; i < STEPS && !r->failed; i++) {
        r->failed = edifice_step(s, &token, 1, EDIFICE_LOGITS, r->last, vocabulary) != EDIFICE_OK;
        token = 0;
        for (size_t c = 1; c < vocabulary; c++)
            if (r->last[c] > r->last[token]) token = (int32_t)c;
        r->tokens[i] = token;
        if (i % 50 == 49 && !r->failed) { /* go on with a copy */
            edifice_stream copy;
            r->failed = edifice_stream_clone(s, &copy) != EDIFICE_OK || edifice_stream_free(s) != EDIFICE_OK;
            s = copy;
        }
    }
    if (!r->failed) r->failed = edifice_stream_free(s) != EDIFICE_OK;
    if (r->failed) fprintf(stderr, "%s\n", edifice_last_error());
    return NULL;
}

int main(int argc, char **argv)
{
    edifice_model_info info;
    if (argc != 2 || edifice_model_load(argv[1], NULL, &model) != EDIFICE_OK) return fprintf(stderr, "%s\n", edifice_last_error()), 1;
    if (edifice_model_get_info(model, &info) != EDIFICE_OK || info.vocabulary > WIDEST) return 1;
    vocabulary = (size_t)info.vocabulary;
    static run together[THREADS], alone[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) together[i].seed = alone[i].seed = i;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, stream, &together[i]) != 0) return 1;
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) stream(&alone[i]);
    if (memcmp(together, alone, sizeof alone) != 0 || together[0].failed) return printf("threads disturb one another\n"), 1;
    if (edifice_model_free(model) != EDIFICE_OK) return 1;
    printf("8 threads stream from one model, each as if alone\n");
    return 0;
}
