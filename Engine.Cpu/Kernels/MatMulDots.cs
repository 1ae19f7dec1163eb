using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Products of a few rows by a B whose columns run along memory (a weight [N, K], transposed): every element is the dot
/// product of two runs.</summary>
/// <remarks>
/// <para>Bound by reading B. Eight registers of sums take up B as it lies; laying it out for tiles would cost more than the
/// product.</para>
/// <para>The order of a sum is its own: 64 bytes hold G elements, so G chains of multiply-adds (chain j takes the products k ≡ j
/// mod G, k ascending), added as a tree (j with j + G/2, then halves of the halves). Its error is at most
/// (K/G + log2 G + 1) u Σ|a b|, smaller than that of one chain; the width of the registers does not show.</para>
/// </remarks>
internal static unsafe class MatMulDots<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    private const int Chains = 8;

    /// <summary>Registers that hold the chains of one sum.</summary>
    private static int Parts => 64 / sizeof(V);

    /// <summary>Columns summed side by side.</summary>
    private static int Columns => Chains / Parts;

    /// <summary>C = A B, or C += A B, for the columns from <paramref name="first"/> to <paramref name="end"/>; B's elements lie side by
    /// side along k.</summary>
    /// <param name="p">The product.</param>
    /// <param name="a">Its A with elements side by side along k.</param>
    /// <param name="aRow">Elements between rows of <paramref name="a"/>.</param>
    /// <param name="first">The first column.</param>
    /// <param name="end">Behind the last.</param>
    public static void Run(MatMulProblem<T>* p, T* a, nint aRow, int first, int end)
    {
        for (var column = first; column < end; column += Columns)
        {
            var width = Math.Min(Columns, end - column);
            var b = p->B + column * p->BColumn;
            for (var row = 0; row < p->M; row++)
            {
                var sums = Sum(a + row * aRow, b, p->BColumn, width, p->K);
                var c = p->C + row * p->CRow + column;
                V.StorePartial(p->Accumulate ? V.LoadPartial(c, width) + sums : sums, c, width);
            }
        }
    }

    /// <summary>The dot products of a with <paramref name="width"/> columns, 1 to <see cref="Columns"/>.</summary>
    /// <returns>In the first lanes, in the order of the columns.</returns>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static V Sum(T* a, T* b, nint column, int width, int k)
    {
        // Columns beyond the last repeat it.
        T* b0 = Start(b, column, width, 0), b1 = Start(b, column, width, 1), b2 = Start(b, column, width, 2), b3 = Start(b, column, width, 3);
        T* b4 = Start(b, column, width, 4), b5 = Start(b, column, width, 5), b6 = Start(b, column, width, 6), b7 = Start(b, column, width, 7);
        V s0 = V.Zero, s1 = V.Zero, s2 = V.Zero, s3 = V.Zero, s4 = V.Zero, s5 = V.Zero, s6 = V.Zero, s7 = V.Zero;
        nint i = 0;
        for (; i + Parts * V.Count <= k; i += Parts * V.Count)
        {
            V x0 = V.Load(a + i), x1 = Parts > 1 ? V.Load(a + i + V.Count) : V.Zero;
            V x2 = Parts > 2 ? V.Load(a + i + 2 * V.Count) : V.Zero, x3 = Parts > 2 ? V.Load(a + i + 3 * V.Count) : V.Zero;
            s0 = V.MultiplyAdd(Part(0, x0, x1, x2, x3), V.Load(b0 + i), s0);
            s1 = V.MultiplyAdd(Part(1, x0, x1, x2, x3), V.Load(b1 + i), s1);
            s2 = V.MultiplyAdd(Part(2, x0, x1, x2, x3), V.Load(b2 + i), s2);
            s3 = V.MultiplyAdd(Part(3, x0, x1, x2, x3), V.Load(b3 + i), s3);
            s4 = V.MultiplyAdd(Part(4, x0, x1, x2, x3), V.Load(b4 + i), s4);
            s5 = V.MultiplyAdd(Part(5, x0, x1, x2, x3), V.Load(b5 + i), s5);
            s6 = V.MultiplyAdd(Part(6, x0, x1, x2, x3), V.Load(b6 + i), s6);
            s7 = V.MultiplyAdd(Part(7, x0, x1, x2, x3), V.Load(b7 + i), s7);
        }

        if (i < k)
        {
            var rest = (int)(k - i);
            int n0 = Rest(0, rest), n1 = Rest(1, rest), n2 = Rest(2, rest), n3 = Rest(3, rest);
            V x0 = V.LoadPartial(a + i, n0), x1 = Parts > 1 ? V.LoadPartial(a + i + V.Count, n1) : V.Zero;
            V x2 = Parts > 2 ? V.LoadPartial(a + i + 2 * V.Count, n2) : V.Zero, x3 = Parts > 2 ? V.LoadPartial(a + i + 3 * V.Count, n3) : V.Zero;
            s0 = V.MultiplyAdd(Part(0, x0, x1, x2, x3), V.LoadPartial(b0 + i, Rest(0, rest)), s0);
            s1 = V.MultiplyAdd(Part(1, x0, x1, x2, x3), V.LoadPartial(b1 + i, Rest(1, rest)), s1);
            s2 = V.MultiplyAdd(Part(2, x0, x1, x2, x3), V.LoadPartial(b2 + i, Rest(2, rest)), s2);
            s3 = V.MultiplyAdd(Part(3, x0, x1, x2, x3), V.LoadPartial(b3 + i, Rest(3, rest)), s3);
            s4 = V.MultiplyAdd(Part(4, x0, x1, x2, x3), V.LoadPartial(b4 + i, Rest(4, rest)), s4);
            s5 = V.MultiplyAdd(Part(5, x0, x1, x2, x3), V.LoadPartial(b5 + i, Rest(5, rest)), s5);
            s6 = V.MultiplyAdd(Part(6, x0, x1, x2, x3), V.LoadPartial(b6 + i, Rest(6, rest)), s6);
            s7 = V.MultiplyAdd(Part(7, x0, x1, x2, x3), V.LoadPartial(b7 + i, Rest(7, rest)), s7);
        }

        // The parts of a sum first; then each round of zips adds the upper half of every register to the lower, two registers in one.
        // Paired from far to near, the columns end up in their order.
        V folded;
        if (Parts == 1) folded = Fold(Fold(Fold(s0, s4), Fold(s2, s6)), Fold(Fold(s1, s5), Fold(s3, s7)));
        else if (Parts == 2) folded = Fold(Fold(s0 + s1, s4 + s5), Fold(s2 + s3, s6 + s7));
        else folded = Fold((s0 + s2) + (s1 + s3), (s4 + s6) + (s5 + s7));
        if (V.Count == Columns) return folded;
        // Two sums are left of each column, in the two halves.
        var halves = stackalloc T[V.Count];
        V.Store(folded, halves);
        return folded + V.LoadPartial(halves + Columns, Columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T* Start(T* b, nint column, int width, int chain) => b + Math.Min(chain / Parts, width - 1) * column + chain % Parts * V.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Rest(int chain, int rest) => Math.Clamp(rest - chain % Parts * V.Count, 0, V.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Part(int chain, V x0, V x1, V x2, V x3) => (chain % Parts) switch { 0 => x0, 1 => x1, 2 => x2, _ => x3 };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Fold(V a, V b) => V.ZipLow(a, b) + V.ZipHigh(a, b);
}
