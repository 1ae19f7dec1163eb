/* generate MODEL PROMPT TOKENS TEMPERATURE SEED: what `edifice generate` prints, from C. */
#include "edifice.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(edifice_status status)
{
    if (status == EDIFICE_OK) return;
    fprintf(stderr, "%s: %s\n", edifice_status_name(status), edifice_last_error());
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 6) return fprintf(stderr, "usage: generate MODEL PROMPT TOKENS TEMPERATURE SEED\n"), 2;
    if (edifice_api_version() != EDIFICE_API_VERSION) return fprintf(stderr, "another version of libedifice\n"), 2;

    edifice_model model;
    edifice_model_info info;
    edifice_stream stream;
    edifice_sampler sampler;
    check(edifice_model_load(argv[1], NULL, &model));
    check(edifice_model_get_info(model, &info));
    check(edifice_stream_create(model, 1, &stream));
    check(edifice_sampler_create(atof(argv[4]), 0, strtoull(argv[5], NULL, 10), &sampler));

    int32_t length = (int32_t)strlen(argv[2]);
    int32_t *prompt = malloc(sizeof *prompt * (size_t)length);
    float *logits = malloc(sizeof *logits * (size_t)info.vocabulary);
    for (int32_t i = 0; i < length; i++) prompt[i] = (unsigned char)argv[2][i];
    check(edifice_prefill(stream, prompt, length, EDIFICE_LOGITS, logits, (size_t)info.vocabulary));
    fwrite(argv[2], 1, (size_t)length, stdout);
    for (int i = 0, tokens = atoi(argv[3]); i < tokens; i++) {
        int32_t token;
        check(edifice_sample(sampler, logits, (size_t)info.vocabulary, 1, &token));
        putchar(token);
        if (i + 1 < tokens) check(edifice_step(stream, &token, 1, EDIFICE_LOGITS, logits, (size_t)info.vocabulary));
    }
    putchar('\n');

    free(prompt);
    free(logits);
    check(edifice_sampler_free(sampler));
    check(edifice_stream_free(stream));
    check(edifice_model_free(model));
    return 0;
}
