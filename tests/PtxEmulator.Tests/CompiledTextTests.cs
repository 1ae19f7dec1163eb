using System.Runtime.InteropServices;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;

namespace PtxEmulator.Tests;

/// <summary>PTX as a compiler writes it (Compiled/kernels.ll): parameters of functions in memory, .uni branches, demoted variables, labels
/// without percent, comments everywhere.</summary>
public class CompiledTextTests
{
    private static Card Load(string name)
    {
        using var reader = new StreamReader(typeof(CompiledTextTests).Assembly.GetManifestResourceStream(name + ".ptx")!);
        return new Card(reader.ReadToEnd(), isWhole: true);
    }

    private static TOut[] Run<TIn, TOut>(Card card, string kernel, TIn[] input, int results, int blocks, int threads, uint? count = null)
        where TIn : unmanaged where TOut : unmanaged
    {
        var driver = card.Driver;
        var y = driver.Allocate(results * Marshal.SizeOf<TOut>(), default);
        var arguments = new KernelArguments();
        arguments.Add(y.Address);
        if (input.Length > 0)
        {
            var x = driver.Allocate(input.Length * Marshal.SizeOf<TIn>(), default);
            driver.CopyToDevice(MemoryMarshal.AsBytes<TIn>(input), x, default);
            arguments.Add(x.Address);
        }

        if (count is { } n) arguments.Add(n);
        driver.Launch(driver.GetFunction(card.Module, kernel), new LaunchShape((uint)blocks, 1, 1, (uint)threads, 1, 1, 0), arguments.Bytes, default);
        var result = new TOut[results];
        driver.CopyToHost(y, MemoryMarshal.AsBytes(result.AsSpan()), default);
        return result;
    }

    public static TheoryData<string> Texts => ["sm_70", "sm_75", "sm_80", "sm_86", "sm_70_unoptimized"];

    [Theory]
    [MemberData(nameof(Texts))]
    public void A_call_with_its_parameters_in_memory_and_a_loop_of_differing_length_agree_with_the_source(string text)
    {
        var x = Enumerable.Range(0, 50).Select(i => i / 16f).ToArray();
        var expected = x.Select((v, i) =>
        {
            var s = (i & 3) == 0 ? 0f : 1f;
            for (var k = 0; k < (i & 3); k++) s = MathF.FusedMultiplyAdd(s, v, 1);
            return s * (1 << (i & 3));
        });
        Assert.Equal(expected, Run<float, float>(Load(text), "polynomials", x, 50, 2, 32, 50));
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void A_tree_of_sums_in_shared_memory_agrees_with_the_source(string text)
    {
        var x = Enumerable.Range(0, 768).Select(i => (float)(i % 13)).ToArray();
        Assert.Equal(x.Chunk(256).Select(c => c.Sum()), Run<float, float>(Load(text), "sums", x, 3, 3, 256));
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void An_array_of_a_thread_of_its_own_agrees_with_the_source(string text) =>
        Assert.Equal(Enumerable.Range(0, 40).Select(t => (t & 7) * t / 3.0), Run<int, double>(Load(text), "locals", [], 40, 1, 40));

    [Theory]
    [MemberData(nameof(Texts))]
    public void Bytes_and_halves_agree_with_the_source(string text)
    {
        var x = Enumerable.Range(-60, 120).Select(i => (sbyte)(i * 2)).ToArray();
        Assert.Equal(x.Select(v => (short)Math.Abs(v * 3)), Run<sbyte, short>(Load(text), "bytes", x, 120, 1, 120));
    }
}
