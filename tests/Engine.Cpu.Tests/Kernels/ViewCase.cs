using System.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>A shape and how a view of that shape lies in memory: axes permuted, stepped over, walked backwards, broadcast.</summary>
/// <param name="Extents">The extents of the view.</param>
/// <param name="Order">Orders the axes in memory: axis with the smallest number outermost.</param>
/// <param name="Steps">Per axis: 1, a larger or negative step, or 0 for a broadcast axis.</param>
/// <param name="Seed">Of the values.</param>
public sealed record ViewCase(int[] Extents, int[] Order, int[] Steps, int Seed)
{
    public long Count => Extents.Aggregate(1L, (n, e) => n * e);

    /// <summary>A view with given values: <paramref name="value"/> is called once per element in memory.</summary>
    internal Tensor Build<T>(Func<Random, T> value) where T : unmanaged
    {
        var random = new Random(Seed);
        var axes = Enumerable.Range(0, Extents.Length).OrderBy(a => Order[a]).ToArray();
        var stored = axes.Select(a => Steps[a] == 0 ? 1 : Extents[a] * Math.Abs(Steps[a])).ToArray();
        var values = new T[stored.Aggregate(1, (n, e) => n * e)];
        for (var i = 0; i < values.Length; i++) values[i] = value(random);

        var view = Tensor.FromSpan<T>(values, stored);
        if (Extents.Length == 0) return view;
        view = view.Permute(axes.Select((a, i) => (a, i)).OrderBy(p => p.a).Select(p => p.i).ToArray());
        for (var a = 0; a < Extents.Length; a++)
        {
            if (Math.Abs(Steps[a]) > 1) view = view.Slice(a, 0, null, Math.Abs(Steps[a]));
            if (Steps[a] < 0) view = view.Flip(a);
        }

        return view.Expand(Extents);
    }

    public override string ToString() =>
        $"[{string.Join(", ", Extents)}] order [{string.Join(", ", Order)}] steps [{string.Join(", ", Steps)}] seed {Seed}";
}

/// <summary>Generators of views, for <c>[Property(Arbitrary = [typeof(ViewCases)])]</c>.</summary>
public static class ViewCases
{
    private const int MostElements = 6000;

    private static readonly Gen<int> s_extent = Gen.Frequency(
        (1, Gen.Constant(0)),
        (4, Gen.Constant(1)),
        (12, Gen.Choose(2, 6)),
        (6, Gen.Elements(7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)),
        (2, Gen.Choose(66, 700)));

    private static readonly Gen<int> s_step = Gen.Frequency(
        (8, Gen.Constant(1)), (2, Gen.Constant(2)), (1, Gen.Constant(-1)), (1, Gen.Constant(-3)), (1, Gen.Constant(0)));

    public static Arbitrary<ViewCase> Views() => Arb.From(Any, Shrink);

    private static Gen<ViewCase> Any =>
        from rank in Gen.Choose(0, 4)
        from extents in Gen.ArrayOf(s_extent, rank)
        from inOrder in Gen.Elements(true, true, false)
        from order in Gen.ArrayOf(Gen.Choose(0, 9), rank)
        from steps in Gen.ArrayOf(s_step, rank)
        from plain in Gen.Elements(true, false)
        from seed in Gen.Choose(0, 1 << 20)
        select new ViewCase(Bounded(extents), inOrder ? new int[rank] : order,
            plain ? Enumerable.Repeat(1, rank).ToArray() : steps, seed);

    private static int[] Bounded(int[] extents)
    {
        for (var i = 0; extents.Aggregate(1L, (n, d) => n * d) > MostElements; i++) extents[i] = Math.Min(extents[i], 2);
        return extents;
    }

    private static IEnumerable<ViewCase> Shrink(ViewCase c)
    {
        for (var a = 0; a < c.Extents.Length; a++)
            yield return new ViewCase(Without(c.Extents, a), Without(c.Order, a), Without(c.Steps, a), c.Seed);
        if (c.Order.Any(o => o != 0)) yield return c with { Order = new int[c.Order.Length] };
        for (var a = 0; a < c.Extents.Length; a++)
        {
            if (c.Steps[a] != 1) yield return c with { Steps = With(c.Steps, a, 1) };
            foreach (var smaller in new[] { 1, c.Extents[a] / 2, c.Extents[a] - 1 })
                if (smaller >= 1 && smaller < c.Extents[a]) yield return c with { Extents = With(c.Extents, a, smaller) };
        }
    }

    private static int[] Without(int[] values, int at) => [.. values[..at], .. values[(at + 1)..]];

    private static int[] With(int[] values, int at, int value)
    {
        var copy = (int[])values.Clone();
        copy[at] = value;
        return copy;
    }
}

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
