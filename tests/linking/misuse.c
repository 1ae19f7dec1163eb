/* misuse MODEL: every way to use the library wrongly is answered with its status and a text. */
#include "edifice.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define EXPECT(status, call, word)                                                                                     \
    do {                                                                                                               \
        edifice_status got = (call);                                                                                   \
        if (got != (status) || !strstr(edifice_last_error(), word)) {                                                  \
            printf("%s gave %s: %s\n", #call, edifice_status_name(got), edifice_last_error());                         \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

#define OK(call) EXPECT(EDIFICE_OK, call, "")

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    edifice_model model = NULL;
    edifice_stream stream = NULL, copy = NULL;
    edifice_options options = NULL;
    edifice_sampler sampler = NULL;
    edifice_model_info info;
    edifice_option option;
    int32_t number, tokens[4] = {97, 98, 99, 100};
    int64_t position;
    char missing[4096];

    if (strcmp(edifice_last_error(), "") != 0) failures++;
    EXPECT(EDIFICE_NULL_ARGUMENT, edifice_model_load(NULL, NULL, &model), "folder");
    EXPECT(EDIFICE_NULL_ARGUMENT, edifice_model_load(argv[1], NULL, NULL), "model");
    EXPECT(EDIFICE_NOT_FOUND, edifice_model_load("no-such-folder", NULL, &model), "no-such-folder");
    snprintf(missing, sizeof missing, "%s/no-weights", argv[1]); /* the script lays a folder without weights there */
    EXPECT(EDIFICE_NOT_FOUND, edifice_model_load(missing, NULL, &model), "model.safetensors");
    snprintf(missing, sizeof missing, "%s/broken", argv[1]); /* and one whose weights are cut off */
    EXPECT(EDIFICE_BAD_FILE, edifice_model_load(missing, NULL, &model), "model.safetensors");
    EXPECT(EDIFICE_BAD_HANDLE, edifice_model_load(argv[1], (edifice_options)0x1234567, &model), "edifice_options");

    OK(edifice_options_open(argv[1], &options));
    OK(edifice_options_count(options, &number));
    for (int32_t i = 0; i < number; i++) {
        OK(edifice_options_get(options, i, &option));
        if (!*option.name || !*option.value || !*option.values || !*option.description) failures++;
    }
    EXPECT(EDIFICE_OUT_OF_RANGE, edifice_options_get(options, number, &option), "index");
    EXPECT(EDIFICE_NULL_ARGUMENT, edifice_options_get(options, 0, NULL), "option");
    EXPECT(EDIFICE_BAD_OPTION, edifice_options_set(options, "num_head", "4"), "num_heads");
    EXPECT(EDIFICE_BAD_OPTION, edifice_options_set(options, "num_heads", "many"), "many");
    EXPECT(EDIFICE_NULL_ARGUMENT, edifice_options_set(options, "num_heads", NULL), "value");
    OK(edifice_options_set(options, "hidden_size", "8"));
    EXPECT(EDIFICE_BAD_OPTION, edifice_model_load(argv[1], options, &model), "");
    OK(edifice_options_free(options));
    EXPECT(EDIFICE_BAD_HANDLE, edifice_options_free(options), "freed");

    OK(edifice_model_load(argv[1], NULL, &model));
    OK(edifice_model_get_info(model, &info));
    size_t v = (size_t)info.vocabulary, h = (size_t)info.hidden_size;
    float *out = malloc(sizeof *out * v * 4);
    EXPECT(EDIFICE_NULL_ARGUMENT, edifice_model_get_info(NULL, &info), "edifice_model");
    EXPECT(EDIFICE_NULL_ARGUMENT, edifice_model_get_info(model, NULL), "info");

    OK(edifice_forward(model, tokens, 2, 2, EDIFICE_LOGITS, out, 4 * v));
    OK(edifice_forward(model, tokens, 1, 4, EDIFICE_HIDDEN, out, 4 * h));
    EXPECT(EDIFICE_WRONG_LENGTH, edifice_forward(model, tokens, 2, 2, EDIFICE_LOGITS, out, 4 * v - 1), "floats");
    EXPECT(EDIFICE_NULL_ARGUMENT, edifice_forward(model, tokens, 2, 2, EDIFICE_LOGITS, NULL, 4 * v), "out");
    EXPECT(EDIFICE_NULL_ARGUMENT, edifice_forward(model, NULL, 2, 2, EDIFICE_LOGITS, out, 4 * v), "tokens");
    EXPECT(EDIFICE_WRONG_LENGTH, edifice_forward(model, tokens, 2, 0, EDIFICE_LOGITS, out, 0), "length");
    EXPECT(EDIFICE_OUT_OF_RANGE, edifice_forward(model, tokens, 0, 2, EDIFICE_LOGITS, out, 0), "batch");
    EXPECT(EDIFICE_OUT_OF_RANGE, edifice_forward(model, tokens, 2, 2, 7, out, 4 * v), "what");

    EXPECT(EDIFICE_OUT_OF_RANGE, edifice_stream_create(model, 0, &stream), "batch");
    EXPECT(EDIFICE_NULL_ARGUMENT, edifice_stream_create(NULL, 1, &stream), "edifice_model");
    OK(edifice_stream_create(model, 2, &stream));
    EXPECT(EDIFICE_BAD_HANDLE, edifice_stream_create((edifice_model)stream, 1, &copy), "kind");
    EXPECT(EDIFICE_WRONG_LENGTH, edifice_step(stream, tokens, 1, EDIFICE_LOGITS, out, 2 * v), "2 sequences");
    EXPECT(EDIFICE_WRONG_LENGTH, edifice_step(stream, tokens, 2, EDIFICE_LOGITS, out, v), "floats");
    EXPECT(EDIFICE_WRONG_LENGTH, edifice_prefill(stream, tokens, -1, EDIFICE_LOGITS, out, 2 * v), "length");
    tokens[1] = info.vocabulary;
    EXPECT(EDIFICE_OUT_OF_RANGE, edifice_step(stream, tokens, 2, EDIFICE_LOGITS, out, 2 * v), "token 1");
    tokens[1] = -1;
    EXPECT(EDIFICE_OUT_OF_RANGE, edifice_step(stream, tokens, 2, EDIFICE_LOGITS, out, 2 * v), "token 1");
    tokens[1] = 98;
    OK(edifice_stream_position(stream, &position));
    if (position != 0) failures++; /* what was refused was not read */
    OK(edifice_prefill(stream, tokens, 2, EDIFICE_LOGITS, NULL, 0));
    OK(edifice_step(stream, tokens, 2, EDIFICE_HIDDEN, out, 2 * h));
    OK(edifice_stream_position(stream, &position));
    if (position != 3) failures++;
    OK(edifice_stream_clone(stream, &copy));
    OK(edifice_stream_free(stream));
    EXPECT(EDIFICE_BAD_HANDLE, edifice_step(stream, tokens, 2, EDIFICE_LOGITS, out, 2 * v), "freed");
    EXPECT(EDIFICE_BAD_HANDLE, edifice_stream_free(stream), "freed");
    EXPECT(EDIFICE_NULL_ARGUMENT, edifice_stream_free(NULL), "edifice_stream");

    EXPECT(EDIFICE_OUT_OF_RANGE, edifice_sampler_create(-1, 0, 0, &sampler), "temperature");
    EXPECT(EDIFICE_OUT_OF_RANGE, edifice_sampler_create(1, -1, 0, &sampler), "top_k");
    OK(edifice_sampler_create(1, 5, 0, &sampler));
    OK(edifice_step(copy, tokens, 2, EDIFICE_LOGITS, out, 2 * v));
    OK(edifice_sample(sampler, out, 2 * v, 2, tokens));
    EXPECT(EDIFICE_WRONG_LENGTH, edifice_sample(sampler, out, 2 * v - 1, 2, tokens), "2 sequences");
    EXPECT(EDIFICE_NULL_ARGUMENT, edifice_sample(sampler, NULL, 2 * v, 2, tokens), "logits");
    out[3] = NAN;
    EXPECT(EDIFICE_OUT_OF_RANGE, edifice_sample(sampler, out, 2 * v, 2, tokens), "logit 3");
    OK(edifice_sampler_free(sampler));

    EXPECT(EDIFICE_OUT_OF_RANGE, edifice_set_threads(0), "threads");
    EXPECT(EDIFICE_OUT_OF_RANGE, edifice_set_threads(-3), "threads");
    EXPECT(EDIFICE_OUT_OF_RANGE, edifice_set_threads(1000000), "threads");
    EXPECT(EDIFICE_NULL_ARGUMENT, edifice_get_threads(NULL), "threads");
    OK(edifice_set_threads(3));
    OK(edifice_get_threads(&number));
    if (number != 3) failures++;

    OK(edifice_model_free(model));
    EXPECT(EDIFICE_BAD_HANDLE, edifice_model_get_info(model, &info), "freed");
    OK(edifice_step(copy, tokens, 2, EDIFICE_LOGITS, out, 2 * v)); /* a stream outlives its model's handle */
    OK(edifice_stream_free(copy));
    free(out);
    printf(failures ? "%d misuses were not answered as the header says\n" : "every misuse is answered as the header says\n", failures);
    return failures != 0;
}
