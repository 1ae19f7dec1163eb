using System.Numerics;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>Tensors of numbers in [-1, 1) that float holds exactly, reproducible from a seed.</summary>
internal sealed class RandomTensors(int seed)
{
    private readonly Random _random = new(seed);

    public Tensor Next<T>(params int[] dims) where T : unmanaged, INumber<T>
    {
        var values = new T[new Shape(dims).Count];
        for (var i = 0; i < values.Length; i++) values[i] = T.CreateChecked(2 * _random.NextSingle() - 1);
        return Tensor.FromArray(values, dims);
    }

    /// <summary>Segment numbers of a few values, in runs and repeated.</summary>
    public Tensor Segments(int batch, int length) =>
        Tensor.FromArray(Enumerable.Range(0, batch * length).Select(_ => _random.Next(4) == 0 ? _random.Next(3) : 0).ToArray(), [batch, length]);
}

internal static class TensorValues
{
    /// <summary>The elements of a Float32 or Float64 tensor.</summary>
    public static double[] Doubles(this Tensor tensor) => tensor.DType == DType.Float64
        ? tensor.ToArray<double>()
        : [.. tensor.ToArray<float>().Select(v => (double)v)];

    /// <summary>Every element within the tolerance of what is expected, relative to the larger of 1 and its size.</summary>
    public static bool IsNear(this Tensor tensor, double[] expected, double tolerance)
    {
        var actual = tensor.Doubles();
        for (var i = 0; i < expected.Length; i++)
            if (!(Math.Abs(actual[i] - expected[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])))) return false;
        return actual.Length == expected.Length;
    }
}
