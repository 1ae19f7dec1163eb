/* edifice.h: trained text models of Edifice.Engine from C.
 *
 * Link with -ledifice. Every function that can fail returns an edifice_status; nothing is thrown across this boundary, and
 * edifice_last_error() says in words what was wrong with the calling thread's last failed call.
 *
 * Handles are opaque and checked: a null one, one of another kind and one that was freed are answered with a status, never
 * with a crash. Buffers are the caller's: their lengths are given in elements and must be exact.
 *
 * Threads: a model may be used by any number of threads at once. A stream, an options object and a sampler may be used by any
 * thread, but by one at a time: while one call is at work on it another returns EDIFICE_BUSY. Results do not depend on the
 * number of threads.
 */
#ifndef EDIFICE_H
#define EDIFICE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a program compiled with an older header would go wrong. */
#define EDIFICE_API_VERSION 1

typedef int32_t edifice_status;
enum {
    EDIFICE_OK = 0,
    EDIFICE_NULL_ARGUMENT = 1,   /* a pointer or handle that must not be null is null */
    EDIFICE_BAD_HANDLE = 2,      /* a handle that was freed, is of another kind, or never was one */
    EDIFICE_WRONG_LENGTH = 3,    /* a buffer or a number of tokens does not have the length that is needed */
    EDIFICE_OUT_OF_RANGE = 4,    /* a number (token, thread count, index, batch, temperature) is outside its range */
    EDIFICE_BAD_OPTION = 5,      /* no such option, no such value, or values that do not go together */
    EDIFICE_NOT_FOUND = 6,       /* a file or folder is missing or cannot be read */
    EDIFICE_BAD_FILE = 7,        /* a file's content is broken, or is no model of text */
    EDIFICE_BUSY = 8,            /* the object is being used by another thread */
    EDIFICE_OUT_OF_MEMORY = 9,
    EDIFICE_INTERNAL = 10        /* a defect of the library */
};

typedef struct edifice_options_handle *edifice_options;
typedef struct edifice_model_handle *edifice_model;
typedef struct edifice_stream_handle *edifice_stream;
typedef struct edifice_sampler_handle *edifice_sampler;

/* What is written for a position: scores of every token, or the block's hidden state. */
typedef int32_t edifice_output;
enum { EDIFICE_LOGITS = 0, EDIFICE_HIDDEN = 1 };

/* ---- The library ---- */

int32_t edifice_api_version(void);         /* EDIFICE_API_VERSION of the library */
const char *edifice_version(void);         /* for example "0.1.0" */
const char *edifice_instruction_set(void); /* "AVX-512", "AVX2+FMA" or "128-bit SIMD": what the kernels use */
const char *edifice_status_name(edifice_status status);

/* What was wrong with this thread's last call that failed; "" when none has. Valid until this thread's next failing call. */
const char *edifice_last_error(void);

/* How many threads share the work of one call. At first: as many as there are processors. */
edifice_status edifice_get_threads(int32_t *threads);
edifice_status edifice_set_threads(int32_t threads); /* 1 to 1024 */

/* ---- Options: what a model is built with ---- */

/* Text of an option. The strings belong to the options object and stay until it is freed. */
typedef struct edifice_option {
    const char *name;        /* "window_size" */
    const char *description;
    const char *values;      /* what it may be, in words: "a whole number or null" */
    const char *value;       /* as JSON: 64, 0.5, true, "rope", null */
} edifice_option;

/* The options of the model in a folder of `edifice train --text FILE --out FOLDER`. */
edifice_status edifice_options_open(const char *folder, edifice_options *options);
edifice_status edifice_options_count(edifice_options options, int32_t *count);
edifice_status edifice_options_get(edifice_options options, int32_t index, edifice_option *option);
/* Sets one from text, as after --option on the command line: "8", "0.5", "true", "rope", "null". */
edifice_status edifice_options_set(edifice_options options, const char *name, const char *value);
edifice_status edifice_options_free(edifice_options options);

/* ---- Models ---- */

typedef struct edifice_model_info {
    int32_t vocabulary;      /* V: tokens are 0 to V-1 */
    int32_t hidden_size;     /* H */
    int32_t streams;         /* 1: a step costs the same at any position; 0: each step reads the last 1024 tokens anew */
    int32_t reserved;
    int64_t parameters;
} edifice_model_info;

/* Loads the model of a folder. options: null for those it was trained with; others where its weights allow it, such as
 * window_size or mode. */
edifice_status edifice_model_load(const char *folder, edifice_options options, edifice_model *model);
edifice_status edifice_model_get_info(edifice_model model, edifice_model_info *info);

/* A whole batch of sequences at once. tokens: [batch][length]; out: [batch][length][V or H], out_length floats. */
edifice_status edifice_forward(edifice_model model, const int32_t *tokens, int32_t batch, int32_t length,
                               edifice_output what, float *out, size_t out_length);

/* Streams of the model stay usable. */
edifice_status edifice_model_free(edifice_model model);

/* ---- Streams: sequences read token by token ---- */

/* batch sequences side by side, at their beginning. */
edifice_status edifice_stream_create(edifice_model model, int32_t batch, edifice_stream *stream);
/* An independent copy at the same position. */
edifice_status edifice_stream_clone(edifice_stream stream, edifice_stream *copy);
/* Back to the beginning. */
edifice_status edifice_stream_reset(edifice_stream stream);
/* How many tokens of each sequence were read. */
edifice_status edifice_stream_position(edifice_stream stream, int64_t *position);
/* Reads the next tokens, [batch][length]. out: what stands at the last of them, [batch][V or H], out_length floats; or null
 * with out_length 0. */
edifice_status edifice_prefill(edifice_stream stream, const int32_t *tokens, int32_t length,
                               edifice_output what, float *out, size_t out_length);
/* Reads one token per sequence: tokens [batch], count must be batch. out as above. */
edifice_status edifice_step(edifice_stream stream, const int32_t *tokens, int32_t count,
                            edifice_output what, float *out, size_t out_length);
edifice_status edifice_stream_free(edifice_stream stream);

/* ---- Samplers: draw tokens as `edifice generate` does ---- */

/* temperature 0: always the most likely token. top_k 0: from all tokens. */
edifice_status edifice_sampler_create(double temperature, int32_t top_k, uint64_t seed, edifice_sampler *sampler);
/* logits: [batch][vocabulary], logits_length floats; tokens: [batch]. */
edifice_status edifice_sample(edifice_sampler sampler, const float *logits, size_t logits_length, int32_t batch, int32_t *tokens);
edifice_status edifice_sampler_free(edifice_sampler sampler);

#ifdef __cplusplus
}
#endif

#endif
