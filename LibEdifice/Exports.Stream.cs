using System.Runtime.InteropServices;
using Edifice.Attention;
using Edifice.Engine;

namespace Edifice.C;

internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = "edifice_stream_create")]
    public static Status StreamCreate(nint model, int batch, nint* stream) => LastError.Guard(() =>
    {
        Buffers.NotNull(stream, "stream");
        *stream = 0;
        var of = Handles.Get<LanguageModel>(model);
        Buffers.InRange("batch", batch, 1, int.MaxValue);
        *stream = Handles.Add(of.Start(batch));
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_stream_clone")]
    public static Status StreamClone(nint stream, nint* copy) => LastError.Guard(() =>
    {
        Buffers.NotNull(copy, "copy");
        *copy = 0;
        using var taken = new Taken<TokenStream>(stream);
        *copy = Handles.Add(taken.Value.Clone());
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_stream_reset")]
    public static Status StreamReset(nint stream) => LastError.Guard(() =>
    {
        using var taken = new Taken<TokenStream>(stream);
        taken.Value.Reset();
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_stream_position")]
    public static Status StreamPosition(nint stream, long* position) => LastError.Guard(() =>
    {
        using var taken = new Taken<TokenStream>(stream);
        Buffers.NotNull(position, "position");
        *position = taken.Value.Time;
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_prefill")]
    public static Status Prefill(nint stream, int* tokens, int length, int what, float* output, nuint outputLength) => LastError.Guard(() =>
    {
        using var taken = new Taken<TokenStream>(stream);
        Read(taken.Value, tokens, length, what, output, outputLength);
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_step")]
    public static Status Step(nint stream, int* tokens, int count, int what, float* output, nuint outputLength) => LastError.Guard(() =>
    {
        using var taken = new Taken<TokenStream>(stream);
        if (count != taken.Value.Batch)
            throw new CallException(Status.WrongLength, $"{count} tokens were given; a step reads one for each of the stream's {taken.Value.Batch} sequences");
        Read(taken.Value, tokens, 1, what, output, outputLength);
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_stream_free")]
    public static Status StreamFree(nint stream) => LastError.Guard(() =>
    {
        Handles.Remove<TokenStream>(stream).Dispose();
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_sampler_create")]
    public static Status SamplerCreate(double temperature, int topK, ulong seed, nint* sampler) => LastError.Guard(() =>
    {
        Buffers.NotNull(sampler, "sampler");
        *sampler = 0;
        if (!(temperature >= 0 && double.IsFinite(temperature))) throw new CallException(Status.OutOfRange, $"the temperature must be finite and at least 0, got {temperature}");
        Buffers.InRange("top_k", topK, 0, int.MaxValue);
        *sampler = Handles.Add(new Sampler(new Sampling { Temperature = temperature, TopK = topK == 0 ? null : topK, Seed = seed }));
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_sample")]
    public static Status Sample(nint sampler, float* logits, nuint logitsLength, int batch, int* tokens) => LastError.Guard(() =>
    {
        using var taken = new Taken<Sampler>(sampler);
        Buffers.NotNull(logits, "logits");
        Buffers.NotNull(tokens, "tokens");
        Buffers.InRange("batch", batch, 1, int.MaxValue);
        if (logitsLength == 0 || logitsLength > int.MaxValue || logitsLength % (nuint)batch != 0)
            throw new CallException(Status.WrongLength, $"{logitsLength} logits are not as many for each of {batch} sequences");
        using var scope = Tensor.Scope();
        var all = new Span<float>(logits, (int)logitsLength);
        for (var i = 0; i < all.Length; i++)
            if (float.IsNaN(all[i]) || float.IsPositiveInfinity(all[i])) throw new CallException(Status.OutOfRange, $"logit {i} is {all[i]}");
        var drawn = taken.Value.Draw(Tensor.FromArray(all.ToArray(), [batch, all.Length / batch])).AsSpan<long>();
        for (var b = 0; b < batch; b++) tokens[b] = (int)drawn[b];
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_sampler_free")]
    public static Status SamplerFree(nint sampler) => LastError.Guard(() =>
    {
        Handles.Remove<Sampler>(sampler);
    });

    private static void Read(TokenStream stream, int* tokens, int length, int what, float* output, nuint outputLength)
    {
        using var scope = Tensor.Scope();
        var given = Buffers.Tokens(tokens, stream.Batch, length, stream.Model.Vocabulary);
        Buffers.OptionalOutput(output, outputLength, (long)stream.Batch * Width(stream.Model, what));
        var result = what == Hidden || output == null ? stream.ReadHidden(given) : stream.Read(given);
        if (output != null) Buffers.Copy(result, output);
    }
}
