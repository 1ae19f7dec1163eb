using Edifice.Engine;

namespace Edifice.Attention.Tests.Laws;

/// <summary>Comparisons of tensors.</summary>
internal static class Near
{
    /// <summary>The same shape and bits.</summary>
    public static void Same(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Assert.Equal(Bits(expected), Bits(actual));
    }

    /// <summary>The same shape, and no element further off than a part of the largest.</summary>
    public static void Equal(Tensor expected, Tensor actual, double tolerance = 1e-10)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        double[] a = Doubles(expected), b = Doubles(actual);
        var allowed = tolerance * Math.Max(1, a.Select(Math.Abs).DefaultIfEmpty().Max());
        for (var i = 0; i < a.Length; i++)
            Assert.True(Math.Abs(a[i] - b[i]) <= allowed, $"element {i} of {expected.Shape}: {b[i]:G17} instead of {a[i]:G17}, allowed {allowed:G3}");
    }

    private static double[] Doubles(Tensor x)
    {
        using var off = Tensor.NoGrad();
        return x.To(DType.Float64).ToArray<double>();
    }

    private static long[] Bits(Tensor x) => Array.ConvertAll(Doubles(x), BitConverter.DoubleToInt64Bits);
}
