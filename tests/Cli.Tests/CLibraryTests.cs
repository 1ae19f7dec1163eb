using System.Runtime.InteropServices;
using System.Text;
using Edifice.C;

namespace Edifice.Cli.Tests;

/// <summary>The functions of the C library, called as C calls them but inside this process. tests/linking.sh runs the compiled
/// library from C and Python too.</summary>
public sealed unsafe class CLibraryTests : IClassFixture<CLibraryTests.TrainedFolder>
{
    private readonly TrainedFolder _trained;

    public CLibraryTests(TrainedFolder trained) => _trained = trained;

    /// <summary>A model of text, trained for a moment.</summary>
    public sealed class TrainedFolder : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public TrainedFolder()
        {
            File.WriteAllText(_folder.In("text"), string.Concat(Enumerable.Repeat("all work and no play makes a dull engine. ", 40)));
            var run = ProgramRun.Of("train", "--block", "gla", "--text", _folder.In("text"), "--length", "16", "--out", Path, "--batch", "4", "--steps", "3",
                "--option", "embed_dim=32", "--option", "hidden_size=32", "--option", "num_layers=2");
            Assert.True(run.Code == 0, run.Error);
        }

        public string Path => _folder.In("run");

        public void Dispose() => _folder.Dispose();
    }

    [Fact]
    public void C_streams_the_tokens_that_generate_prints()
    {
        const string Prompt = "all work";
        var expected = Edifice.Attention.TextModel.Load(_trained.Path)
            .Generate([.. Prompt.Select(c => (int)c)], 30, new Edifice.Attention.Sampling { Temperature = 0.8, Seed = 3 }).ToArray();

        var model = Load();
        nint stream, sampler;
        Ok(Call(&stream, &StreamOf, model));
        Ok(((delegate* unmanaged<double, int, ulong, nint*, Status>)&Exports.SamplerCreate)(0.8, 0, 3, &sampler));
        var logits = stackalloc float[256];
        var tokens = stackalloc int[Prompt.Length];
        for (var i = 0; i < Prompt.Length; i++) tokens[i] = Prompt[i];
        Ok(((delegate* unmanaged<nint, int*, int, int, float*, nuint, Status>)&Exports.Prefill)(stream, tokens, Prompt.Length, 0, logits, 256));
        var drawn = new List<int>();
        for (var i = 0; i < 30; i++)
        {
            int token;
            Ok(((delegate* unmanaged<nint, float*, nuint, int, int*, Status>)&Exports.Sample)(sampler, logits, 256, 1, &token));
            drawn.Add(token);
            Ok(Step(stream, &token, 1, logits, 256));
        }

        Assert.Equal(expected, drawn);
        long position;
        Ok(((delegate* unmanaged<nint, long*, Status>)&Exports.StreamPosition)(stream, &position));
        Assert.Equal(Prompt.Length + 30, position);
        Ok(Free(&Exports.StreamFree, stream));
        Ok(Free(&Exports.SamplerFree, sampler));
        Ok(Free(&Exports.ModelFree, model));
    }

    [Fact]
    public void A_whole_pass_ends_where_a_stream_and_its_clone_end()
    {
        var model = Load();
        nint stream, clone;
        Ok(Call(&stream, &StreamOf, model));
        var tokens = stackalloc int[] { 'a', 'l', 'l', ' ' };
        float* whole = stackalloc float[4 * 256], stepped = stackalloc float[256], cloned = stackalloc float[256];
        Ok(((delegate* unmanaged<nint, int*, int, int, int, float*, nuint, Status>)&Exports.Forward)(model, tokens, 1, 4, 0, whole, 4 * 256));
        Ok(((delegate* unmanaged<nint, int*, int, int, float*, nuint, Status>)&Exports.Prefill)(stream, tokens, 3, 0, null, 0));
        Ok(((delegate* unmanaged<nint, nint*, Status>)&Exports.StreamClone)(stream, &clone));
        Ok(Step(stream, tokens + 3, 1, stepped, 256));
        Ok(Step(clone, tokens + 3, 1, cloned, 256));
        for (var i = 0; i < 256; i++)
        {
            Assert.Equal(stepped[i], cloned[i]);
            Assert.Equal(whole[3 * 256 + i], stepped[i], 1e-4f);
        }

        Ok(((delegate* unmanaged<nint, Status>)&Exports.StreamReset)(clone));
        Ok(Step(clone, tokens, 1, cloned, 256));
        for (var i = 0; i < 256; i++) Assert.Equal(whole[i], cloned[i], 1e-4f);
        Ok(Free(&Exports.StreamFree, stream));
        Ok(Free(&Exports.StreamFree, clone));
        Ok(Free(&Exports.ModelFree, model));
    }

    [Fact]
    public void Misuse_is_answered_with_a_status_and_a_text()
    {
        var model = Load();
        nint stream, other;
        Ok(Call(&stream, &StreamOf, model));
        var token = 1;
        var logits = stackalloc float[256];
        Fails(Status.WrongLength, "255", Step(stream, &token, 1, logits, 255));
        Fails(Status.WrongLength, "1 sequences", Step(stream, &token, 2, logits, 256));
        Fails(Status.NullArgument, "tokens", Step(stream, null, 1, logits, 256));
        token = 256;
        Fails(Status.OutOfRange, "0 to 255", Step(stream, &token, 1, logits, 256));
        Fails(Status.BadHandle, "kind", Step(model, &token, 1, logits, 256));
        Fails(Status.BadHandle, "kind", Call(&other, &StreamOf, stream));
        Assert.Equal(0, other);
        Ok(Free(&Exports.StreamFree, stream));
        Fails(Status.BadHandle, "freed", Step(stream, &token, 1, logits, 256));
        Fails(Status.BadHandle, "freed", Free(&Exports.StreamFree, stream));
        // The place in the table is given out anew: the old handle stays dead.
        Ok(Call(&other, &StreamOf, model));
        Assert.NotEqual(stream, other);
        Fails(Status.BadHandle, "freed", Free(&Exports.StreamFree, stream));
        Ok(Free(&Exports.StreamFree, other));
        Fails(Status.NullArgument, "edifice_stream", Free(&Exports.StreamFree, 0));
        Ok(Free(&Exports.ModelFree, model));
        Fails(Status.OutOfRange, "1 to 1024", ((delegate* unmanaged<int, Status>)&Exports.SetThreads)(0));
    }

    [Fact]
    public void A_handle_in_use_is_busy_for_everybody_else()
    {
        var handle = Handles.Add(new Sampler(Edifice.Attention.Sampling.Greedy));
        using (new Taken<Sampler>(handle))
        {
            Assert.Equal(Status.Busy, Assert.Throws<CallException>(() => Handles.Take<Sampler>(handle)).Status);
            Assert.Equal(Status.Busy, Assert.Throws<CallException>(() => Handles.Remove<Sampler>(handle)).Status);
        }

        Handles.Remove<Sampler>(handle);
    }

    [Fact]
    public void Options_are_listed_as_the_registry_has_them_and_a_wrong_one_is_named()
    {
        nint options;
        int count;
        fixed (byte* folder = Encoding.UTF8.GetBytes(_trained.Path + "\0"))
            Ok(((delegate* unmanaged<byte*, nint*, Status>)&Exports.OptionsOpen)(folder, &options));
        Ok(((delegate* unmanaged<nint, int*, Status>)&Exports.OptionsCount)(options, &count));
        Assert.Equal(Edifice.Attention.Blocks.Find("gla").Options.Rows.Count, count);
        var values = new Dictionary<string, string>();
        for (var i = 0; i < count; i++)
        {
            Exports.OptionText option;
            Ok(((delegate* unmanaged<nint, int, Exports.OptionText*, Status>)&Exports.OptionsGet)(options, i, &option));
            values.Add(Marshal.PtrToStringUTF8((nint)option.Name)!, Marshal.PtrToStringUTF8((nint)option.Value)!);
        }

        Assert.Equal("2", values["num_layers"]);
        fixed (byte* name = "num_layer\0"u8, value = "3\0"u8)
            Fails(Status.BadOption, "num_layers", ((delegate* unmanaged<nint, byte*, byte*, Status>)&Exports.OptionsSet)(options, name, value));
        Ok(Free(&Exports.OptionsFree, options));
    }

    private nint Load()
    {
        nint model;
        fixed (byte* folder = Encoding.UTF8.GetBytes(_trained.Path + "\0"))
            Ok(((delegate* unmanaged<byte*, nint, nint*, Status>)&Exports.ModelLoad)(folder, 0, &model));
        return model;
    }

    private static Status StreamOf(nint model, nint* stream) => ((delegate* unmanaged<nint, int, nint*, Status>)&Exports.StreamCreate)(model, 1, stream);

    private static Status Call(nint* result, delegate*<nint, nint*, Status> create, nint from) => create(from, result);

    private static Status Free(delegate* unmanaged<nint, Status> free, nint handle) => free(handle);

    private static Status Step(nint stream, int* tokens, int count, float* logits, nuint length) =>
        ((delegate* unmanaged<nint, int*, int, int, float*, nuint, Status>)&Exports.Step)(stream, tokens, count, 0, logits, length);

    private static string Text => Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)&Exports.LastErrorText)())!;

    private static void Ok(Status status) => Assert.True(status == Status.Ok, $"{status}: {Text}");

    private static void Fails(Status expected, string word, Status status)
    {
        Assert.Equal(expected, status);
        Assert.Contains(word, Text, StringComparison.Ordinal);
    }
}
