using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Tests.Simd;

public unsafe class RearrangeTests
{
    [Fact]
    public void Zip_unzip_and_reverse_move_lanes_as_named()
    {
        Check<Lanes128<float>, float>();
        Check<Lanes128<double>, double>();
        Check<Lanes128<int>, int>();
        Check<Lanes128<long>, long>();
        if (Isa.Has256)
        {
            Check<Lanes256<float>, float>();
            Check<Lanes256<double>, double>();
        }

        if (Isa.Has512)
        {
            Check<Lanes512<float>, float>();
            Check<Lanes512<double>, double>();
        }
    }

    private static void Check<V, T>() where V : unmanaged, ILanes<V, T> where T : unmanaged, System.Numerics.INumber<T>
    {
        var n = V.Count;
        T[] a = Sequence<T>(n, 0), b = Sequence<T>(n, 100);
        T[] zipped = [.. a.Zip(b).SelectMany(p => new[] { p.First, p.Second })];
        T[] joined = [.. a, .. b];
        fixed (T* pa = a, pb = b)
        {
            V va = V.Load(pa), vb = V.Load(pb);
            Assert.Equal(zipped[..n], Lanes<V, T>(V.ZipLow(va, vb)));
            Assert.Equal(zipped[n..], Lanes<V, T>(V.ZipHigh(va, vb)));
            Assert.Equal(joined.Where((_, i) => i % 2 == 0), Lanes<V, T>(V.UnzipEven(va, vb)));
            Assert.Equal(joined.Where((_, i) => i % 2 == 1), Lanes<V, T>(V.UnzipOdd(va, vb)));
            Assert.Equal(a.Reverse(), Lanes<V, T>(V.Reverse(va)));
        }
    }

    [Fact]
    public void A_tile_of_any_size_is_transposed_and_nothing_around_it_is_touched()
    {
        Transpose<Lanes128<float>, float>();
        Transpose<Lanes128<double>, double>();
        if (Isa.Has256)
        {
            Transpose<Lanes256<float>, float>();
            Transpose<Lanes256<double>, double>();
        }

        if (Isa.Has512)
        {
            Transpose<Lanes512<float>, float>();
            Transpose<Lanes512<double>, double>();
        }
    }

    private static void Transpose<V, T>() where V : unmanaged, ILanes<V, T> where T : unmanaged, System.Numerics.INumber<T>
    {
        const int stride = 19;
        var source = Sequence<T>(20 * stride, 0);
        for (var rows = 0; rows <= V.Count; rows++)
        {
            for (var columns = 0; columns <= V.Count; columns++)
            {
                var result = Sequence<T>(20 * stride, 5000);
                fixed (T* s = source, d = result) TileTranspose<V, T>.Run(s, stride, d, stride, rows, columns);
                for (var i = 0; i < result.Length; i++)
                {
                    var (row, column) = (i / stride, i % stride);
                    Assert.Equal(row < columns && column < rows ? source[column * stride + row] : T.CreateChecked(5000 + i), result[i]);
                }
            }
        }
    }

    private static T[] Sequence<T>(int n, int from) where T : System.Numerics.INumber<T> =>
        [.. Enumerable.Range(from, n).Select(T.CreateChecked)];

    private static T[] Lanes<V, T>(V v) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var lanes = new T[V.Count];
        fixed (T* p = lanes) V.Store(v, p);
        return lanes;
    }
}
