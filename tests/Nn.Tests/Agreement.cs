using Edifice.Engine;

namespace Edifice.Tests.Nn;

/// <summary>When a result agrees with a reference, by dtype.</summary>
internal static class Agreement
{
    /// <summary>float64: |a - b| ≤ 1e-9 + 1e-8 |b|; float32: |a - b| ≤ 1e-4 max |b|. NaN never agrees.</summary>
    public static void Outputs(ReadOnlySpan<double> golden, ReadOnlySpan<double> actual, DType dtype, string what)
    {
        Assert.Equal(golden.Length, actual.Length);
        var largest = 0.0;
        foreach (var b in golden) largest = Math.Max(largest, Math.Abs(b));
        for (var i = 0; i < golden.Length; i++)
        {
            double a = actual[i], b = golden[i];
            var room = dtype == DType.Float64 ? 1e-9 + 1e-8 * Math.Abs(b) : 1e-4 * largest;
            Assert.True(a == b || Math.Abs(a - b) <= room, $"{what}, entry {i}: {a:r}, golden {b:r}");
        }
    }

    /// <summary>The same bits.</summary>
    public static void Bits(Tensor expected, Tensor actual, string what)
    {
        Assert.True(expected.DType == actual.DType && expected.Shape == actual.Shape, $"{what}: {expected.Shape} and {actual.Shape}");
        Assert.True(Bytes(expected).AsSpan().SequenceEqual(Bytes(actual)), $"{what}: the bits differ");
    }

    /// <summary>The same bits under the same names.</summary>
    public static void Bits(IReadOnlyDictionary<string, Tensor> expected, IReadOnlyDictionary<string, Tensor> actual)
    {
        Assert.Equal(expected.Keys, actual.Keys);
        foreach (var (name, tensor) in expected) Bits(tensor, actual[name], name);
    }

    /// <summary>Copies that later training leaves alone.</summary>
    public static Dictionary<string, Tensor> Snapshot(IReadOnlyDictionary<string, Tensor> state) =>
        state.ToDictionary(s => s.Key, s => s.Value.Clone());

    private static byte[] Bytes(Tensor x) => x.DType switch
    {
        DType.Float32 => System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(x.ToArray<float>()).ToArray(),
        DType.Float64 => System.Runtime.InteropServices.MemoryMarshal.AsBytes<double>(x.ToArray<double>()).ToArray(),
        DType.Int64 => System.Runtime.InteropServices.MemoryMarshal.AsBytes<long>(x.ToArray<long>()).ToArray(),
        _ => throw new ArgumentOutOfRangeException(nameof(x), x.DType, "no test compares such bits"),
    };
}
