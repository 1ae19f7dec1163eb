using System.Numerics;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>Tensors element by element, without any kernel: what the naive models of the tests read and write.</summary>
internal static class Elements
{
    /// <summary>The elements in row-major order.</summary>
    public static T[] Of<T>(Tensor x) where T : unmanaged
    {
        var result = new T[x.Count];
        for (long i = 0; i < x.Count; i++) result[i] = x.Storage.Element<T>(x.Offset + Offset(x, i));
        return result;
    }

    /// <summary>The elements as double.</summary>
    public static double[] AsDouble(Tensor x) => x.DType switch
    {
        DType.Float32 => Array.ConvertAll(Of<float>(x), v => (double)v),
        DType.Float64 => Of<double>(x),
        DType.Int32 => Array.ConvertAll(Of<int>(x), v => (double)v),
        DType.Int64 => Array.ConvertAll(Of<long>(x), v => (double)v),
        _ => Array.ConvertAll(Of<bool>(x), v => v ? 1.0 : 0.0),
    };

    /// <summary>The lines of a tensor along an axis, each with the row-major indices of its elements.</summary>
    public static IEnumerable<long[]> Lines(Shape shape, int axis)
    {
        long inner = 1;
        for (var a = axis + 1; a < shape.Rank; a++) inner *= shape[a];
        long n = shape[axis], block = n * inner;
        for (long start = 0; start < shape.Count; start += block)
            for (long i = 0; i < inner; i++)
                yield return Enumerable.Range(0, (int)n).Select(k => start + i + k * inner).ToArray();
    }

    /// <summary>Σ of the terms with their rounding errors kept (Neumaier 1974).</summary>
    public static double ExactSum(IEnumerable<double> terms)
    {
        double sum = 0, lost = 0;
        foreach (var t in terms)
        {
            var next = sum + t;
            lost += Math.Abs(sum) >= Math.Abs(t) ? sum - next + t : t - next + sum;
            sum = next;
        }

        return sum + lost;
    }

    /// <summary>Numbers of which sums lose digits: a wide range of sizes, both signs.</summary>
    public static T Uneven<T>(Random random) where T : unmanaged, INumber<T> =>
        T.CreateTruncating((random.NextDouble() - 0.3) * Math.Pow(10, random.Next(-3, 4)));

    /// <summary>The bits of every element.</summary>
    public static byte[] Bits(Tensor contiguous)
    {
        var bytes = new byte[contiguous.Count * contiguous.DType.SizeOf()];
        contiguous.Storage.Bytes(contiguous.Offset * contiguous.DType.SizeOf(), bytes);
        return bytes;
    }

    private static unsafe T Element<T>(this Storage storage, long index) where T : unmanaged
    {
        fixed (byte* p = &storage.HostData) return ((T*)p)[index];
    }

    private static unsafe void Bytes(this Storage storage, long offset, byte[] to)
    {
        fixed (byte* p = &storage.HostData) new ReadOnlySpan<byte>(p + offset, to.Length).CopyTo(to);
    }

    private static long Offset(Tensor x, long index)
    {
        long offset = 0;
        for (var a = x.Rank - 1; a >= 0; a--)
        {
            offset += index % x.Shape[a] * x.Strides[a];
            index /= x.Shape[a];
        }

        return offset;
    }
}
